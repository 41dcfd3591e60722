import {
  type Connection,
  heartbeatV4,
  joinGroupV9,
  leaveGroupV4,
  offsetCommitV8,
  offsetFetchV8,
  syncGroupV5
} from '@platformatic/kafka'
import { partitionKey, type TopicPartition } from '../../schemas/batch.ts'
import { createBackoff, pauseMs } from '../backoff.ts'
import { describeCode, errorCodes, reasonOf, responseOf } from './broker-connection.ts'
import { type Cluster, isFatal } from './cluster.ts'
import { asError } from '../errors.ts'
import {
  assignPartitions,
  assignToOne,
  assignorName,
  decodeAssignment,
  decodeHeldIn,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  isSameShare,
  standbyAssignorName,
  type StandbyMember
} from './group-protocol.ts'
import type { PartitionOffset } from '../source.ts'
import { drainShareOfRebalance, type SourceOptions } from '../source-options.ts'

/**
 * Membership of a classic consumer group, in Kafka's eager form: before a member rejoins it has drained and given up
 * all its partitions, so that no offset is ever processed by two of them. The client library's own consumer rejoins
 * as soon as it hears of a rebalance and leaves no room for draining, therefore the requests are sent from here.
 */
export interface GroupMember {
  /** Runs until stopped or until a fault that no retry mends, which it throws. */
  run(): Promise<void>
  /** Drains and gives up what is assigned, then joins again; nothing when that is under way. */
  rejoin(): void
  /** Ends run() after draining and leaving the group. */
  stop(): void
  commit(offsets: readonly PartitionOffset[]): Promise<void>
  /** Committed next offsets of the group, for the partitions that have one. */
  committed(partitions: readonly TopicPartition[]): Promise<PartitionOffset[]>
  /** True between an assignment and its loss, while the coordinator answers. */
  joined(): boolean
  /** The coordinator has answered within half the session time: it cannot have given the partitions to others yet. */
  holds(): boolean
}

export interface GroupHooks {
  /** Called with every new assignment, also an empty one; heartbeats go on meanwhile. `current` turns false when it is void. */
  assigned(partitions: readonly TopicPartition[], current: () => boolean): Promise<void>
  /** Stops handing over at once, then drains, within the limit. The group is joined again only when it is done. */
  revoked(partitions: readonly TopicPartition[], limitMs: number): Promise<void>
  failed(error: Error): void
  /** The group could not be joined: its broker does not answer, or has only just come back. It is tried again. */
  unreached(): void
  /** Something that nobody expected: nothing goes on. */
  broken(error: Error): void
}

type EndReason = 'rebalance' | 'lost' | 'stop'

interface Session {
  readonly generation: number
  readonly ended: Promise<EndReason>
  readonly isOver: () => boolean
  end(reason: EndReason): void
  /** Stops the heartbeats. */
  close(): void
}

const code = {
  coordinatorLoading: 14,
  coordinatorNotAvailable: 15,
  notCoordinator: 16,
  illegalGeneration: 22,
  inconsistentProtocol: 23,
  unknownMember: 25,
  rebalanceInProgress: 27,
  memberIdRequired: 79,
  fencedInstance: 82
} as const
const coordinatorMoved = new Set<number>([
  code.coordinatorLoading,
  code.coordinatorNotAvailable,
  code.notCoordinator
])

/** The coordinator has given the place to others, or to another process of the same instance name. */
const membershipOver = new Set<number>([code.illegalGeneration, code.unknownMember, code.fencedInstance])

interface Joined {
  readonly generation: number
  readonly partitions: TopicPartition[]
  /** What was given back under the instance name is not what would be shared out now. */
  readonly isOutdated: boolean
}

