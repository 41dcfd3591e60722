import { expect } from 'vitest'
import type { TestClickHouse } from './clickhouse.ts'
import { waitUntil } from './daemon.ts'
import type { Ledger } from './ledger.ts'

/** What a ledger held at a moment, to be compared with ClickHouse later. */
export interface Expected {
  readonly samples: number
  readonly bySignal: ReadonlyMap<string, { readonly samples: number; readonly sum: number }>
  /** Newest event time that is counted (ms). */
  readonly untilMs: number
}

export const expectedNow = (ledger: Ledger, untilMs: number): Expected => ({
  samples: ledger.samples(),
  bySignal: ledger.bySignal(),
  untilMs
})

/**
 * Waits until every expected sample is stored, and finds each exactly once: rows are counted as they lie, without
 * FINAL, so that a second copy would be seen before ClickHouse collapses it.
 */
export async function expectStoredOnce(
  clickhouse: TestClickHouse,
  database: string,
  expected: Expected,
  msMax: number
): Promise<void> {
  const parameters = { until: expected.untilMs }
  const until = 'series != 0 AND time <= fromUnixTimestamp64Milli({until:Int64})'
  const count = async (): Promise<{ total: number; distinct: number }> => {
    const [row] = await clickhouse.rows<{ total: string; distinct: string }>(
      `SELECT count() AS total, uniqExact(series, time) AS distinct FROM ${database}.samples WHERE ${until}`,
      parameters
    )
    return { total: Number(row?.total), distinct: Number(row?.distinct) }
  }
  const found = await waitUntil(
    `${expected.samples} samples in ClickHouse`,
    count,
    ({ distinct }) => distinct >= expected.samples,
    msMax
  )
  expect(found).toEqual({ total: expected.samples, distinct: expected.samples })
  const rows = await clickhouse.rows<{ signal: string; samples: string; sum: number }>(
    `SELECT d.signal AS signal, count() AS samples, sum(s.value) AS sum
     FROM ${database}.samples AS s
     INNER JOIN (SELECT id, signal FROM ${database}.series FINAL) AS d ON d.id = s.series
     WHERE ${until} GROUP BY signal ORDER BY signal`,
    parameters
  )
  expect(Object.fromEntries(rows.map(row => [row.signal, Number(row.samples)]))).toEqual(
    Object.fromEntries([...expected.bySignal].map(([signal, { samples }]) => [signal, samples]))
  )
  for (const { signal, sum } of rows) {
    const wanted = expected.bySignal.get(signal)?.sum ?? NaN
    expect(Math.abs(sum - wanted), `sum of ${signal}: ${sum}, not ${wanted}`).toBeLessThanOrEqual(
      1e-9 * Math.max(1, Math.abs(wanted))
    )
  }
}
