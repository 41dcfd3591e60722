import { describe, expect, it } from 'vitest'
import type { RawBatch } from '../schemas/batch.ts'
import { emptyBlock } from '../schemas/blocks.ts'
import type { EvaluationResult, EvaluationTask } from '../schemas/evaluation.ts'
import { noCandidates, noNewSeries } from '../schemas/findings.ts'
import { encodeRecordBatch } from '../schemas/records/record-batch.ts'
import { createSlabPool } from '../schemas/slab.ts'
import { createDispatcher, type DispatcherOptions } from './dispatcher.ts'

const batch = (partition: number, firstOffset: number, bytes = 100): RawBatch => ({
  topic: 't',
  partition,
  firstOffset,
  lastOffset: firstOffset + 9,
  count: 10,
  maxTimestampMs: 0,
  bytes: new Uint8Array(bytes)
})

const resultOf = (task: EvaluationTask): EvaluationResult => ({
  ranges: task.ranges.map(r => ({
    topic: r.topic,
    partition: r.partition,
    firstOffset: r.firstOffset,
    lastOffset: r.lastOffset,
    records: 10,
    rowStart: 0,
    rowEnd: 0
  })),
  block: emptyBlock,
  candidates: noCandidates,
  newSeries: noNewSeries,
  rejects: [],
  counts: {}
})

function harness(overrides: Partial<DispatcherOptions> = {}) {
  const tasks: { task: EvaluationTask; finish: () => void; fail: (e: Error) => void }[] = []
  const delivered: EvaluationResult[] = []
  const events: string[] = []
  const dispatcher = createDispatcher({
    evaluate: task =>
      new Promise((resolve, reject) =>
        tasks.push({ task, finish: () => resolve(resultOf(task)), fail: reject })
      ),
    deliver(result) {
      delivered.push(result)
      return undefined
    },
    failed: error => events.push(`failed ${String(error)}`),
    pause: ps => events.push(`pause ${ps.map(p => p.partition).join()}`),
    resume: ps => events.push(`resume ${ps.map(p => p.partition).join()}`),
    nowMs: () => 0,
    concurrency: 2,
    taskBytesMax: 1000,
    partitionQueueBytesMax: 500,
    queueBytesMax: 10_000,
    ...overrides
  })
  return { dispatcher, tasks, delivered, events }
}

const tick = () => new Promise(resolve => setImmediate(resolve))

