import { afterEach, describe, expect, it } from 'vitest'
import { definitionsOf } from './network.ts'
import { createSimulatedDaemon, type SimulatedDaemon } from './simulated.ts'

const startMs = Date.UTC(2026, 2, 1)

const port = (instance: string, role: string, peer: string) => ({ instance, role, peer })
const inventory = [
  { id: 'cu', tier: 'core', name: 'ЦУ' },
  {
    id: 'ku',
    tier: 'campus',
    name: 'КУ-1',
    parents: ['cu'],
    devices: [
      {
        id: 'sw-ku',
        role: 'switch',
        identifiers: ['10.0.0.1'],
        ports: [port('25', 'uplink', 'cu'), port('1', 'downlink', 'du')]
      }
    ]
  },
  {
    id: 'du',
    tier: 'building',
    name: 'ДУ-1',
    parents: ['ku'],
    devices: [{ id: 'sw-du', role: 'switch', identifiers: ['10.0.0.2'], ports: [port('25', 'uplink', 'ku')] }]
  }
]

describe('the shipped rules of traffic and errors', () => {
  let daemon: SimulatedDaemon
  afterEach(() => daemon.close())

  const start = async (): Promise<void> => {
    daemon = await createSimulatedDaemon({
      definitions: await definitionsOf({ inventory }),
      startMs,
      seriesMax: 1000,
      devicesMax: 10
    })
  }
  const tell = (device: string, instance: string, signals: Record<string, number>): Promise<void> =>
    daemon.feed([
      {
        value: JSON.stringify({
          device,
          ...(instance === '' ? {} : { instance }),
          collector: 'col',
          timeMs: daemon.nowMs(),
          signals
        })
      }
    ])
  /** A poll a minute of both switches, each trunk port with what it has counted. */
  const poll = async (minutes: number, errors: () => number, uptimeS: () => number): Promise<void> => {
    for (let minute = 0; minute < minutes; minute++) {
      await tell('10.0.0.1', '', { 'device.uptime_s': uptimeS() })
      await tell('10.0.0.1', '25', { 'if.in_errors': 0, 'if.speed_mbps': 1000, 'if.in_octets': 0 })
      await tell('10.0.0.1', '1', { 'if.in_errors': errors(), 'if.speed_mbps': 1000 })
      await tell('10.0.0.2', '25', { 'if.in_errors': 0 })
      daemon.advance(daemon.nowMs() + 60_000)
    }
  }
  const uptime = (): number => 1e6 + (daemon.nowMs() - startMs) / 1000

  it('make the node yellow that a port leads to, with one incident, and say that it needs attention', async () => {
    await start()
    let count = 0
    await poll(10, () => (count += 600), uptime)
    expect(daemon.light('du')).toMatchObject({ own: 'yellow', cause: { kind: 'link' } })
    expect(daemon.light('ku').effective).toBe('green')
    expect(daemon.openIncidents()).toMatchObject([{ root: 'du', kind: 'link', severity: 'warning' }])
    expect(daemon.node('du')?.says.ru).toMatch(
      /^Требует внимания: Ошибки на приёме порта 1 \(sw-ku\): 10 в секунду, порог 2\./
    )
    await poll(10, () => count, uptime)
    expect(daemon.light('du').effective).toBe('green')
    expect(daemon.openIncidents()).toEqual([])
    expect(daemon.history.alarms.map(({ change }) => change)).toEqual(['raised', 'cleared'])
  })

  it('raise nothing while a device starts anew between all polls, whatever it has counted by then', async () => {
    await start()
    const poll5min = async (uptimeS: (polls: number) => number): Promise<void> => {
      for (let polls = 1; polls <= 20; polls++) {
        await tell('10.0.0.1', '', { 'device.uptime_s': uptimeS(polls) })
        await tell('10.0.0.1', '1', { 'if.in_errors': polls * 100_000 })
        daemon.advance(daemon.nowMs() + 300_000)
      }
    }
    await poll5min(() => 30)
    expect(daemon.history.alarms).toEqual([])
    // The same counts of a device that goes on are errors.
    await poll5min(polls => 1e6 + polls * 300)
    expect(daemon.history.alarms).toMatchObject([{ change: 'raised', alarm: { type: 'link.errors' } }])
  })
})
