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

  const namesOf = (of: SimulatedDaemon): string[] =>
    of.view.unknownDevices(100).map(({ identifier }) => identifier)
  const told = (device: string): unknown[] =>
    daemon.history.samples
      .filter(sample => sample.device === device)
      .map(({ signal, value }) => [signal, value])

  it('give their room to others once they are forgotten; what is known is untouched', async () => {
    daemon = await start({ seriesMax: 100_000, devicesMax: 100 })
    await daemon.feed([port('sw-1', 2, startMs)])
    await daemon.feed(flood(60, i => `stranger-${i}`))
    daemon.advance(startMs + 5 * minute)
    await daemon.feed([port('sw-1', 2, daemon.nowMs()), port('stranger-3', 1, daemon.nowMs())])
    const before = { light: daemon.light('ku-0'), alarms: daemon.openAlarms() }
    expect(before.light.effective).toBe('red')
    await daemon.feed([port('late-1', 1, daemon.nowMs())])
    expect([namesOf(daemon).includes('late-1'), told('late-1')]).toEqual([false, []])

    expect(await daemon.forgetIdle(minute)).toBe(49)
    expect({ light: daemon.light('ku-0'), alarms: daemon.openAlarms() }).toEqual(before)
    expect(namesOf(daemon)).toEqual(['stranger-3'])
    await daemon.feed(Array.from({ length: 49 }, (_, i) => port(`late-${i}`, i % 2, daemon.nowMs())))
    expect(namesOf(daemon)).toContain('late-48')
    expect(told('late-47').map(sample => String(sample))).toContain('if.oper_status,1')
    expect(told('late-48').map(sample => String(sample))).not.toContain('if.oper_status,1')
    // Who was forgotten is met anew when there is room.
    await daemon.feed([port('stranger-4', 1, daemon.nowMs())])
    expect(namesOf(daemon)).not.toContain('stranger-4')
    daemon.advance(daemon.nowMs() + 2 * minute)
    expect(await daemon.forgetIdle(minute)).toBe(50)
    await daemon.feed([port('stranger-4', 1, daemon.nowMs())])
    expect(namesOf(daemon)).toEqual(['stranger-4'])
    // The port of the known device goes on from where it was.
    await daemon.feed([port('sw-1', 1, daemon.nowMs())])
    daemon.advance(daemon.nowMs() + 3 * minute)
    expect(daemon.openAlarms()).toEqual([])
  })

  it('are judged when a reload makes them known after they were forgotten', async () => {
    daemon = await start({ seriesMax: 100_000, devicesMax: 100 })
    await daemon.feed([port('sw-new', 2, startMs)])
    daemon.advance(startMs + 2 * minute)
    expect(await daemon.forgetIdle(minute)).toBe(1)
    await daemon.reload(await definitionsOf({ inventory: inventory('sw-new') }))
    await daemon.feed([port('sw-new', 2, daemon.nowMs())])
    daemon.advance(daemon.nowMs() + minute)
    expect(daemon.light('ku-1').effective).toBe('red')
    // Whom the inventory has known is kept, also when it knows it no more.
    await daemon.reload(await definitionsOf({ inventory: inventory() }))
    daemon.advance(daemon.nowMs() + 10 * minute)
    expect(await daemon.forgetIdle(minute)).toBe(0)
    expect(namesOf(daemon)).toEqual(['sw-new'])
  })

  it('leave nothing of the limits of their modules to who takes their place', async () => {
    daemon = await start({ seriesMax: 100_000, devicesMax: 100 })
    const optic = (device: string, signals: Readonly<Record<string, number>>): FedRecord => ({
      value: JSON.stringify({ device, instance: '25', collector: 'col', timeMs: daemon.nowMs(), signals })
    })
    const module = (device: string): FedRecord[] => [
      optic(device, { 'optics.rx_dbm': -5 }),
      optic(device, { 'optics.rx_low_warn_dbm': -7, 'optics.rx_low_alarm_dbm': -9 })
    ]
    await daemon.feed(module('stranger'))
    await daemon.feed(module('stranger'))
    daemon.advance(startMs + 2 * minute)
    expect(await daemon.forgetIdle(minute)).toBe(1)
    await daemon.feed(module('sw-new'))
    await daemon.reload(await definitionsOf({ inventory: inventory('sw-new') }))
    for (let poll = 0; poll < 10; poll++) {
      daemon.advance(daemon.nowMs() + minute)
      await daemon.feed([...module('sw-new').slice(1), optic('sw-new', { 'optics.rx_dbm': -10 })])
    }
    expect(
      daemon.openAlarms().map(({ device, evidence }) => [device, evidence.value, evidence.limit])
    ).toEqual([['sw-1', -10, -9]])
  })

  it('are judged by rules in shadow as before, whose comparison begins anew', async () => {
    const shadow = [{ file: 'shadow.yaml', text: 'rules: []\n' }]
    daemon = await createSimulatedDaemon({
      definitions: await definitionsOf({ inventory: inventory(), shadow }),
      startMs
    })
    await daemon.feed([port('sw-1', 1, startMs), ...flood(20, i => `stranger-${i}`)])
    daemon.advance(startMs + 2 * minute)
    expect(await daemon.forgetIdle(minute)).toBe(20)
    // Their places are taken by others.
    await daemon.feed([...flood(30, i => `late-${i}`), port('sw-1', 2, daemon.nowMs())])
    daemon.advance(daemon.nowMs() + minute)
    expect(daemon.light('ku-0').effective).toBe('red')
    const report = daemon.shadow()!.report({ limit: 10 })
    expect([report.sinceMs, report.total, daemon.shadow()!.summary().lights]).toEqual([
      startMs + 2 * minute,
      0,
      0
    ])
  })
})
