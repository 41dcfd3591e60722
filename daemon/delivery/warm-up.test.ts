import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import type { Stretches } from '../../ingest/kafka/stretches.ts'
import type { RawBatch } from '../../schemas/batch.ts'
import { emptyBlock } from '../../schemas/blocks.ts'
import { loadConfig } from '../../schemas/config/reading.ts'
import type { EvaluationTask, RangeOutcome } from '../../schemas/evaluation.ts'
import { noCandidates, noNewSeries } from '../../schemas/findings.ts'
import { createLogger } from '../process/logger.ts'
import { createWarmUp } from './warm-up.ts'

const nowMs = 1_790_000_000_000
const at = (partition: number, offset: number) => ({ topic: 't', partition, offset })
const judgedTo = (partition: number, lastOffset: number): RangeOutcome => ({
  topic: 't',
  partition,
  firstOffset: lastOffset,
  lastOffset,
  records: 1,
  rowStart: 0,
  rowEnd: 0
})

/** The warm-up as the daemon wires it, around logs of a batch a second and workers that find nothing. */
function harness(options: { readonly failures?: number; readonly env?: Record<string, string> } = {}) {
  const config = loadConfig({ env: options.env ?? {}, readFile: () => '' })
  const registry = new Registry()
  const tasks: EvaluationTask[] = []
  const ends: { readonly isWhole: boolean; readonly sinceMs: number }[] = []
  let failures = options.failures ?? 0
  let opened = 0
  const stretches: Stretches = {
    find: ({ topic, partition, to, windowMs }) =>
      Promise.resolve({
        topic,
        partition,
        to,
        from: Math.max(0, to - Math.ceil(windowMs / 1000)),
        endMs: nowMs,
        nextMs: undefined,
        newestMs: nowMs,
        cut: null
      }),
    async *batches({ topic, partition, from, to }) {
      for (let offset = from; offset < to; offset++) {
        await Promise.resolve()
        const batch: RawBatch = {
          topic,
          partition,
          firstOffset: offset,
          lastOffset: offset,
          count: 1,
          maxTimestampMs: nowMs - (to - 1 - offset) * 1000,
          bytes: new Uint8Array(1)
        }
        yield batch
      }
    },
    standing: () => Promise.reject(new Error('not asked here')),
    close: () => undefined
  }
  const warmUp = createWarmUp({
    config,
    connection: {
      openStretches: () => {
        opened++
        return failures-- > 0 ? Promise.reject(new Error('no broker')) : Promise.resolve(stretches)
      }
    },
    evaluation: {
      concurrency: 2,
      pool: {
        evaluate(task) {
          tasks.push(task)
          return Promise.resolve({
            ranges: [],
            block: emptyBlock,
            candidates: noCandidates,
            newSeries: noNewSeries,
            rejects: [],
            counts: {}
          })
        }
      }
    },
    engine: () => ({
      memoryMs: () => 100_000,
      warm: () => ({ take: () => undefined, end: read => void ends.push(read) })
    }),
    storage: { topics: { storedAs: topic => topic } },
    registry,
    stopping: new AbortController().signal,
    logger: createLogger({ level: 'silent', pretty: false }),
    nowMs: () => nowMs
  })
  const outcomes = async (): Promise<string> => {
    const metric = await registry.getSingleMetric('svetofor_warm_up_partitions_total')!.get()
    return metric.values
      .flatMap(({ labels, value }) => (value === 0 ? [] : `${labels['outcome']} ${value}`))
      .join()
  }
  return { warmUp, tasks, ends, outcomes, opened: () => opened }
}

const always = (): boolean => true

describe('the warm-up', () => {
  it('judges the stretch before the stored position again, all partitions together in the order of time', async () => {
    const { warmUp, tasks, ends, outcomes } = harness()
    await warmUp.before([at(0, 150), at(1, 20), at(2, 0)], always)
    const ranges = tasks.flatMap(task => task.ranges)
    for (const [partition, offsets] of [
      [0, Array.from({ length: 100 }, (_, i) => 50 + i)],
      [1, Array.from({ length: 20 }, (_, i) => i)]
    ] as const)
      expect(ranges.filter(r => r.partition === partition).map(r => r.firstOffset)).toEqual(offsets)
    const times = tasks.map(task => task.nowMs)
    expect(times).toEqual([...times].sort((a, b) => a - b))
    // A slice is no longer than two seconds, and judged as of its newest record.
    expect(times.at(-1)).toBe(nowMs)
    expect(ends).toEqual([{ isWhole: true, sinceMs: nowMs - 97_000 }])
    expect(await outcomes()).toBe('whole 2')
  })

  it('leaves alone what this process has judged itself, and not what another has judged since', async () => {
    const { warmUp, opened, ends } = harness()
    warmUp.judged([judgedTo(0, 149)])
    await warmUp.before([at(0, 150)], always)
    await warmUp.before([at(0, 120)], always)
    expect(opened()).toBe(0)
    await warmUp.before([at(0, 151)], always)
    expect(opened()).toBe(1)
    // Silence is of all partitions, and only the first reading is.
    expect(ends).toEqual([{ isWhole: true, sinceMs: Infinity }])
    await warmUp.before([at(0, 151)], always)
    expect(opened()).toBe(1)
  })

  it('stops when the assignment is void, and begins anew with the next', async () => {
    const { warmUp, tasks, ends, outcomes } = harness()
    await warmUp.before([at(0, 150)], () => tasks.length < 3)
    expect(tasks).toHaveLength(3)
    expect(ends.map(({ isWhole }) => isWhole)).toEqual([false])
    expect(await outcomes()).toBe('')
    await warmUp.before([at(0, 150)], always)
    expect(ends.map(({ isWhole }) => isWhole)).toEqual([false, true])
  })

  it('tries again, and gives up where the log cannot be read', async () => {
    const tried = harness({ failures: 1 })
    await tried.warmUp.before([at(0, 150)], always)
    expect(await tried.outcomes()).toBe('whole 1')
    const failed = harness({ failures: 9 })
    await failed.warmUp.before([at(0, 150), at(1, 1)], always)
    expect(failed.opened()).toBe(3)
    expect(await failed.outcomes()).toBe('failed 2')
  })

  it('is not done where it is not wanted', async () => {
    const { warmUp, opened } = harness({ env: { SVETOFOR_INGEST_WARM_UP_S_MAX: '0' } })
    await warmUp.before([at(0, 150)], always)
    expect(opened()).toBe(0)
  })
})
