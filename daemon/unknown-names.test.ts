import { afterEach, describe, expect, it } from 'vitest'
import { definitionsOf } from './network.ts'
import { createSimulatedDaemon, type FedRecord, type SimulatedDaemon } from './simulated.ts'

const startMs = Date.UTC(2026, 2, 1)
const minute = 60_000

const inventory = (...more: readonly string[]): unknown[] => [
  { id: 'cu', tier: 'core', name: 'ЦУ' },
  ...['SW-1', ...more].map((name, i) => ({
    id: `ku-${i}`,
    tier: 'campus',
    name: `КУ-${i}`,
    parents: ['cu'],
    devices: [
      {
        id: `sw-${i}`,
        role: 'switch',
        identifiers: [name],
        ports: [{ instance: 25, role: 'uplink', peer: 'cu' }]
      }
    ]
  }))
]

const port = (source: string, oper: number, atMs: number, ifIndex = 25): FedRecord => ({
  value: JSON.stringify({
    name: 'interface',
    fields: { ifOperStatus: oper, ifAdminStatus: 1, ifInErrors: 0 },
    tags: { host: 'col', source, ifIndex: String(ifIndex) },
    timestamp: atMs / 1000
  })
})

/** Nobody has met them, and nobody will meet them again. */
const flood = (count: number, nameOf: (i: number) => string): FedRecord[] =>
  Array.from({ length: count }, (_, i) => port(nameOf(i), 2, startMs))

describe('names without end that the inventory does not know', () => {
  let daemon: SimulatedDaemon
  afterEach(() => daemon.close())
  const start = async (limits: { seriesMax: number; devicesMax: number }): Promise<SimulatedDaemon> =>
    createSimulatedDaemon({
      definitions: await definitionsOf({ inventory: inventory() }),
      startMs,
      ...limits
    })

  const floods: readonly [string, { seriesMax: number; devicesMax: number }, (i: number) => string][] = [
    ['devices', { seriesMax: 100_000, devicesMax: 100 }, i => `stranger-${i}`],
    ['series', { seriesMax: 1000, devicesMax: 20_000 }, i => `stranger-${i}`],
    [
      'bytes of names',
      { seriesMax: 4000, devicesMax: 20_000 },
      i => `${'stranger'.repeat(40).slice(i % 311)}-${i}`
    ]
  ]
  for (const [what, limits, nameOf] of floods)
    it(`leave room for the devices it knows, where they use up ${what}`, async () => {
      daemon = await start(limits)
      for (let turn = 0; turn < 3; turn++) await daemon.feed(flood(1500, i => nameOf(turn * 1500 + i)))
      await daemon.feed([port('sw-1', 2, startMs + 1000)])
      daemon.advance(startMs + minute)
      expect(daemon.light('ku-0').effective).toBe('red')
    })

  it('have none left for a device that a reload makes known, until it does', async () => {
    daemon = await start({ seriesMax: 100_000, devicesMax: 100 })
    await daemon.feed(flood(1500, i => `stranger-${i}`))
    await daemon.feed([port('sw-new', 2, startMs + 1000)])
    await daemon.reload(await definitionsOf({ inventory: inventory('sw-new') }))
    await daemon.feed([port('sw-new', 2, startMs + 2000)])
    daemon.advance(startMs + minute)
    expect(daemon.light('ku-1').effective).toBe('red')
  })
})
