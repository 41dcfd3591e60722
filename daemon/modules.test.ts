import { afterEach, describe, expect, it } from 'vitest'
import { oneSwitch } from '../test/support/one-switch.ts'
import { definitionsOf } from './network.ts'
import { createSimulatedDaemon, type SimulatedDaemon } from './simulated.ts'

const startMs = Date.UTC(2026, 2, 1)
const inventory = oneSwitch(['25'])
const rules = `
limits:
  - { name: level, columns: [low], rows: { default: [-20] } }
rules:
  - { name: optics.fallen, override: true, enabled: false }
  - { name: optics.drifts, override: true, enabled: false }
  - name: test.rx
    kind: optics
    severity: warning
    select: { signal: optics.rx_dbm, port: uplink }
    below: { limits: level.low, module: optics.rx_low_warn_dbm }
    hysteresis: 1
    text: { ru: т, en: t }
  - name: test.fallen
    kind: optics
    severity: warning
    select: { signal: optics.rx_dbm, port: uplink }
    change: step
    baseline: 6h
    learn: 1h
    below: -3 dB
    text: { ru: т, en: t }
`

describe('another module in a port', () => {
  let daemon: SimulatedDaemon
  afterEach(() => daemon.close())

  const start = async (): Promise<void> => {
    daemon = await createSimulatedDaemon({
      definitions: await definitionsOf({ inventory, rules: [{ file: 'rules.yaml', text: rules }] }),
      startMs,
      seriesMax: 200,
      devicesMax: 10
    })
  }
  const poll = async (times: number, dbm: number, lowWarnDbm: number): Promise<void> => {
    for (let k = 0; k < times; k++) {
      const value = JSON.stringify({
        device: '10.0.0.1',
        identifiers: ['10.0.0.1'],
        instance: '25',
        collector: 'col',
        timeMs: daemon.nowMs(),
        signals: { 'optics.rx_low_warn_dbm': lowWarnDbm, 'optics.rx_dbm': dbm }
      })
      await daemon.feed([{ value }])
      daemon.advance(daemon.nowMs() + 300_000)
    }
  }
  const open = (): string =>
    daemon
      .openAlarms()
      .map(({ type }) => type)
      .join()

  it('is judged by its own limits, and by what is usual for it', async () => {
    await start()
    await poll(30, -12, -22)
    await poll(6, -16, -22)
    expect(open()).toBe('test.fallen')
    // It is less sensitive, and its level has nothing to do with that of the one before.
    await poll(2, -16, -17)
    expect(open()).toBe('')
    await poll(20, -16, -17)
    await poll(1, -17.5, -17)
    expect(open()).toBe('test.rx')
    await poll(1, -16, -17)
    await poll(6, -12, -25)
    expect(open()).toBe('')
    await poll(20, -12, -25)
    await poll(6, -16, -25)
    expect(open()).toBe('test.fallen')
  })

  it('is not believed of a limit that changes all the time', async () => {
    await start()
    for (let k = 0; k < 30; k++) await poll(1, -12, -22 - k / 10)
    // Followed up to -22.8.
    await poll(1, -22.85, -30)
    expect(open()).toContain('test.rx')
  })
})
