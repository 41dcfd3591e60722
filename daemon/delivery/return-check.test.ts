import { describe, expect, it } from 'vitest'
import type { LogStanding, Stretches } from '../../ingest/kafka/stretches.ts'
import type { TopicPartition } from '../../schemas/batch.ts'
import { createLogger } from '../process/logger.ts'
import { createReturnCheck } from './return-check.ts'

const nowMs = 1_790_000_000_000
const at = (partition: number, offset = 5) => ({ topic: 't', partition, offset })

/** The check over logs that stand as given, by partition; one that is not given cannot be asked. */
function harness(standings: readonly LogStanding[]) {
  const returning: number[] = []
  const asked: number[] = []
  const stretches: Stretches = {
    find: () => Promise.reject(new Error('not asked here')),
    async *batches() {},
    standing({ partition }: TopicPartition, sinceMs) {
      asked.push(nowMs - sinceMs)
      const standing = standings[partition]
      return standing === undefined ? Promise.reject(new Error('no broker')) : Promise.resolve(standing)
    },
    close: () => undefined
  }
  const check = createReturnCheck({
    connection: { openStretches: () => Promise.resolve(stretches) },
    watermark: { returning: partitions => void returning.push(...partitions.map(p => p.partition)) },
    logger: createLogger({ level: 'silent', pretty: false }),
    nowMs: () => nowMs
  })
  return { check: (at: Parameters<typeof check.check>[0]) => check.check(at), returning, asked }
}

const steady = { isSteady: true, newestMs: nowMs - 500 }

describe('the check for brokers that came back before us', () => {
  it('waits for nobody where every leader is of old and records come', async () => {
    const { check, returning, asked } = harness([steady, { isSteady: true, newestMs: nowMs - 100_000 }])
    await check([at(0), at(1)])
    expect(returning).toEqual([])
    expect(asked).toEqual([300_000, 300_000])
  })

  it('waits for the producers of a partition whose leader is new, once', async () => {
    const { check, returning, asked } = harness([steady, { isSteady: false, newestMs: nowMs }, steady])
    await check([at(0), at(1)])
    expect(returning).toEqual([1])
    // What this process has had before it has heard itself.
    await check([at(1), at(2)])
    expect(returning).toEqual([1])
    expect(asked).toHaveLength(3)
  })

  it('waits where nothing has been written anywhere for longer than an outage takes', async () => {
    const quiet = { isSteady: true, newestMs: nowMs - 3_001 }
    const { check, returning } = harness([quiet, quiet])
    await check([at(0), at(1)])
    expect(returning).toEqual([0, 1])
    // Where nothing was ever read nothing is under way.
    const empty = harness([{ isSteady: true, newestMs: undefined }])
    await empty.check([at(0, 0)])
    expect(empty.returning).toEqual([])
  })

  it('waits where no broker says how it stands', async () => {
    const { check, returning } = harness([steady])
    await check([at(0), at(1)])
    expect(returning).toEqual([0, 1])
  })
})
