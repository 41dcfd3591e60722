import type { ClickHouseClient } from '@clickhouse/client'
import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { partitionKey, type TopicPartition } from '../../schemas/batch.ts'
import { blockBytes, sliceBlock } from '../../schemas/blocks.ts'
import type { ColumnBlock, RangeOutcome } from '../../schemas/evaluation.ts'
import { pauseMs } from '../backoff.ts'
import { backoffMs, firstLine, neverSucceeds } from './errors.ts'
import type { Slab } from '../../schemas/slab.ts'
import { inTurns, type Insertion, oneBlock, storedUpToOf, tokenOf } from './insertion.ts'
import { createSamplesBlocks, samplesInsert, type BlockPart, type StoredUpTo } from './native-block.ts'
import { storedPositions } from './positions.ts'
import type { WriterMetrics } from './writer-metrics.ts'

export type WriterState =
  | { readonly down: false }
  | {
      readonly down: true
      /** Wall clock (ms) of the first failure since the last success. */
      readonly sinceMs: number
      readonly attempts: number
      readonly error: string
    }

export interface WriterOptions {
  /** Must use the database of the samples; its request_timeout bounds one attempt. */
  readonly client: ClickHouseClient
  /** An insert is cut when it has this many rows … */
  readonly rowsMax: number
  /** … or bytes of columns … */
  readonly bytesMax: number
  /** … or when its oldest rows have waited this long (ms). */
  readonly flushMsMax: number
  /** Inserts under way at once, of disjoint partitions. Default 2. */
  readonly insertsInFlightMax?: number
  /** Bytes waiting or under way above which `onPressure(true)` asks for a pause; below three quarters it is lifted. */
  readonly memoryBytesMax: number
  readonly retryMsMin?: number
  readonly retryMsMax?: number
  /** The name under which samples of a topic are stored; its own when not given. */
  readonly storedAs?: (topic: string) => string
  /**
   * Awaited before each attempt of an insert: what its samples caused must be stored before them. One that rejects is a failed
   * attempt. An insert whose partitions were all fenced before its first attempt is not made.
   */
  readonly before?: () => Promise<void>
  /** Called in order within each partition, once the rows are stored. */
  readonly onAcknowledged: (ranges: readonly RangeOutcome[]) => void
  readonly onPressure?: (hold: boolean) => void
  /** Told when inserts begin to fail, at every further failure, and when they succeed again. */
  readonly onState?: (state: WriterState) => void
  /** Told once when ClickHouse refuses in a way that no repetition mends; nothing is written any more. */
  readonly onFatal: (error: Error) => void
  readonly metrics?: WriterMetrics
  /** Goes into the tokens, so that those of an earlier process are nothing to this one's. Default: a new one. */
  readonly instance?: string
  /** Wall clock (ms). */
  readonly nowMs?: () => number
  readonly random?: () => number
}

export interface Writer {
  /**
   * Takes over what became of a task: `block` holds the rows of `ranges`, which tile it in order. Never blocks and
   * never refuses: heed `onPressure`. Ranges without rows are acknowledged in order with the rest. Throws when a range is not
   * behind the last one taken over of its partition: so none can be stored or acknowledged twice, or out of order.
   */
  submit(ranges: readonly RangeOutcome[], block: ColumnBlock): void
  /** Bytes of columns waiting or under way. */
  pendingBytes(): number
  state(): WriterState
  /** Writes what is there of these partitions (all when not given) at once; resolves when it is stored or fenced. */
  drain(partitions?: readonly TopicPartition[]): Promise<void>
  /** Gives up what is there of these partitions: waiting rows are dropped, what is under way is not acknowledged. */
  fence(partitions: readonly TopicPartition[]): void
  /**
   * Resolves when no insert of these partitions is under way. Whoever takes over partitions that were fenced here waits for it
   * before looking for how far they are stored: an insert that lands behind the look would be stored a second time.
   */
  landed(partitions: readonly TopicPartition[]): Promise<void>
  /** Writes what is there, within the limit; then stops. Resolves with the number of ranges that were not stored. */
  close(timeoutMs: number): Promise<number>
}

