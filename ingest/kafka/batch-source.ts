import { listOffsetsV7 } from '@platformatic/kafka'
import { partitionKey, type RawBatch, type TopicPartition } from '../../schemas/batch.ts'
import { createSlabPool } from '../../schemas/slab.ts'
import { type Backoff, createBackoff, pauseMs } from '../backoff.ts'
import { describeCode, reasonOf } from './broker-connection.ts'
import { createCluster, isFatal } from './cluster.ts'
import { asError } from '../errors.ts'
import { kindOf } from './fetch-errors.ts'
import type { FetchPartition, FetchTopic } from './fetch-request.ts'
import { cutBatches, type FetchedPartition } from './fetch-response.ts'
import { createGroupMember } from './group-member.ts'
import { byTopic, type PartitionState, unknownPosition } from './partition-state.ts'
import type { Source, SourceHandler } from '../source.ts'
import type { SourceOptions } from '../source-options.ts'

/**
 * The default source: Fetch responses are read down to whole record batches and no further, and handed over as the
 * broker sent them. Group membership is in group-member.ts; requests and logins are the client library's, sockets ours.
 *
 * Each broker has two lanes, connections with at most one fetch under way. A partition is in one fetch at a time.
 * The second lane is for partitions that become readable while the first waits at the broker for something new.
 */