export function createGroupMember(options: SourceOptions, cluster: Cluster, hooks: GroupHooks): GroupMember {
  const { groupId, groupInstanceId, logger } = options
  const stopping = new AbortController()
  let memberId = ''
  let session: Session | null = null
  let lastHeardMs = -Infinity
  /** The generation in which this member last held partitions. */
  let heldIn = -1
  const assignor = options.standby ? standbyAssignorName : assignorName

  /** Sends one request to the coordinator; finds it anew next time if it moved or broke. */
  const ask = async <T>(
    limitMs: number,
    send: (connection: Connection) => Promise<T>,
    purpose = 'group'
  ): Promise<T> => {
    try {
      const connection = await cluster.coordinator(purpose)
      const answer = await connection.call(limitMs, send)
      lastHeardMs = performance.now()
      return answer
    } catch (error) {
      const codes = errorCodes(error)
      if (codes.length === 0 || codes.some(c => coordinatorMoved.has(c))) cluster.forgetCoordinator()
      throw error
    }
  }

  /** Joining may take as long as the slowest member's draining; stopping does not wait for that. */
  const unlessStopped = <T>(work: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const give = (): void => reject(new Error('The source is stopped.'))
      stopping.signal.addEventListener('abort', give, { once: true })
      work.then(resolve, reject).finally(() => stopping.signal.removeEventListener('abort', give))
    })

  const join = async (): Promise<Joined> => {
    const metadata = encodeSubscription(options.topics, options.standby ? heldIn : undefined)
    const protocols = [{ name: assignor, metadata }]
    for (let attempt = 0; attempt < 10; attempt++) {
      stopping.signal.throwIfAborted()
      let joined: Awaited<ReturnType<typeof joinGroupV9.api.async>>
      try {
        joined = await unlessStopped(
          ask(options.rebalanceTimeoutMs + options.requestTimeoutMs, connection =>
            joinGroupV9.api.async(
              connection,
              groupId,
              options.sessionTimeoutMs,
              options.rebalanceTimeoutMs,
              memberId,
              groupInstanceId,
              'consumer',
              protocols,
              null
            )
          )
        )
      } catch (error) {
        const codes = errorCodes(error)
        if (codes.includes(code.memberIdRequired)) {
          memberId = memberIdOf(responseOf(error)) ?? ''
          continue
        }
        if (codes.includes(code.unknownMember)) {
          memberId = ''
          continue
        }
        if (codes.includes(code.rebalanceInProgress)) continue
        if (codes.includes(code.inconsistentProtocol))
          throw new Error(
            `The group ${groupId} has members of another kind than this one, ${options.standby ? 'which stands by for others (kafka.standby)' : 'which does not stand by for others'}; ` +
              'give all of its daemons the same kafka.standby, or this one a kafka.group_id of its own. One that has ended is remembered for kafka.session_timeout_ms.',
            { cause: error }
          )
        if (codes.includes(code.fencedInstance))
          throw new Error(
            `Another process has come to the group ${groupId} under this one's name ${groupInstanceId}; ` +
              'stop one of them, or give each a kafka.group_instance_id of its own.',
            { cause: error }
          )
        throw error
      }
      memberId = joined.memberId ?? memberId
      const isLeader = joined.leader === memberId
      if (!isLeader) leaderCounts = null
      const shares = isLeader
        ? await shareOut(
            joined.members.map(member => ({
              memberId: member.memberId,
              groupInstanceId: member.groupInstanceId ?? null,
              topics: member.metadata === null ? [] : decodeSubscription(member.metadata),
              heldIn: member.metadata === null ? -1 : decodeHeldIn(member.metadata)
            }))
          )
        : new Map<string, TopicPartition[]>()
      // A leader that came back under its name gets what it had, without a rebalance; what it shares out here is only compared.
      const assignments = joined.skipAssignment
        ? []
        : [...shares].map(([id, share]) => ({ memberId: id, assignment: encodeAssignment(share) }))
      try {
        const synced = await unlessStopped(
          ask(options.rebalanceTimeoutMs + options.requestTimeoutMs, connection =>
            syncGroupV5.api.async(
              connection,
              groupId,
              joined.generationId,
              memberId,
              groupInstanceId,
              'consumer',
              assignor,
              assignments
            )
          )
        )
        const partitions = decodeAssignment(synced.assignment)
        // Of those who stand by, one that was away does not know who holds what: whoever holds nothing asks for a new round.
        const fair = options.standby ? [...shares.values()].flat() : (shares.get(memberId) ?? [])
        const isOutdated = joined.skipAssignment && !isSameShare(partitions, fair)
        return { generation: joined.generationId, partitions, isOutdated }
      } catch (error) {
        const codes = errorCodes(error)
        if (codes.includes(code.unknownMember)) memberId = ''
        else if (!codes.includes(code.rebalanceInProgress) && !codes.includes(code.illegalGeneration))
          throw error
      }
    }
    throw new Error(`The group ${groupId} kept rebalancing through ten attempts to join.`)
  }

  /** Partition counts the leader made its assignment from; null for the others. */
  let leaderCounts: Map<string, number> | null = null

  const shareOut = async (members: readonly StandbyMember[]): Promise<Map<string, TopicPartition[]>> => {
    const topics = [...new Set(members.flatMap(member => member.topics))]
    await cluster.refresh(topics)
    leaderCounts = countsOf(topics)
    return (options.standby ? assignToOne : assignPartitions)(members, leaderCounts)
  }

  const countsOf = (topics: readonly string[]): Map<string, number> =>
    new Map(topics.map(topic => [topic, cluster.topic(topic)?.partitions.length ?? 0]))

  /** The leader asks for a rebalance when a topic of the group appeared or grew. */
  const topicsChanged = async (): Promise<boolean> => {
    if (leaderCounts === null) return false
    const missing = [...leaderCounts.values()].includes(0)
    const maxAgeMs = missing ? Math.min(5000, options.metadataMaxAgeMs) : options.metadataMaxAgeMs
    if (performance.now() - cluster.refreshedAtMs() < maxAgeMs) return false
    const before = leaderCounts
    await cluster.refresh([...before.keys()]).catch(() => undefined)
    const now = countsOf([...before.keys()])
    return [...now].some(([topic, count]) => count > (before.get(topic) ?? 0))
  }

  const openSession = (generation: number): Session => {
    const closed = new AbortController()
    let over = false
    let settle: (reason: EndReason) => void = () => undefined
    const ended = new Promise<EndReason>(resolve => (settle = resolve))
    const end = (reason: EndReason): void => {
      over = true
      settle(reason)
    }
    const beat = async (): Promise<void> => {
      const backoff = createBackoff(options.backoffMinMs, options.heartbeatIntervalMs)
      let delayMs = options.heartbeatIntervalMs
      for (;;) {
        await pauseMs(delayMs, closed.signal)
        if (closed.signal.aborted) return
        try {
          await ask(Math.min(options.requestTimeoutMs, options.sessionTimeoutMs), connection =>
            heartbeatV4.api.async(connection, groupId, generation, memberId, groupInstanceId)
          )
          backoff.reset()
          delayMs = options.heartbeatIntervalMs
          if (!over && (await topicsChanged())) end('rebalance')
        } catch (error) {
          if (closed.signal.aborted) return
          const codes = errorCodes(error)
          if (codes.includes(code.rebalanceInProgress)) {
            // While draining, the coordinator keeps saying so, and takes the heartbeat as a sign of life.
            lastHeardMs = performance.now()
            delayMs = options.heartbeatIntervalMs
            end('rebalance')
          } else if (codes.some(c => membershipOver.has(c))) {
            if (codes.includes(code.unknownMember)) memberId = ''
            end('lost')
            return
          } else {
            logger.warn({ reason: reasonOf(error) }, 'kafka heartbeat failed')
            delayMs = backoff.next()
            // Past the session time the group may have given the partitions to others.
            if (performance.now() - lastHeardMs > options.sessionTimeoutMs) {
              end('lost')
              return
            }
          }
        }
      }
    }
    beat().catch((error: unknown) => hooks.broken(asError(error)))
    return { generation, ended, isOver: () => over, end, close: () => closed.abort() }
  }

  /** One generation: join, work until it ends, drain. */
  const live = async (): Promise<void> => {
    const { generation, partitions, isOutdated } = await join()
    options.metrics?.rebalance()
    if (partitions.length > 0) heldIn = generation
    logger.info({ generation, memberId, partitions: partitions.length }, 'kafka partitions assigned')
    const current = openSession(generation)
    session = current
    if (stopping.signal.aborted) current.end('stop')
    // Topics grew or were named anew while it was away: the group shares out again.
    else if (isOutdated) current.end('rebalance')
    try {
      const assigning = hooks.assigned(partitions, () => !current.isOver())
      const reason = await current.ended
      // The handler is never asked to give up what it is still taking over.
      await assigning
      logger.info({ generation, reason, partitions: partitions.length }, 'kafka partitions given up')
      await drain(partitions, reason)
    } finally {
      session = null
      current.close()
    }
  }

  const drain = async (partitions: readonly TopicPartition[], reason: EndReason): Promise<void> => {
    const limitMs = drainLimitMs(options, reason)
    const startedMs = performance.now()
    await hooks.revoked(partitions, limitMs)
    const tookMs = Math.round(performance.now() - startedMs)
    // What is late keeps us out of the group, and only that: rejoining before it ends would mix two generations.
    if (tookMs > limitMs + lateMs)
      logger.error(
        { limitMs, tookMs, partitions: partitions.length },
        'kafka partitions were not drained in time; their next owner reads the rest again'
      )
  }

  const leave = async (): Promise<void> => {
    // A static member is expected back under its name, unless another one stands by.
    if (memberId === '' || (groupInstanceId !== null && !options.standby)) return
    const left = memberId
    memberId = ''
    try {
      // On a connection of its own: on the other one a join may still be waiting for its answer.
      await ask(
        Math.min(options.requestTimeoutMs, options.stopTimeoutMs * 0.2),
        connection => leaveGroupV4.api.async(connection, groupId, [{ memberId: left, groupInstanceId }]),
        'leave'
      )
    } catch (error) {
      logger.debug({ err: asError(error) }, 'kafka group could not be left; its session will run out instead')
    }
  }

  return {
    async run() {
      const backoff = createBackoff(options.backoffMinMs, options.backoffMaxMs)
      while (!stopping.signal.aborted) {
        try {
          await live()
          backoff.reset()
        } catch (error) {
          if (stopping.signal.aborted) break
          if (isFatal(error)) throw error
          hooks.unreached()
          const delayMs = backoff.next()
          // A broker that has just started says a few times that its coordinator is not there yet.
          const starting = errorCodes(error).some(c => coordinatorMoved.has(c)) && backoff.attempts() < 8
          const fields = { reason: reasonOf(error), delayMs }
          if (starting) logger.debug(fields, 'kafka group coordinator is not ready')
          else logger.warn(fields, 'kafka group could not be joined')
          if (backoff.attempts() % 5 === 0) hooks.failed(asError(error))
          await pauseMs(delayMs, stopping.signal)
        }
      }
      await leave()
    },
    rejoin: () => session?.end('rebalance'),
    stop() {
      stopping.abort()
      session?.end('stop')
    },
    async commit(offsets) {
      const current = session
      if (current === null)
        throw new Error(`Nothing can be committed: this instance is no member of the group ${groupId} now.`)
      const topics = new Map<string, PartitionOffset[]>()
      for (const offset of offsets) {
        const list = topics.get(offset.topic)
        if (list === undefined) topics.set(offset.topic, [offset])
        else list.push(offset)
      }
      const request = [...topics].map(([name, list]) => ({
        name,
        partitions: list.map(({ partition, offset }) => ({
          partitionIndex: partition,
          committedOffset: BigInt(offset),
          committedLeaderEpoch: -1,
          committedMetadata: ''
        }))
      }))
      const backoff = createBackoff(options.backoffMinMs, options.backoffMaxMs)
      for (;;) {
        try {
          await ask(options.requestTimeoutMs, connection =>
            offsetCommitV8.api.async(
              connection,
              groupId,
              current.generation,
              memberId,
              groupInstanceId,
              request
            )
          )
          options.metrics?.commit(true)
          return
        } catch (error) {
          const codes = errorCodes(error)
          const passing = codes.length === 0 || codes.every(c => coordinatorMoved.has(c))
          if (passing && backoff.attempts() < 6 && session === current) {
            await pauseMs(backoff.next())
            continue
          }
          options.metrics?.commit(false)
          if (codes.some(c => membershipOver.has(c))) current.end('lost')
          const why = codes.length > 0 ? describeCode(codes[0] ?? 0) : asError(error).message
          throw new Error(`Offsets of the group ${groupId} could not be committed: ${why}`, { cause: error })
        }
      }
    },
    async committed(partitions) {
      if (partitions.length === 0) return []
      const topics = new Map<string, number[]>()
      for (const { topic, partition } of partitions)
        topics.set(topic, [...(topics.get(topic) ?? []), partition])
      const answer = await ask(options.requestTimeoutMs, connection =>
        offsetFetchV8.api.async(
          connection,
          [
            {
              groupId,
              memberEpoch: -1,
              topics: [...topics].map(([name, partitionIndexes]) => ({ name, partitionIndexes }))
            }
          ],
          true
        )
      )
      const wanted = new Set(partitions.map(p => partitionKey(p.topic, p.partition)))
      return (answer.groups[0]?.topics ?? []).flatMap(topic =>
        topic.partitions.flatMap(p =>
          p.committedOffset >= 0n && wanted.has(partitionKey(topic.name, p.partitionIndex))
            ? [{ topic: topic.name, partition: p.partitionIndex, offset: Number(p.committedOffset) }]
            : []
        )
      )
    },
    joined: () =>
      session !== null &&
      !session.isOver() &&
      performance.now() - lastHeardMs < Math.max(options.heartbeatIntervalMs * 3, 3000),
    holds: () => session !== null && performance.now() - lastHeardMs < options.sessionTimeoutMs / 2
  }
}

/** So much later than its limit a hand-over may end before it is said. */
const lateMs = 1000

/** A session that was lost leaves no time: the partitions may have another owner. */
function drainLimitMs(options: SourceOptions, reason: EndReason): number {
  switch (reason) {
    case 'stop':
      return Math.min(options.stopTimeoutMs, options.rebalanceTimeoutMs) * 0.7
    case 'rebalance':
      return options.rebalanceTimeoutMs * drainShareOfRebalance
    case 'lost':
      return 0
  }
}

function memberIdOf(response: unknown): string | null {
  return typeof response === 'object' &&
    response !== null &&
    'memberId' in response &&
    typeof response.memberId === 'string'
    ? response.memberId
    : null
}
