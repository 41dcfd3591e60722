import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { definitionsOf } from './network.ts'
import { createSimulatedDaemon, type FedRecord, type SimulatedDaemon } from './simulated.ts'

const startMs = Date.UTC(2026, 2, 1)
const minute = 60_000
const nodes = 3
const strangers = 12

/** The first devices are those of the inventory; a reload may make some of the strangers known. */
const nameOf = (device: number): string => (device < nodes ? `sw-${device}` : `stranger-${device}`)

const inventory = (more: readonly number[]): unknown[] => [
  { id: 'cu', tier: 'core', name: 'ЦУ' },
  ...[...Array(nodes).keys(), ...more].map(device => ({
    id: `ku-${device}`,
    tier: 'campus',
    name: `КУ-${device}`,
    parents: ['cu'],
    devices: [
      {
        id: `dev-${device}`,
        role: 'switch',
        identifiers: [nameOf(device)],
        ports: [{ instance: '1', role: 'uplink', peer: 'cu', optic_class: 'sfp-lx' }]
      },
      { id: `ups-${device}`, role: 'ups', identifiers: [`ups-${nameOf(device)}`] }
    ]
  }))
]
/** Those of the start, and those that know one more. */
const definitions = await Promise.all(
  [[], [nodes], [nodes + 1], [nodes + 2]].map((more, i) =>
    definitionsOf({ inventory: inventory(more) }, i + 1)
  )
)

/** A poll of something of a device, some minutes after the one before. */
const poll = fc.record({
  afterMin: fc.constantFrom(0, 0, 1, 2, 6),
  device: fc.oneof(fc.nat(nodes - 1), fc.integer({ min: nodes, max: nodes + strangers - 1 })),
  what: fc.constantFrom('status', 'status', 'level', 'limits', 'ups', 'errors'),
  port: fc.constantFrom('1', '1', '2'),
  value: fc.nat(3)
})
const happening = fc.oneof(
  { weight: 20, arbitrary: poll.map(of => ({ kind: 'poll' as const, of })) },
  { weight: 4, arbitrary: fc.constantFrom(0, 1, 5).map(of => ({ kind: 'forget' as const, of })) },
  { weight: 1, arbitrary: fc.nat(definitions.length - 1).map(of => ({ kind: 'reload' as const, of })) }
)
type Poll = typeof poll extends fc.Arbitrary<infer T> ? T : never

const recordOf = ({ device, what, port, value }: Poll, atMs: number): FedRecord => {
  const metric = (
    source: string,
    signals: Readonly<Record<string, number>>,
    instance: string
  ): FedRecord => ({
    value: JSON.stringify({ device: source, instance, collector: 'col1', timeMs: atMs, signals })
  })
  const name = nameOf(device)
  switch (what) {
    case 'status':
      return metric(name, { 'if.oper_status': 1 + (value % 2) }, port)
    case 'errors':
      return metric(name, { 'if.in_errors': value * 1000, 'if.admin_status': 1 }, port)
    case 'level':
      return metric(name, { 'optics.rx_dbm': -8 - value * 9 }, port)
    // A module that tells its own limits.
    case 'limits':
      return metric(
        name,
        {
          'optics.rx_low_warn_dbm': -12 - (device % 3) * 6,
          'optics.rx_low_alarm_dbm': -14 - (device % 3) * 6
        },
        port
      )
    case 'ups':
      return metric(
        `ups-${name}`,
        {
          'ups.output_source': 3 + (value % 3),
          'ups.charge_pct': 90 - value * 20,
          'ups.runtime_s': 3000 - value
        },
        ''
      )
  }
}

const allOf = (device: number, atMs: number): FedRecord[] =>
  (['status', 'errors', 'level', 'limits', 'ups'] as const).flatMap(what =>
    (['1', '2'] as const).map(port => recordOf({ afterMin: 0, device, what, port, value: 0 }, atMs))
  )

const toldBy = (daemon: SimulatedDaemon) => ({
  alarms: daemon.history.alarms,
  lights: daemon.history.lights,
  incidents: daemon.history.incidents,
  open: daemon.openAlarms(),
  samples: daemon.history.samples,
  rejects: daemon.history.rejects
})

describe('devices that the inventory does not know', () => {
  it('change nothing for the others by being forgotten, whenever that is, nor for themselves', async () => {
    let forgotten = 0
    let alarms = 0
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { minLength: 10, maxLength: 80 }), async happenings => {
        const limits = { seriesMax: 3000, devicesMax: 300 }
        const [daemon, other] = await Promise.all(
          [0, 1].map(() => createSimulatedDaemon({ definitions: definitions[0]!, startMs, ...limits }))
        )
        const both = [daemon!, other!]
        try {
          for (const { kind, of } of happenings) {
            if (kind === 'forget') forgotten += await daemon!.forgetIdle(of * minute)
            else if (kind === 'reload')
              for (const each of both) {
                // Whoever is to be known has just told all that it tells: so nothing is known of it in one of them only.
                if (of > 0) await each.feed(allOf(nodes + of - 1, each.nowMs() - 1000))
                await each.reload(definitions[of]!)
              }
            else {
              for (const each of both) {
                if (of.afterMin > 0) each.advance(each.nowMs() + of.afterMin * minute, 10_000)
                await each.feed([recordOf(of, each.nowMs() - 1000)])
              }
            }
          }
          for (const each of both) each.advance(each.nowMs() + 30 * minute, 10_000)
          expect(toldBy(daemon!)).toEqual(toldBy(other!))
          expect(daemon!.history.rejects).toEqual([])
          alarms += daemon!.history.alarms.length
        } finally {
          for (const each of both) await each.close()
        }
      }),
      { numRuns: Number(process.env['FORGET_RUNS'] ?? 30) }
    )
    expect(Math.min(forgotten, alarms)).toBeGreaterThan(20)
  })
})