/** Ranges that came with one block, or what fencing left of them. */
interface Entry {
  ranges: readonly RangeOutcome[]
  parts: readonly BlockPart[]
  bytes: number
  rows: number
  readonly keys: ReadonlySet<string>
  /** Where the rows lie; released when they are stored or given up. */
  readonly slab: Slab | undefined
  readonly arrivedMs: number
  /** Somebody waits for it: it does not wait for company. */
  urgent: boolean
}

interface Flight {
  readonly landed: Promise<void>
  readonly land: () => void
  readonly entries: readonly Entry[]
  readonly keys: ReadonlySet<string>
  readonly fenced: Set<string>
}

const keysOf = (ranges: readonly TopicPartition[]): Set<string> =>
  new Set(ranges.map(range => partitionKey(range.topic, range.partition)))

function holdsAny(set: ReadonlySet<string>, keys: ReadonlySet<string>): boolean {
  for (const key of keys) if (set.has(key)) return true
  return false
}

/** The rows of one range alone. */
function partOfRange(block: ColumnBlock, range: RangeOutcome): BlockPart {
  return {
    block: sliceBlock(block, range.rowStart, range.rowEnd),
    ranges: [{ ...range, rowStart: 0, rowEnd: range.rowEnd - range.rowStart }]
  }
}

const day = 86_400_000

/** What an insert fills itself, a group at most, and keeps memory for; a quarter more, because a slab is that much too large at most. */
const filledBytesPerGroup = 14 * 1.25

/**
 * Joins the workers' blocks into inserts of tens of thousands of rows. Each insert is one Native block, which
 * ClickHouse stores whole or not at all, and carries a deduplication token made of its ranges; a repetition sends the
 * same bytes with the same token, for as long as it takes, and is looked for before it is believed. A partition has at most one insert under way, so that a
 * crash can leave no hole behind a stored range.
 */
