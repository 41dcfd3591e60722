import type { WriterState } from '../ingest/clickhouse/writer.ts'
import type { TablesUsed } from '../workers/memory/shared-state.ts'
import type { Readiness } from '../status/view.ts'

export interface ReadinessOptions {
  /** Alarms and lights are what was stored of them, or later. */
  readonly restored: () => boolean
  readonly writer: () => WriterState
  /** What ClickHouse has not answered yet, or failed with; empty while it does what is asked. */
  readonly database: () => string
  readonly connected: () => boolean
  /** Of a daemon that stands by, for whom; empty for one that reads. */
  readonly waitsFor: () => string
  /** What is wrong with the consumer group; empty when nothing is. */
  readonly group: () => string
  /** Why dead letters may have nowhere to go; empty when their topic is there. */
  readonly deadLetters: () => string
  /** The part of each table that is used. */
  readonly tables: () => TablesUsed
  /** The same of what devices may use that the inventory does not know. */
  readonly tablesOfUnknown: () => TablesUsed
  /** What the last reload failed with; empty when it went well. */
  readonly reloadFailure: () => string
}

/** So full that the next thing may find no room: several names or series are taken at once. */
const fullRatio = 0.999

/** Which setting gives room to which table; those of names are as large as the series are many. */
const settings: Readonly<Record<'series' | 'devices' | 'entities', string>> = {
  series: 'workers.series_max',
  devices: 'workers.devices_max',
  entities: 'workers.series_max'
}

function fullTables(used: TablesUsed, usedByUnknown: TablesUsed): string {
  const fullOf = (ratios: TablesUsed) =>
    (['devices', 'series', 'entities'] as const).filter(table => ratios[table] >= fullRatio)
  const full = fullOf(used)
  const fullOfUnknown = fullOf(usedByUnknown)
  const raise = [...new Set([...full, ...fullOfUnknown].map(table => settings[table]))].join(' and ')
  const remedy = `raise ${raise}, or look for who sends names without end`
  if (full.length > 0)
    return `no room for further ${full.join(' and ')}: what is met now is stored and not judged; ${remedy}`
  if (fullOfUnknown.length > 0)
    return `devices that the inventory does not know have used up their half of the room for ${fullOfUnknown.join(' and ')}: further ones are stored and not told apart until some are forgotten (workers.unknown_idle_s), those of the inventory have room; ${remedy}`
  return ''
}

/** Whether the daemon does its work, and if not, which part does not and why. */
export function createReadiness(options: ReadinessOptions): () => Readiness {
  const { restored, waitsFor, writer, database, connected, group, deadLetters, reloadFailure } = options
  return () => {
    const inserts = writer()
    const unanswered = database()
    const parts = {
      state: {
        ok: restored(),
        detail: restored() ? '' : waitsFor() || 'alarms and lights are being restored from ClickHouse'
      },
      clickhouse: {
        ok: !inserts.down && unanswered === '',
        detail: inserts.down
          ? `inserts fail since ${new Date(inserts.sinceMs).toISOString()}: ${inserts.error}`
          : unanswered
      },
      kafka: { ok: restored() && connected(), detail: connected() ? '' : 'not connected to Kafka' },
      group: { ok: group() === '', detail: group() }
    }
    const ready = Object.values(parts).every(part => part.ok)
    // The daemon does its work without these: that is said, and is no reason to take it out of service.
    const failure = reloadFailure()
    const unwell = (name: string, detail: string) => (detail === '' ? {} : { [name]: { ok: false, detail } })
    return {
      ready,
      parts: {
        ...parts,
        ...unwell('dead_letters', deadLetters()),
        ...unwell('tables', fullTables(options.tables(), options.tablesOfUnknown())),
        ...unwell('reload', failure && `the last reload failed, what was in force before stays: ${failure}`)
      }
    }
  }
}
