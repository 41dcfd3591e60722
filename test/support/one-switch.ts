import type { AlarmTransition } from '../../rules/model.ts'
import type { Definitions } from '../../daemon/judging/definitions.ts'
import { createSimulatedDaemon } from '../../daemon/simulated.ts'

/** The smallest network with a way: a campus with one switch, whose ports lead to the core. */
export const oneSwitch = (uplinks: readonly string[]) => [
  { id: 'cu', tier: 'core', name: 'ЦУ' },
  {
    id: 'ku',
    tier: 'campus',
    name: 'КУ-1',
    parents: ['cu'],
    devices: [
      {
        id: 'sw',
        role: 'switch',
        identifiers: ['10.0.0.1'],
        ports: uplinks.map(instance => ({ instance, role: 'uplink', peer: 'cu' }))
      }
    ]
  }
]

/** What is told of records that a daemon in simulated time is given cut at these places, all of them after they were made. */
export async function toldInPieces(told: {
  readonly definitions: Definitions
  readonly records: readonly string[]
  readonly startMs: number
  readonly endMs: number
  readonly tickMs: number
  readonly cuts: readonly number[]
}): Promise<readonly AlarmTransition[]> {
  const { definitions, records, startMs, endMs, tickMs, cuts } = told
  const daemon = await createSimulatedDaemon({
    definitions,
    startMs,
    seriesMax: 200,
    devicesMax: 10,
    tickMs
  })
  try {
    daemon.advance(endMs)
    let from = 0
    for (const to of [...cuts, records.length]) {
      if (to <= from) continue
      await daemon.feed(records.slice(from, to).map(value => ({ value })))
      from = to
    }
    daemon.advance(endMs + 1000)
    return daemon.history.alarms
  } finally {
    await daemon.close()
  }
}
