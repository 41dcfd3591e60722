import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createDispatcher } from '../../ingest/dispatcher.ts'
import type { Writer } from '../../ingest/clickhouse/writer.ts'
import { createOffsetCommitter } from '../../ingest/offsets.ts'
import type { RawBatch, TopicPartition } from '../../schemas/batch.ts'
import { emptyBlock } from '../../schemas/blocks.ts'
import type { EvaluationResult, EvaluationTask, RangeOutcome, Reject } from '../../schemas/evaluation.ts'
import { noCandidates, noNewSeries } from '../../schemas/findings.ts'
import { createDelivery } from './delivery.ts'
import { createLogger } from '../process/logger.ts'

const at = (partition: number): TopicPartition => ({ topic: 't', partition })
const batch = (partition: number, firstOffset: number): RawBatch => ({
  ...at(partition),
  firstOffset,
  lastOffset: firstOffset + 9,
  count: 10,
  maxTimestampMs: 0,
  bytes: new Uint8Array(100)
})
const reject = (partition: number, offset: number): Reject => ({
  ...at(partition),
  offset,
  reason: 'not_json',
  detail: '',
  key: null,
  value: null,
  valueBytes: 0
})

/** Delivery and dispatcher as the daemon wires them, around a writer that keeps what it is given until it is told to store it. */
function harness(options: { readonly drainMsMax?: number } = {}) {
  const stopping = new AbortController()
  const submitted: RangeOutcome[] = []
  const judged: EvaluationResult[] = []
  const fenced: number[] = []
  const failures: unknown[] = []
  const tasks: { readonly task: EvaluationTask; finish: (rejects?: readonly Reject[]) => void }[] = []
  /** Letters under way; a call that is refused is tried again. */
  const letters: { readonly rejects: readonly Reject[]; resolve: () => void; refuse: () => void }[] = []
  let drained: (() => void)[] = []
  const writer: Writer = {
    submit: ranges => void submitted.push(...ranges),
    pendingBytes: () => 0,
    state: () => ({ down: false }),
    drain: () => new Promise(resolve => drained.push(resolve)),
    fence(partitions) {
      fenced.push(...partitions.map(p => p.partition))
      for (const done of drained) done()
      drained = []
    },
    landed: () => Promise.resolve(),
    close: () => Promise.resolve(0)
  }
  const offsets = createOffsetCommitter({ commit: () => Promise.resolve(), commitFailed: () => undefined })
  const delivery = createDelivery({
    dispatcher: () => dispatcher,
    writer,
    offsets,
    deadLetters: {
      send: rejects =>
        new Promise((resolve, refuse) =>
          letters.push({ rejects, resolve, refuse: () => refuse(new Error('broker away')) })
        ),
      close: () => Promise.resolve()
    },
    deadLetterTopic: 'dlq',
    judge: result => void judged.push(result),
    drainMsMax: options.drainMsMax ?? 1000,
    stopping: stopping.signal,
    logger: createLogger({ level: 'silent', pretty: false }),
    trouble: () => undefined
  })
  const dispatcher = createDispatcher({
    evaluate: task =>
      new Promise(resolve =>
        tasks.push({ task, finish: (rejects = []) => resolve(resultOf(task, rejects)) })
      ),
    deliver: delivery.deliver,
    failed: error => failures.push(error),
    pause: () => undefined,
    resume: () => undefined,
    nowMs: () => 0,
    concurrency: 2,
    taskBytesMax: 1000,
    partitionQueueBytesMax: 500,
    queueBytesMax: 10_000
  })
  const stored = (): string[] => submitted.map(r => `${r.partition}:${r.firstOffset}`)
  return {
    delivery,
    dispatcher,
    tasks,
    letters,
    stored,
    judged,
    fenced,
    failures,
    drained: () => drained,
    stopping
  }
}