describe('dispatcher', () => {
  it('keeps at most one task a partition in evaluation, and its order', async () => {
    const { dispatcher, tasks, delivered } = harness()
    dispatcher.offer([batch(0, 0)])
    dispatcher.offer([batch(0, 10), batch(0, 20)])
    expect(tasks).toHaveLength(1)
    tasks[0]!.finish()
    await tick()
    expect(tasks).toHaveLength(2)
    expect(tasks[1]!.task.ranges.map(r => r.firstOffset)).toEqual([10, 20])
    tasks[1]!.finish()
    await tick()
    expect(delivered.flatMap(r => r.ranges.map(x => x.firstOffset))).toEqual([0, 10, 20])
  })

  it('runs partitions in parallel up to the concurrency', () => {
    const { dispatcher, tasks } = harness()
    dispatcher.offer([batch(0, 0)])
    dispatcher.offer([batch(1, 0)])
    dispatcher.offer([batch(2, 0)])
    expect(tasks.map(t => t.task.ranges[0]!.partition)).toEqual([0, 1])
  })

  it('never exceeds the task limit, except for a single larger batch', async () => {
    const { dispatcher, tasks } = harness({ concurrency: 1, partitionQueueBytesMax: 1e9 })
    dispatcher.offer([batch(0, 0, 5000)])
    dispatcher.offer([batch(0, 10, 600), batch(0, 20, 600), batch(0, 30, 300)])
    expect(tasks[0]!.task.ranges).toHaveLength(1)
    tasks[0]!.finish()
    await tick()
    expect(tasks[1]!.task.ranges.map(r => r.firstOffset)).toEqual([10])
    tasks[1]!.finish()
    await tick()
    expect(tasks[2]!.task.ranges.map(r => r.firstOffset)).toEqual([20, 30])
  })

  it('pauses a partition at its limit and resumes it at half, dropping nothing', async () => {
    const { dispatcher, tasks, events, delivered } = harness({ concurrency: 1 })
    for (let i = 0; i < 7; i++) dispatcher.offer([batch(0, i * 10)])
    expect(events).toEqual(['pause 0'])
    expect(dispatcher.pausedPartitions()).toBe(1)
    tasks[0]!.finish()
    await tick()
    expect(events).toEqual(['pause 0', 'resume 0'])
    tasks[1]!.finish()
    await tick()
    expect(delivered.flatMap(r => r.ranges)).toHaveLength(7)
    expect(dispatcher.queuedBytes()).toBe(0)
  })

  it('pauses at the limit over all partitions', () => {
    const { dispatcher, events } = harness({ concurrency: 1, queueBytesMax: 250 })
    for (let p = 0; p < 5; p++) dispatcher.offer([batch(p, 0)])
    expect(events).toEqual(['pause 3', 'pause 4'])
  })

  it('cuts nothing while held', () => {
    const { dispatcher, tasks } = harness()
    dispatcher.hold(true)
    dispatcher.offer([batch(0, 0)])
    expect(tasks).toHaveLength(0)
    dispatcher.hold(false)
    expect(tasks).toHaveLength(1)
  })

  it('drains one partition without waiting for others, and says when it is late', async () => {
    const { dispatcher, tasks } = harness()
    dispatcher.offer([batch(0, 0)])
    dispatcher.offer([batch(1, 0)])
    const drained = dispatcher.drain([{ topic: 't', partition: 0 }], 1000)
    tasks[0]!.finish()
    expect(await drained).toBe(true)
    expect(await dispatcher.drain([{ topic: 't', partition: 1 }], 10)).toBe(false)
  })

  it('says of a result which of its partitions were given up meanwhile, also when they came back', async () => {
    const owned: boolean[][] = []
    const { dispatcher, tasks } = harness({
      concurrency: 1,
      deliver(result, ownership) {
        owned.push([ownership.isWhole(), ...result.ranges.map(ownership.has)])
        return undefined
      }
    })
    dispatcher.hold(true)
    dispatcher.offer([batch(0, 0), batch(1, 0)])
    dispatcher.hold(false)
    dispatcher.fence([{ topic: 't', partition: 0 }])
    dispatcher.offer([batch(0, 0)])
    tasks[0]!.finish()
    await tick()
    tasks[1]!.finish()
    await tick()
    expect(owned).toEqual([
      [false, false, true],
      [true, true]
    ])
  })

  it('releases a fenced partition when its task is evaluated, and at once when it has none', async () => {
    const { dispatcher, tasks } = harness()
    const [p0, p1] = [
      { topic: 't', partition: 0 },
      { topic: 't', partition: 1 }
    ]
    dispatcher.offer([batch(0, 0)])
    dispatcher.fence([p0, p1])
    await dispatcher.released([p1])
    let released = false
    const waited = dispatcher.released([p0, p1]).then(() => (released = true))
    await tick()
    expect(released).toBe(false)
    tasks[0]!.finish()
    await waited
    expect(released).toBe(true)
  })

  it('gives fetched memory back when it is evaluated or given up, and not before', async () => {
    const pool = createSlabPool(1 << 20)
    const inSlab = (partition: number, firstOffset: number): RawBatch => {
      const slab = pool.take(16_384)
      return { ...batch(partition, firstOffset), bytes: new Uint8Array(slab.memory, 0, 100), slab }
    }
    const { dispatcher, tasks } = harness({ concurrency: 1 })
    dispatcher.offer([inSlab(0, 0)])
    dispatcher.offer([inSlab(1, 0), inSlab(1, 10)])
    expect(pool.freeBytes()).toBe(0)
    dispatcher.fence([{ topic: 't', partition: 1 }])
    expect(pool.freeBytes()).toBe(2 * 16_384)
    dispatcher.fence([{ topic: 't', partition: 0 }])
    // A worker still reads it.
    expect(pool.freeBytes()).toBe(2 * 16_384)
    tasks[0]!.finish()
    await tick()
    expect(pool.freeBytes()).toBe(3 * 16_384)
  })

  it('gives the memory of a run back that was split, or that did not fit even so', async () => {
    const pool = createSlabPool(1 << 20)
    const inSlab = (firstOffset: number, batches: readonly Uint8Array[]): RawBatch => {
      const slab = pool.take(16_384)
      let end = 0
      for (const bytes of batches) {
        new Uint8Array(slab.memory).set(bytes, end)
        end += bytes.length
      }
      const lastOffset = firstOffset + batches.length * 10 - 1
      return { ...batch(0, firstOffset), lastOffset, bytes: new Uint8Array(slab.memory, 0, end), slab }
    }
    const encoded = (firstOffset: number): Uint8Array =>
      encodeRecordBatch(
        Array.from({ length: 10 }, (_, i) => ({
          offset: firstOffset + i,
          timestampMs: 1,
          key: null,
          value: Buffer.from('some value')
        }))
      )
    const { dispatcher, tasks } = harness({ concurrency: 1, taskBytesMax: 1000 })
    const size = encoded(0).length
    expect(size).toBeGreaterThan(100)
    // The second run is split for the 100 bytes that are left, and its head is still too large for them.
    dispatcher.offer([inSlab(0, [new Uint8Array(900)]), inSlab(10, [10, 20, 30, 40, 50, 60].map(encoded))])
    const offsets: number[][] = []
    for (let at = 0; at < tasks.length; at++) {
      offsets.push(...tasks[at]!.task.ranges.map(range => [range.firstOffset, range.lastOffset]))
      tasks[at]!.finish()
      await tick()
    }
    expect(offsets[0]).toEqual([0, 9])
    expect(offsets.length).toBeGreaterThan(2)
    expect(offsets.at(-1)![1]).toBe(69)
    expect(pool.freeBytes()).toBe(2 * 16_384)
  })

  describe('with results that wait to be delivered', () => {
    /** Results of partitions below `waits` wait until they are let go. */
    const waitingHarness = (waits: number, overrides: Partial<DispatcherOptions> = {}) => {
      const letGo: (() => void)[] = []
      return {
        letGo,
        ...harness({
          deliver(result) {
            const partitions = result.ranges.filter(range => range.partition < waits)
            if (partitions.length === 0) return undefined
            return { partitions, done: new Promise<void>(resolve => letGo.push(resolve)) }
          },
          ...overrides
        })
      }
    }

    it('holds their partitions, and no other of the same task', async () => {
      const { dispatcher, tasks, letGo } = waitingHarness(1, { concurrency: 1 })
      dispatcher.hold(true)
      dispatcher.offer([batch(0, 0), batch(1, 0)])
      dispatcher.hold(false)
      tasks[0]!.finish()
      await tick()
      dispatcher.offer([batch(0, 10), batch(1, 10)])
      expect(tasks[1]!.task.ranges.map(r => [r.partition, r.firstOffset])).toEqual([[1, 10]])
      tasks[1]!.finish()
      await tick()
      expect(tasks).toHaveLength(2)
      letGo[0]!()
      await tick()
      expect(tasks[2]!.task.ranges.map(r => [r.partition, r.firstOffset])).toEqual([[0, 10]])
    })

    it('gives their places to other tasks, up to sixteen of them', async () => {
      const { dispatcher, tasks, letGo } = waitingHarness(17, { concurrency: 1 })
      for (let p = 0; p < 17; p++) {
        dispatcher.offer([batch(p, 0)])
        tasks[p]!.finish()
        await tick()
      }
      dispatcher.offer([batch(17, 0)])
      expect(tasks).toHaveLength(17)
      expect(dispatcher.tasksInFlight()).toBe(1)
      letGo[16]!()
      await tick()
      expect(tasks[17]!.task.ranges[0]!.partition).toBe(17)
    })

    it('pauses them, and lets what is queued of them hold no other back', async () => {
      const { dispatcher, tasks, events, letGo } = waitingHarness(1, {
        queueBytesMax: 300,
        partitionQueueBytesMax: 300
      })
      dispatcher.offer([batch(0, 0)])
      dispatcher.offer([batch(0, 10), batch(0, 20)])
      tasks[0]!.finish()
      await tick()
      expect(events).toEqual(['pause 0'])
      // What was under way still comes.
      dispatcher.offer([batch(0, 30)])
      dispatcher.offer([batch(1, 0)])
      dispatcher.offer([batch(1, 10), batch(1, 20)])
      expect(events).toEqual(['pause 0'])
      tasks[1]!.finish()
      await tick()
      letGo[0]!()
      await tick()
      expect(events).toEqual(['pause 0', 'resume 0'])
    })

    it('reports a delivery that fails for good', async () => {
      const { dispatcher, tasks, events } = harness({
        deliver: result => ({ partitions: result.ranges, done: Promise.reject(new Error('no room')) })
      })
      dispatcher.offer([batch(0, 0)])
      tasks[0]!.finish()
      await tick()
      expect(events).toContain('failed Error: no room')
    })
  })

  it('reports a task that failed for good', async () => {
    const { dispatcher, tasks, events } = harness()
    dispatcher.offer([batch(0, 0)])
    tasks[0]!.fail(new Error('boom'))
    await tick()
    expect(events).toEqual(['failed Error: boom'])
  })
})
