import { partitionKey, type RawBatch, type TopicPartition } from '../../schemas/batch.ts'
import { type EncodableRecord, encodeRecordBatch } from '../../schemas/records/record-batch.ts'
import type { PartitionOffset, Source, SourceHandler } from '../source.ts'

/**
 * A source without Kafka, for tests and for the demo where the native module is missing: partitions are lists in
 * memory. It keeps the port's promises (order, pause, positions, draining on revoke), and forgets the oldest batches
 * of a partition beyond a limit, as a broker's retention does.
 */
export interface MemorySource extends Source {
  /** Appends records and hands them over soon; returns the offset of the first. */
  append(topic: string, partition: number, records: readonly MemoryRecord[]): number
  /** Bytes appended and not handed over yet: a producer waits while there are too many. */
  backlogBytes(): number
  committedOffset(topic: string, partition: number): number | null
  /** Takes partitions away, as a rebalance does; resolves when they are drained. */
  revoke(partitions: readonly TopicPartition[]): Promise<void>
  assign(partitions: readonly TopicPartition[]): Promise<void>
  setConnected(connected: boolean): void
}

export type MemoryRecord = Omit<EncodableRecord, 'offset'>

export interface MemorySourceOptions {
  /** Partitions by topic, all assigned at the start. */
  readonly topics: Readonly<Record<string, number>>
  /** Bytes kept of each partition. */
  readonly retainBytes?: number
  /** Bytes handed over of one partition at a time. */
  readonly fetchBytes?: number
}

interface Log extends TopicPartition {
  readonly batches: RawBatch[]
  bytes: number
  end: number
  /** Next offset to hand over; null while not assigned. */
  position: number | null
  paused: boolean
  committed: number | null
}

export function createMemorySource(options: MemorySourceOptions): MemorySource {
  const retainBytes = options.retainBytes ?? 16 * 1024 * 1024
  const fetchBytes = options.fetchBytes ?? 1024 * 1024
  const logs = new Map<string, Log>()
  for (const [topic, partitions] of Object.entries(options.topics))
    for (let partition = 0; partition < partitions; partition++)
      logs.set(partitionKey(topic, partition), {
        topic,
        partition,
        batches: [],
        bytes: 0,
        end: 0,
        position: null,
        paused: false,
        committed: null
      })
  let handler: SourceHandler | null = null
  let connected = false
  let pumping = false

  const logOf = (topic: string, partition: number): Log => {
    const log = logs.get(partitionKey(topic, partition))
    if (log === undefined) throw new Error(`The memory source has no partition ${topic}:${partition}.`)
    return log
  }

  const pump = (): void => {
    if (pumping) return
    pumping = true
    setImmediate(() => {
      pumping = false
      if (handler === null) return
      const found: RawBatch[] = []
      let more = false
      for (const log of logs.values()) {
        if (log.position === null || log.paused || log.position >= log.end) continue
        let bytes = 0
        for (const batch of log.batches) {
          if (batch.lastOffset < log.position) continue
          if (bytes >= fetchBytes) {
            more = true
            break
          }
          bytes += batch.bytes.byteLength
          // A copy: the receiver may move the buffer to a worker, and the log must still be there for a replay.
          found.push({ ...batch, firstOffset: log.position, bytes: batch.bytes.slice() })
          log.position = batch.lastOffset + 1
        }
      }
      if (found.length > 0) handler.batches(found)
      if (more) pump()
    })
  }

  const assign = async (partitions: readonly TopicPartition[]): Promise<void> => {
    if (handler === null) throw new Error('The source was not started.')
    const given = await handler.assigned(partitions)
    const known = new Map(given.map(p => [partitionKey(p.topic, p.partition), p.offset]))
    for (const { topic, partition } of partitions) {
      const log = logOf(topic, partition)
      const start = known.get(partitionKey(topic, partition)) ?? log.committed ?? 0
      // What retention has taken cannot be had back.
      log.position = Math.max(start, log.batches[0]?.firstOffset ?? log.end)
      log.paused = false
    }
    connected = true
    pump()
  }

  const revoke = async (partitions: readonly TopicPartition[]): Promise<void> => {
    for (const { topic, partition } of partitions) logOf(topic, partition).position = null
    await handler?.revoked(partitions, Infinity)
  }

  return {
    name: 'memory',
    async start(given) {
      handler = given
      await assign([...logs.values()].map(({ topic, partition }) => ({ topic, partition })))
    },
    pause(partitions) {
      for (const { topic, partition } of partitions) logOf(topic, partition).paused = true
    },
    resume(partitions) {
      for (const { topic, partition } of partitions) logOf(topic, partition).paused = false
      pump()
    },
    commit(offsets: readonly PartitionOffset[]) {
      for (const { topic, partition, offset } of offsets) logOf(topic, partition).committed = offset
      return Promise.resolve()
    },
    highWatermarks: () =>
      [...logs.values()].map(({ topic, partition, end }) => ({ topic, partition, highWatermark: end })),
    connected: () => connected,
    async stop() {
      const held = [...logs.values()].filter(log => log.position !== null)
      await revoke(held.map(({ topic, partition }) => ({ topic, partition })))
      connected = false
      handler = null
    },
    append(topic, partition, records) {
      const log = logOf(topic, partition)
      const firstOffset = log.end
      if (records.length === 0) return firstOffset
      const numbered = records.map((record, i) => ({ ...record, offset: firstOffset + i }))
      const bytes = encodeRecordBatch(numbered)
      log.end += records.length
      log.batches.push({
        topic,
        partition,
        firstOffset,
        lastOffset: log.end - 1,
        count: records.length,
        maxTimestampMs: Math.max(...records.map(record => record.timestampMs)),
        bytes
      })
      log.bytes += bytes.byteLength
      while (log.bytes > retainBytes && log.batches.length > 1)
        log.bytes -= log.batches.shift()?.bytes.byteLength ?? 0
      pump()
      return firstOffset
    },
    backlogBytes() {
      let bytes = 0
      for (const log of logs.values())
        for (const batch of log.batches)
          if (batch.lastOffset >= (log.position ?? 0)) bytes += batch.bytes.byteLength
      return bytes
    },
    committedOffset: (topic, partition) => logOf(topic, partition).committed,
    revoke,
    assign,
    setConnected(value) {
      connected = value
    }
  }
}