const resultOf = (task: EvaluationTask, rejects: readonly Reject[]): EvaluationResult => ({
  ranges: task.ranges.map(({ topic, partition, firstOffset, lastOffset }) => ({
    topic,
    partition,
    firstOffset,
    lastOffset,
    records: 10,
    rowStart: 0,
    rowEnd: 0
  })),
  block: emptyBlock,
  candidates: noCandidates,
  newSeries: noNewSeries,
  rejects,
  counts: {}
})

const tick = () => new Promise(resolve => setImmediate(resolve))

describe('delivery', () => {
  it('stores a partition behind its dead letters, and its neighbours at once', async () => {
    const { dispatcher, tasks, letters, stored } = harness()
    dispatcher.hold(true)
    dispatcher.offer([batch(0, 0), batch(1, 0)])
    dispatcher.hold(false)
    expect(tasks).toHaveLength(1)
    tasks[0]!.finish([reject(0, 3)])
    await tick()
    expect(stored()).toEqual(['1:0'])
    letters[0]!.resolve()
    await tick()
    expect(stored()).toEqual(['1:0', '0:0'])
  })

  it('goes on with other partitions while dead letters cannot be sent', async () => {
    const { dispatcher, tasks, letters, stored } = harness()
    for (let p = 0; p < 3; p++) {
      dispatcher.offer([batch(p, 0)])
      tasks.at(-1)!.finish([reject(p, 0)])
      await tick()
      letters.at(-1)!.refuse()
    }
    dispatcher.offer([batch(9, 0)])
    tasks.at(-1)!.finish()
    await tick()
    expect(stored()).toEqual(['9:0'])
  })

  it('drops what was given up while its dead letters were on their way, and judges it all the same', async () => {
    const { delivery, dispatcher, tasks, letters, stored, judged, failures } = harness()
    dispatcher.offer([batch(0, 0)])
    tasks[0]!.finish([reject(0, 0)])
    await tick()
    await delivery.revoked([at(0)], 50)
    // The same partition comes back, and its records are read and stored again.
    await delivery.released([at(0)])
    dispatcher.offer([batch(0, 0)])
    tasks[1]!.finish()
    await tick()
    letters[0]!.resolve()
    await tick()
    expect(stored()).toEqual(['0:0'])
    expect(judged).toHaveLength(2)
    expect(failures).toEqual([])
  })

  it('gives a partition up at the limit, and does not touch it any more', async () => {
    const { delivery, dispatcher, tasks, stored, fenced, drained } = harness({ drainMsMax: 60_000 })
    dispatcher.offer([batch(0, 0)])
    const startedMs = performance.now()
    await delivery.revoked([at(0)], 100)
    expect(performance.now() - startedMs).toBeLessThan(1000)
    expect(fenced).toEqual([0])
    // The task of the earlier owner ends when the next generation is at work.
    const released = delivery.released([at(0)])
    tasks[0]!.finish()
    await released
    dispatcher.offer([batch(0, 0)])
    tasks[1]!.finish()
    await tick()
    await delay(200)
    expect(stored()).toEqual(['0:0'])
    expect(fenced).toEqual([0])
    expect(drained()).toHaveLength(0)
  })

  it('gives a lost partition up at once', async () => {
    const { delivery, dispatcher, fenced } = harness()
    dispatcher.offer([batch(0, 0)])
    const revoked = delivery.revoked([at(0)], 0)
    expect(fenced).toEqual([0])
    await revoked
  })

  it('ends a wait for dead letters when the daemon stops', async () => {
    const { dispatcher, tasks, letters, stored, failures, stopping } = harness()
    dispatcher.offer([batch(0, 0)])
    tasks[0]!.finish([reject(0, 0)])
    await tick()
    stopping.abort()
    letters[0]!.refuse()
    await tick()
    expect(stored()).toEqual([])
    expect(failures.map(error => (error as Error).constructor.name)).toEqual(['Stopped'])
  })
})