export function createWriter(options: WriterOptions): Writer {
  const { client, rowsMax, bytesMax, flushMsMax, memoryBytesMax, metrics } = options
  const insertsInFlightMax = options.insertsInFlightMax ?? 2
  const retryMsMin = options.retryMsMin ?? 100
  const retryMsMax = options.retryMsMax ?? 10_000
  const nowMs = options.nowMs ?? Date.now
  const random = options.random ?? Math.random
  const storedAs = options.storedAs ?? (topic => topic)
  const asStored = (range: RangeOutcome): RangeOutcome => {
    const topic = storedAs(range.topic)
    return topic === range.topic ? range : { ...range, topic }
  }
  const instance = options.instance ?? randomUUID()

  const samplesBlock = createSamplesBlocks(insertsInFlightMax * rowsMax * filledBytesPerGroup)

  /** Last offset taken over of each partition, until it is fenced. */
  const takenUpTo = new Map<string, number>()
  let queue: Entry[] = []
  /** A list, not a Set: see broker-connection.ts. */
  let flights: readonly Flight[] = []
  let pendingBytes = 0
  let pendingRows = 0
  /** Of what waits in the queue. */
  let queuedRows = 0
  let queuedBytes = 0
  let holding = false
  let stopped = false
  let state: WriterState = { down: false }
  let timer: NodeJS.Timeout | undefined
  const waiters = new Set<{ left: Set<Entry>; done: () => void }>()
  const stopping = new AbortController()

  const account = (bytes: number, rows: number): void => {
    pendingBytes += bytes
    pendingRows += rows
    metrics?.pending(pendingBytes, pendingRows)
    const over = holding ? pendingBytes > memoryBytesMax * 0.75 : pendingBytes > memoryBytesMax
    if (over === holding) return
    holding = over
    options.onPressure?.(over)
  }

  const countQueued = (): void => {
    queuedRows = queue.reduce((sum, entry) => sum + entry.rows, 0)
    queuedBytes = queue.reduce((sum, entry) => sum + entry.bytes, 0)
  }

  const settle = (entries: readonly Entry[]): void => {
    for (const waiter of waiters) {
      for (const entry of entries) waiter.left.delete(entry)
      if (waiter.left.size > 0) continue
      waiters.delete(waiter)
      waiter.done()
    }
  }

  /** The keys of ranges, each of which must be behind what was taken over of its partition before. */
  const takeOver = (ranges: readonly RangeOutcome[]): Set<string> => {
    const keys = new Set<string>()
    for (const { topic, partition, firstOffset, lastOffset } of ranges) {
      const key = partitionKey(topic, partition)
      const last = takenUpTo.get(key) ?? -1
      if (firstOffset <= last)
        throw new Error(`offsets ${firstOffset}..${lastOffset} of ${key} came to the writer behind ${last}`)
      takenUpTo.set(key, lastOffset)
      keys.add(key)
    }
    return keys
  }

  /** The longest run of entries that may go now: of partitions not under way, in order within each partition. */
  const gather = (): { entries: Entry[]; full: boolean } => {
    const blocked = new Set<string>()
    for (const flight of flights) for (const key of flight.keys) blocked.add(key)
    const entries: Entry[] = []
    let rows = 0
    let bytes = 0
    let full = false
    // It runs with each block that comes, over all that waits: it makes nothing on its way, and ends with a full insert.
    for (const entry of queue) {
      if (holdsAny(blocked, entry.keys)) {
        for (const key of entry.keys) blocked.add(key)
        continue
      }
      full = entries.length > 0 && (rows + entry.rows > rowsMax || bytes + entry.bytes > bytesMax)
      if (full) break
      entries.push(entry)
      rows += entry.rows
      bytes += entry.bytes
    }
    return { entries, full: full || rows >= rowsMax || bytes >= bytesMax }
  }

  const pump = (): void => {
    clearTimeout(timer)
    timer = undefined
    while (!stopped && flights.length < insertsInFlightMax && queue.length > 0) {
      const { entries, full } = gather()
      if (entries.length === 0) {
        // All of it waits for inserts under way, whose end is looked at too.
        timer = setTimeout(pump, flushMsMax)
        return
      }
      const oldestMs = entries.reduce((least, entry) => Math.min(least, entry.arrivedMs), Infinity)
      const waitMs = oldestMs + flushMsMax - nowMs()
      if (!full && waitMs > 0 && !entries.some(entry => entry.urgent)) {
        timer = setTimeout(pump, Math.min(waitMs, flushMsMax))
        return
      }
      fly(entries).catch(giveUp)
    }
  }

  /** Nothing is written any more; told once. */
  const giveUp = (cause: unknown): void => {
    if (stopped) return
    stopped = true
    stopping.abort()
    options.onFatal(cause instanceof Error ? cause : new Error(String(cause)))
  }

  const fly = async (entries: readonly Entry[]): Promise<void> => {
    let land = (): void => undefined
    const landed = new Promise<void>(resolve => (land = resolve))
    const keys = new Set(entries.flatMap(e => [...e.keys]))
    const flight: Flight = { entries, keys, fenced: new Set(), landed, land }
    flights = [...flights, flight]
    const taken = new Set(entries)
    queue = queue.filter(entry => !taken.has(entry))
    countQueued()
    const ranges = entries.flatMap(entry => entry.ranges)
    const rows = entries.reduce((sum, entry) => sum + entry.rows, 0)
    const startedMs = nowMs()
    const parts = entries.flatMap(entry =>
      entry.parts.map(({ block, ranges }) => ({ block, ranges: ranges.map(asStored) }))
    )
    const storedRanges = parts.flatMap(part => part.ranges)
    const storedUpTo = storedUpToOf(storedRanges)
    const block = samplesBlock(parts, storedUpTo)
    const insertion = {
      query: samplesInsert(Math.floor(startedMs / day)),
      chunks: block.chunks,
      storedUpTo
    }
    const isGone = (): boolean => [...keys].every(key => flight.fenced.has(key))
    const stored = await insertUntilStored(insertion, tokenOf(instance, storedRanges), isGone)
    flights = flights.filter(other => other !== flight)
    flight.land()
    if (stored === 'stopped') return
    if (stored === 'stored') metrics?.inserted(rows, block.bytes, (nowMs() - startedMs) / 1000)
    block.release()
    for (const { slab } of entries) slab?.release()
    account(-entries.reduce((sum, entry) => sum + entry.bytes, 0), -rows)
    const mine = ranges.filter(range => !flight.fenced.has(partitionKey(range.topic, range.partition)))
    if (mine.length > 0) options.onAcknowledged(mine)
    settle(entries)
    pump()
  }

  const insert = async ({ query, chunks }: Insertion, token: string): Promise<void> => {
    const result = await client.exec({
      query,
      values: Readable.from(inTurns(chunks), { objectMode: false }),
      abort_signal: stopping.signal,
      clickhouse_settings: {
        insert_deduplicate: 1,
        insert_deduplication_token: token,
        // Rows of one key in one insert are rare: merges collapse them, no pass over each insert need look for them.
        optimize_on_insert: 0,
        async_insert: 0,
        // The rows that come of one block stay one: they are one part, there or not there.
        ...oneBlock
      }
    })
    for await (const _ of result.stream) {
      // The answer is empty; it is read to its end so that the connection can be used again.
    }
  }

  /** Whether the rows of an insert that says how far its partitions are stored are there. */
  const isThere = async (storedUpTo: readonly StoredUpTo[]): Promise<boolean> => {
    const found = await storedPositions(client, storedUpTo)
    const nexts = new Map(
      found.map(({ topic, partition, offset }) => [partitionKey(topic, partition), offset])
    )
    return storedUpTo.every(
      ({ topic, partition, lastOffset }) => (nexts.get(partitionKey(topic, partition)) ?? 0) > lastOffset
    )
  }

  const insertUntilStored = async (
    insertion: Insertion,
    firstToken: string,
    isGone: () => boolean
  ): Promise<'stored' | 'gone' | 'stopped'> => {
    let token = firstToken
    for (let attempt = 1; !stopped; attempt++) {
      try {
        await options.before?.()
        // What was sent may be there, so that is seen through.
        if (attempt === 1 && isGone()) return 'gone'
        await insert(insertion, token)
        // ClickHouse notes a token before it shows the rows. Killed in between, it takes a repetition for one it has.
        if (attempt > 1 && !(await isThere(insertion.storedUpTo))) {
          token = `${firstToken}-${attempt}`
          throw new Error('an insert that ClickHouse took for a repetition is not there; it is sent again')
        }
        if (state.down) {
          state = { down: false }
          metrics?.down(false)
          options.onState?.(state)
        }
        return 'stored'
      } catch (error) {
        if (stopped) return 'stopped'
        const sentence = neverSucceeds(error, 'samples')
        if (sentence !== undefined) {
          giveUp(new Error(sentence, { cause: error }))
          return 'stopped'
        }
        metrics?.failed()
        metrics?.down(true)
        const text = firstLine(error instanceof Error ? error.message || error.name : String(error))
        state = {
          down: true,
          sinceMs: state.down ? state.sinceMs : nowMs(),
          attempts: (state.down ? state.attempts : 0) + 1,
          error: text
        }
        options.onState?.(state)
        await pauseMs(backoffMs(attempt, retryMsMin, retryMsMax, random), stopping.signal)
      }
    }
    return 'stopped'
  }

  const touching = (keys: ReadonlySet<string> | undefined): Entry[] =>
    [...flights.flatMap(flight => flight.entries), ...queue].filter(
      entry => keys === undefined || [...entry.keys].some(key => keys.has(key))
    )

  const drain = (partitions?: readonly TopicPartition[]): Promise<void> => {
    const entries = touching(partitions === undefined ? undefined : keysOf(partitions))
    if (entries.length === 0) return Promise.resolve()
    // What stands before an urgent entry in its partitions must go too: all of the queue up to it is hurried.
    const last = Math.max(...entries.map(entry => queue.indexOf(entry)))
    for (let i = 0; i <= last; i++) queue[i]!.urgent = true
    return new Promise(resolve => {
      waiters.add({ left: new Set(entries), done: resolve })
      pump()
    })
  }

  return {
    submit(ranges, block) {
      if (stopped) throw new Error('the writer is stopped: nothing can be submitted to it')
      if (ranges.length === 0) {
        block.slab?.release()
        return
      }
      const keys = takeOver(ranges)
      const bytes = blockBytes(block)
      queue.push({
        ranges,
        parts: [{ block, ranges }],
        bytes,
        rows: block.rows,
        keys,
        slab: block.slab,
        arrivedMs: nowMs(),
        urgent: false
      })
      account(bytes, block.rows)
      queuedRows += block.rows
      queuedBytes += bytes
      // While it waits for company anyway, the whole queue need not be gone over for each that comes.
      if (timer === undefined || queuedRows >= rowsMax || queuedBytes >= bytesMax) pump()
    },
    pendingBytes: () => pendingBytes,
    state: () => state,
    drain,
    fence(partitions) {
      const keys = keysOf(partitions)
      for (const key of keys) takenUpTo.delete(key)
      for (const flight of flights) for (const key of keys) flight.fenced.add(key)
      const gone: Entry[] = []
      for (const entry of touchingQueue(queue, keys)) {
        const kept = entry.ranges.filter(range => !keys.has(partitionKey(range.topic, range.partition)))
        const parts = entry.parts.flatMap(part =>
          part.ranges
            .filter(range => !keys.has(partitionKey(range.topic, range.partition)))
            .map(range => partOfRange(part.block, range))
        )
        const rows = parts.reduce((sum, part) => sum + part.block.rows, 0)
        const bytes = parts.reduce((sum, part) => sum + blockBytes(part.block), 0)
        account(bytes - entry.bytes, rows - entry.rows)
        if (kept.length === 0) {
          gone.push(entry)
          entry.slab?.release()
        }
        Object.assign(entry, { ranges: kept, parts, bytes, rows, keys: keysOf(kept) })
      }
      queue = queue.filter(entry => entry.ranges.length > 0)
      countQueued()
      settle(gone)
      // Whoever waits for the fenced partitions waits no longer for what of them is still under way.
      for (const waiter of waiters) {
        for (const entry of waiter.left) {
          if ([...entry.keys].every(key => keys.has(key))) waiter.left.delete(entry)
        }
      }
      settle([])
      pump()
    },
    async landed(partitions) {
      const keys = keysOf(partitions)
      const under = flights.filter(flight => [...flight.keys].some(key => keys.has(key)))
      await Promise.all(under.map(flight => flight.landed))
    },
    async close(timeoutMs) {
      let late: NodeJS.Timeout | undefined
      const limit = new Promise<void>(resolve => {
        late = setTimeout(resolve, timeoutMs)
      })
      if (!stopped) await Promise.race([drain(), limit])
      clearTimeout(late)
      stopped = true
      stopping.abort()
      clearTimeout(timer)
      for (const waiter of waiters) waiter.done()
      waiters.clear()
      return touching(undefined).reduce((sum, entry) => sum + entry.ranges.length, 0)
    }
  }
}

const touchingQueue = (queue: readonly Entry[], keys: ReadonlySet<string>): Entry[] =>
  queue.filter(entry => [...entry.keys].some(key => keys.has(key)))
