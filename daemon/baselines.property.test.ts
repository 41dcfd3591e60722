import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { oneSwitch, toldInPieces } from '../test/support/one-switch.ts'
import type { Definitions } from './judging/definitions.ts'
import { definitionsOf } from './network.ts'

const startMs = Date.UTC(2026, 2, 1)
const ports = ['1', '2'] as const

const inventory = oneSwitch(ports)

const text = '{ ru: "{value}", en: "{value}" }'
const learning = 'baseline: 6h, learn: 1h'
const rules = `
rules:
  - { name: optics.fallen, override: true, enabled: false }
  - { name: optics.drifts, override: true, enabled: false }
  - { name: test.fallen, kind: optics, severity: warning, select: { signal: optics.rx_dbm, port: uplink },
      change: step, ${learning}, below: -2, hysteresis: 0.5, hold: { raise_samples: 2 }, text: ${text} }
  - { name: test.drifts, kind: optics, severity: warning, select: { signal: optics.rx_dbm, port: uplink },
      change: drift_per_day, ${learning}, below: -2, text: ${text} }
  - { name: test.warmer, kind: optics, severity: warning, select: { signal: optics.temp_c, port: uplink },
      change: step, ${learning}, above: 5, text: ${text} }
  - { name: test.low, kind: optics, severity: minor, select: { signal: optics.rx_dbm, port: uplink },
      below: -20, hold: { raise_samples: 2 }, text: ${text} }
`

/** So many polls of one port that are alike, and what goes wrong behind them. */
const stretch = fc.record({
  polls: fc.integer({ min: 1, max: 30 }),
  everyS: fc.constantFrom(60, 300, 300, 900),
  port: fc.constantFrom(...ports),
  dbm: fc.constantFrom(-12, -12, -12, -13, -15, -18, -25),
  celsius: fc.constantFrom(40, 40, 50),
  driftDb: fc.constantFrom(0, 0, -0.02, 0.02),
  happened: fc.constantFrom('nothing', 'nothing', 'twice', 'late', 'pause')
})
type Stretch = typeof stretch extends fc.Arbitrary<infer T> ? T : never

function recordsOf(stretches: readonly Stretch[]): { readonly records: string[]; readonly endMs: number } {
  let timeMs = startMs
  const record = (instance: string, atMs: number, signals: Readonly<Record<string, number>>): string =>
    JSON.stringify({
      device: '10.0.0.1',
      identifiers: ['10.0.0.1'],
      instance,
      collector: 'col',
      timeMs: atMs,
      signals
    })
  const usual = { 'optics.rx_dbm': -12, 'optics.temp_c': 40 }
  const records = ports.map(port => record(port, startMs, usual))
  for (const { polls, everyS, port, dbm, celsius, driftDb, happened } of stretches) {
    for (let k = 1; k <= polls; k++) {
      timeMs += everyS * 1000
      records.push(record(port, timeMs, { 'optics.rx_dbm': dbm + k * driftDb, 'optics.temp_c': celsius }))
    }
    if (happened === 'twice') records.push(records.at(-1)!)
    if (happened === 'late') records.push(record(port, timeMs - 40_000, usual))
    if (happened === 'pause') timeMs += 7 * 3_600_000
  }
  return { records, endMs: timeMs }
}

describe('changes from what is usual', () => {
  const play = async (
    definitions: Definitions,
    records: readonly string[],
    endMs: number,
    cuts: readonly number[]
  ): Promise<string[]> => {
    const alarms = await toldInPieces({ definitions, records, startMs, endMs, tickMs: 600_000, cuts })
    // What happens to several ports at one moment is told in any order.
    return alarms
      .map(({ change, atMs, alarm: { id, type, evidence } }) =>
        JSON.stringify([type, atMs, change, id, evidence.value, evidence.limit, evidence.coordinates?.offset])
      )
      .sort()
  }

  it('raise and clear the same, however the records are cut into batches', async () => {
    const definitions = await definitionsOf({ inventory, rules: [{ file: 'rules.yaml', text: rules }] })
    const told = new Map<string, number>()
    await fc.assert(
      fc.asyncProperty(
        fc.array(stretch, { minLength: 10, maxLength: 40, size: 'max' }),
        fc.array(fc.nat(1000), { maxLength: 30, size: 'max' }),
        async (stretches, places) => {
          const { records, endMs } = recordsOf(stretches)
          const whole = await play(definitions, records, endMs, [])
          const cuts = places.map(place => place % records.length).sort((a, b) => a - b)
          expect(await play(definitions, records, endMs, cuts)).toEqual(whole)
          const single = records.map((_, at) => at)
          expect(await play(definitions, records, endMs, single)).toEqual(whole)
          for (const one of whole) {
            const type = (JSON.parse(one) as string[])[0]!
            told.set(type, (told.get(type) ?? 0) + 1)
          }
        }
      ),
      { numRuns: 10 }
    )
    for (const name of ['test.fallen', 'test.drifts', 'test.warmer', 'test.low'])
      expect(told.get(name) ?? 0).toBeGreaterThan(4)
  })
})
