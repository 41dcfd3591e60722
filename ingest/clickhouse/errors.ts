import { ClickHouseError } from '@clickhouse/client'

/**
 * Codes that no repetition mends: the tables are not what this version expects. Everything else (connection,
 * memory, too many parts, read-only, wrong password put right on the server) may pass, so it is tried again.
 */
const schemaCodes = new Map([
  [16, 'a column is missing'],
  [20, 'the number of columns differs'],
  [47, 'a column or function is not known'],
  [50, 'a type is not known'],
  [53, 'a column has another type'],
  [60, 'a table is missing'],
  [62, 'the server does not understand the statement'],
  [73, 'the server does not know the format'],
  [81, 'the database is missing'],
  [115, 'the server does not know a setting']
])

/** A sentence when the error can never pass by itself; undefined when it is worth another attempt. */
export function neverSucceeds(error: unknown, what: string): string | undefined {
  if (!(error instanceof ClickHouseError)) return undefined
  const reason = schemaCodes.get(Number(error.code))
  if (reason === undefined) return undefined
  return (
    `ClickHouse cannot take ${what}: ${reason} (code ${error.code}: ${firstLine(error.message)}). ` +
    'Run `svetofor migrate` against this database; if that changes nothing, the ClickHouse version is too old'
  )
}

/** One short line of an error, for logs and states. */
export function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').slice(0, 300)
}

/** Pause before attempt `attempt` (1, 2, …): doubled each time up to the cap, half of it at random. */
export function backoffMs(attempt: number, minMs: number, maxMs: number, random: () => number): number {
  const ceiling = Math.min(maxMs, minMs * 2 ** Math.min(attempt - 1, 20))
  return ceiling / 2 + (ceiling / 2) * random()
}