export function createBatchSource(options: SourceOptions): Source {
  const { logger, metrics } = options
  const cluster = createCluster(options)
  const stopping = new AbortController()
  /** Assigned partitions by their key. */
  const active = new Map<string, PartitionState>()
  /** Fetches that brought something of a partition, so far: see PartitionState.turn. */
  let turns = 0
  const brokers = new Map<number, BrokerState>()
  const slabs = createSlabPool(options.aheadMaxBytes)
  let handler: SourceHandler | null = null
  let running: Promise<void> | null = null
  let pumpWanted = false
  let pumpTimer: NodeJS.Timeout | null = null
  let failedAtMs = 0

  const requireHandler = (): SourceHandler => {
    if (handler === null) throw new Error('The source was not started.')
    return handler
  }

  /** Nothing is read any more: what was not stored is read again after a new start. */
  const broken = (error: Error): void => {
    stopping.abort()
    member.stop()
    requireHandler().failed(error, true)
  }

  // --- positions ---------------------------------------------------------------------------------------------

  const activate = async (partitions: readonly TopicPartition[], current: () => boolean): Promise<void> => {
    const backoff = createBackoff(options.backoffMinMs, options.backoffMaxMs)
    while (current()) {
      try {
        // Always looked up anew: a topic may have been deleted and made again since, with another id.
        await cluster.refresh(options.topics)
        const ids = new Map(options.topics.map(topic => [topic, cluster.topic(topic)?.id]))
        const known = await requireHandler().assigned(
          partitions.map(({ topic, partition }) => {
            const topicId = ids.get(topic)
            return { topic, partition, ...(topicId === undefined ? {} : { topicId }) }
          }),
          current
        )
        const positions = new Map(known.map(p => [partitionKey(p.topic, p.partition), p.offset]))
        const others = partitions.filter(p => !positions.has(partitionKey(p.topic, p.partition)))
        for (const { topic, partition, offset } of await member.committed(others))
          positions.set(partitionKey(topic, partition), offset)
        if (!current()) return
        for (const { topic, partition } of partitions) {
          const key = partitionKey(topic, partition)
          active.set(key, {
            key,
            topic,
            partition,
            topicId: ids.get(topic),
            position: positions.get(key) ?? unknownPosition,
            resetTo: options.offsetReset,
            paused: false,
            inFlight: false,
            turn: 0,
            highWatermark: -1,
            heardAtMs: 0,
            maxBytes: options.fetchPartitionMaxBytes,
            notBeforeMs: 0,
            backoff: createBackoff(options.backoffMinMs, options.backoffMaxMs)
          })
        }
        pump()
        return
      } catch (error) {
        const delayMs = backoff.next()
        logger.warn({ reason: reasonOf(error), delayMs }, 'kafka start positions could not be found')
        if (backoff.attempts() % 5 === 0) requireHandler().failed(asError(error), false)
        // An assignment that is void ends the wait at its next turn; the delay is bounded by backoffMaxMs.
        await pauseMs(delayMs, stopping.signal)
      }
    }
  }

  const member = createGroupMember(options, cluster, {
    assigned: activate,
    async revoked(partitions, limitMs) {
      for (const { topic, partition } of partitions) active.delete(partitionKey(topic, partition))
      try {
        await requireHandler().revoked(partitions, limitMs)
      } catch (error) {
        broken(asError(error))
      }
    },
    failed: error => requireHandler().failed(error, false),
    unreached: () => {
      failedAtMs = options.nowMs()
    },
    broken
  })

  /** Asks a leader where its partitions begin and end, and sets the positions that are unknown. */
  const findPositions = async (nodeId: number, states: readonly PartitionState[]): Promise<void> => {
    const connection = await cluster.connection(nodeId, 'control')
    const ask = async (timestamp: bigint): Promise<Map<string, number>> => {
      const answer = await connection.call(options.requestTimeoutMs, c =>
        listOffsetsV7.api.async(
          c,
          -1,
          options.isolation === 'read_committed' ? 1 : 0,
          byTopic(states).map(([name, list]) => ({
            name,
            partitions: list.map(state => ({
              partitionIndex: state.partition,
              currentLeaderEpoch: -1,
              timestamp
            }))
          }))
        )
      )
      return new Map(
        answer.topics.flatMap(topic =>
          topic.partitions.map(p => [partitionKey(topic.name, p.partitionIndex), Number(p.offset)] as const)
        )
      )
    }
    const [begins, ends] = [await ask(-2n), await ask(-1n)]
    for (const state of states) {
      const { key } = state
      const begin = begins.get(key)
      const end = ends.get(key)
      if (begin === undefined || end === undefined) continue
      const lost = state.lostPosition
      if (lost !== undefined) {
        // Expired records cannot be had back: continue with the oldest there is, whatever the reset says.
        const expired = lost < begin
        state.position = expired || options.offsetReset === 'earliest' ? begin : end
        state.lostPosition = undefined
        if (expired) metrics?.expired(begin - lost)
        const what = expired
          ? `${begin - lost} records from offset ${lost} on had expired`
          : `the partition ends at ${end}, before the position ${lost}: it was cut or made anew`
        requireHandler().failed(
          new Error(
            `The partition ${key} could not be continued: ${what}. Reading goes on at ${state.position}.`
          ),
          false
        )
      } else {
        state.position = state.resetTo === 'earliest' ? begin : end
      }
      state.highWatermark = Math.max(state.highWatermark, end)
      state.backoff.reset()
    }
  }

  // --- fetching ----------------------------------------------------------------------------------------------

  /** Starts what can be started. Coalesced: many resumes in one turn make one request. */
  const pump = (): void => {
    if (pumpWanted || stopping.signal.aborted) return
    pumpWanted = true
    queueMicrotask(() => {
      pumpWanted = false
      if (!stopping.signal.aborted) startFetches()
    })
  }

  const startFetches = (): void => {
    const nowMs = performance.now()
    let wakeAtMs = Infinity
    const ready = new Map<number, PartitionState[]>()
    let leaderless = false
    for (const state of active.values()) {
      if (isRecreated(state)) {
        // Its positions mean nothing in the new topic: all is given up and taken over again, by the new id.
        member.rejoin()
        return
      }
      if (state.inFlight || state.paused) continue
      if (state.notBeforeMs > nowMs) {
        wakeAtMs = Math.min(wakeAtMs, state.notBeforeMs)
        continue
      }
      const leader = cluster.leader(state.topic, state.partition)
      if (leader === null) {
        leaderless = true
        delay(state)
        wakeAtMs = Math.min(wakeAtMs, state.notBeforeMs)
        continue
      }
      const list = ready.get(leader.nodeId)
      if (list === undefined) ready.set(leader.nodeId, [state])
      else list.push(state)
    }
    if (leaderless) refreshMetadata()
    for (const [nodeId, states] of ready) {
      const broker = brokerState(nodeId)
      if (broker.notBeforeMs > nowMs) {
        wakeAtMs = Math.min(wakeAtMs, broker.notBeforeMs)
        continue
      }
      const lane = broker.busy.indexOf(false)
      if (lane < 0) continue
      states.sort((a, b) => a.turn - b.turn)
      const unknown = states.filter(state => state.position < 0)
      work(
        broker,
        lane,
        unknown.length > 0 ? unknown : states,
        unknown.length > 0 ? findPositions : fetchOnce
      ).catch((error: unknown) => broken(asError(error)))
    }
    if (pumpTimer !== null) clearTimeout(pumpTimer)
    pumpTimer = wakeAtMs === Infinity ? null : setTimeout(pump, Math.max(1, wakeAtMs - nowMs))
  }

  /** Whether the topic of the partition was deleted and made again since it was assigned. */
  const isRecreated = ({ topic, topicId }: PartitionState): boolean => {
    const id = cluster.topic(topic)?.id
    return id !== undefined && id !== topicId
  }

  const brokerState = (nodeId: number): BrokerState => {
    let found = brokers.get(nodeId)
    if (found === undefined) {
      found = {
        nodeId,
        busy: Array.from({ length: lanesPerBroker }, () => false),
        notBeforeMs: 0,
        backoff: createBackoff(options.backoffMinMs, options.backoffMaxMs)
      }
      brokers.set(nodeId, found)
    }
    return found
  }

  const delay = (state: PartitionState): void => {
    state.notBeforeMs = performance.now() + state.backoff.next()
  }

  /** One request on one lane, with the bookkeeping around it. */
  const work = async (
    broker: BrokerState,
    lane: number,
    states: readonly PartitionState[],
    send: (nodeId: number, states: readonly PartitionState[], lane: number) => Promise<void>
  ): Promise<void> => {
    broker.busy[lane] = true
    for (const state of states) state.inFlight = true
    try {
      await send(broker.nodeId, states, lane)
      broker.backoff.reset()
    } catch (error) {
      if (!stopping.signal.aborted) {
        const delayMs = broker.backoff.next()
        broker.notBeforeMs = performance.now() + delayMs
        failedAtMs = options.nowMs()
        metrics?.fetchError('network')
        logger.warn({ reason: reasonOf(error), broker: broker.nodeId, delayMs }, 'kafka fetch failed')
        if (isFatal(error)) requireHandler().failed(asError(error), true)
        else if (broker.backoff.attempts() % 5 === 0) requireHandler().failed(asError(error), false)
        refreshMetadata()
      }
    } finally {
      broker.busy[lane] = false
      for (const state of states) state.inFlight = false
      pump()
    }
  }

  const refreshMetadata = (): void => {
    cluster.refresh(options.topics).then(pump, (error: unknown) => {
      logger.debug({ reason: reasonOf(error) }, 'kafka metadata could not be refreshed')
    })
  }

  const fetchOnce = async (
    nodeId: number,
    states: readonly PartitionState[],
    lane: number
  ): Promise<void> => {
    const startedMs = performance.now()
    const connection = await cluster.connection(nodeId, `fetch ${lane}`)
    const asked = new Map<string, Map<number, PartitionState>>()
    const topics: FetchTopic[] = []
    for (const [name, list] of byTopic(states)) {
      const topic = cluster.topic(name)
      if (topic === undefined) continue
      const partitions: FetchPartition[] = []
      const askedOfTopic = new Map<number, PartitionState>()
      asked.set(topic.id, askedOfTopic)
      for (const state of list) {
        askedOfTopic.set(state.partition, state)
        partitions.push({
          partition: state.partition,
          leaderEpoch: topic.partitions[state.partition]?.epoch ?? -1,
          fetchOffset: state.position,
          partitionMaxBytes: state.maxBytes
        })
      }
      topics.push({ topicId: topic.id, partitions })
    }
    // An answer may have waited for us, so it tells only of what was there when it was asked for.
    const askedAtMs = options.nowMs()
    const response = await connection.call(options.requestTimeoutMs + options.fetchMaxWaitMs, c =>
      c.fetch(
        {
          maxWaitMs: options.fetchMaxWaitMs,
          minBytes: 1,
          maxBytes: options.fetchMaxBytes,
          isReadCommitted: options.isolation === 'read_committed',
          topics
        },
        slabs
      )
    )
    if (response.throttleMs > 0) {
      metrics?.throttled(response.throttleMs)
      brokerState(nodeId).notBeforeMs = performance.now() + response.throttleMs
    }
    if (response.errorCode !== 0)
      throw new Error(`The broker ${nodeId} refused a fetch: ${describeCode(response.errorCode)}`)
    handOver(response.partitions, asked, askedAtMs)
    const bytes = response.partitions.reduce((sum, fetched) => sum + fetched.bytes.byteLength, 0)
    // One that brought more is followed by the next at once: there is more where it came from.
    if (bytes < options.fetchMaxBytes / gatherBelow) {
      const broker = brokerState(nodeId)
      broker.notBeforeMs = Math.max(broker.notBeforeMs, startedMs + options.fetchGatherMs)
    }
  }

  const handOver = (partitions: readonly FetchedPartition[], asked: Asked, askedAtMs: number): void => {
    const batches: RawBatch[] = []
    for (const fetched of partitions) {
      const state = asked.get(fetched.topicId)?.get(fetched.partition)
      // Given up while the fetch was under way: the next owner reads it.
      if (state === undefined || active.get(state.key) !== state) {
        fetched.slab?.release()
        continue
      }
      if (fetched.errorCode !== 0) {
        fetched.slab?.release()
        onPartitionError(state, fetched)
        continue
      }
      state.backoff.reset()
      state.highWatermark = fetched.highWatermark
      state.heardAtMs = askedAtMs
      if (fetched.bytes.byteLength === 0) continue
      const cut = cutBatches(fetched.bytes, {
        topic: state.topic,
        partition: state.partition,
        position: state.position,
        aborted: fetched.aborted,
        runRecordsMax,
        slab: fetched.slab
      })
      const last = cut.at(-1)
      state.turn = ++turns
      if (last === undefined) {
        // Brokers send at least one whole batch; one that does not is asked for more.
        state.maxBytes = Math.min(state.maxBytes * 2, options.fetchMaxBytes * 16)
        delay(state)
        continue
      }
      state.maxBytes = options.fetchPartitionMaxBytes
      state.position = last.lastOffset + 1
      batches.push(...cut)
    }
    if (batches.length === 0) return
    metrics?.handedOver(batches)
    try {
      requireHandler().batches(batches)
    } catch (error) {
      // The positions have moved on, so going on would lose these batches.
      broken(asError(error))
    }
  }

  const onPartitionError = (state: PartitionState, fetched: FetchedPartition): void => {
    const kind = kindOf(fetched.errorCode)
    metrics?.fetchError(kind)
    const { key } = state
    const error = describeCode(fetched.errorCode)
    if (kind === 'out_of_range') {
      state.lostPosition = state.position
      state.position = unknownPosition
      return
    }
    delay(state)
    if (kind === 'leader') {
      logger.debug({ partition: key, error }, 'kafka leader has moved')
      refreshMetadata()
      return
    }
    logger.warn({ partition: key, error }, 'kafka partition could not be fetched')
    if (state.backoff.attempts() % 5 === 1)
      requireHandler().failed(new Error(`The partition ${key} cannot be fetched: ${error}`), false)
  }

  return {
    name: 'batch',
    start(given) {
      if (handler !== null) return Promise.reject(new Error('The source was started before.'))
      handler = given
      running = member.run().catch((error: unknown) => {
        given.failed(asError(error), true)
      })
      return Promise.resolve()
    },
    pause(partitions) {
      for (const { topic, partition } of partitions) {
        const state = active.get(partitionKey(topic, partition))
        if (state !== undefined) state.paused = true
      }
    },
    resume(partitions) {
      for (const { topic, partition } of partitions) {
        const state = active.get(partitionKey(topic, partition))
        if (state !== undefined) state.paused = false
      }
      pump()
    },
    commit: offsets => (offsets.length === 0 ? Promise.resolve() : member.commit(offsets)),
    highWatermarks: () =>
      [...active.values()].flatMap(({ topic, partition, highWatermark, position, heardAtMs }) =>
        highWatermark < 0 ? [] : [{ topic, partition, highWatermark, position, heardAtMs }]
      ),
    // Brokers that lead nothing of ours, or have left the cluster, do not count.
    connected: () =>
      member.joined() &&
      [...active.values()].every(({ topic, partition }) => {
        const leader = cluster.leader(topic, partition)
        return leader !== null && (brokers.get(leader.nodeId)?.backoff.attempts() ?? 0) === 0
      }),
    failedAtMs: () => failedAtMs,
    holds: () => member.holds(),
    async stop() {
      member.stop()
      const limit = new AbortController()
      await Promise.race([running, pauseMs(options.stopTimeoutMs, limit.signal)])
      limit.abort()
      stopping.abort()
      if (pumpTimer !== null) clearTimeout(pumpTimer)
      active.clear()
      cluster.close()
    }
  }
}

const lanesPerBroker = 2
/** A fetch brought little when it brought less than this part of what it might. */
const gatherBelow = 8
/** Compression packs many records into the bytes of a fetch; runs keep what a worker gets at a time within bounds. */
const runRecordsMax = 16_384
type Asked = ReadonlyMap<string, ReadonlyMap<number, PartitionState>>

interface BrokerState {
  readonly nodeId: number
  readonly busy: boolean[]
  notBeforeMs: number
  readonly backoff: Backoff
}
