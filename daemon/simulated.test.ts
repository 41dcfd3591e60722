import { afterEach, describe, expect, it } from 'vitest'
import { ProblemsError } from '../schemas/config/located-yaml.ts'
import { definitionsOf } from './network.ts'
import { createSimulatedDaemon, type SimulatedDaemon } from './simulated.ts'

const startMs = Date.UTC(2026, 2, 1)
const minute = 60_000

const inventory = (role: 'uplink' | 'access'): unknown[] => [
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
        ports: [{ instance: 25, role, ...(role === 'uplink' ? { peer: 'cu' } : {}) }]
      }
    ]
  },
  {
    id: 'du',
    tier: 'building',
    name: 'ДУ-1',
    parents: ['ku'],
    addresses: ['ул. Мира, 5'],
    subscribers: 40,
    devices: [{ id: 'du-sw', role: 'switch', identifiers: ['10.0.0.2'] }]
  }
]

const port = (oper: number, atMs: number) => ({
  value: JSON.stringify({
    name: 'interface',
    fields: { ifOperStatus: oper, ifAdminStatus: 1 },
    tags: { host: 'col', source: '10.0.0.1', ifIndex: '25' },
    timestamp: atMs / 1000
  })
})

describe('the daemon in simulated time', () => {
  let daemon: SimulatedDaemon
  afterEach(() => daemon.close())
  const start = async (): Promise<SimulatedDaemon> =>
    createSimulatedDaemon({ definitions: await definitionsOf({ inventory: inventory('uplink') }), startMs })

  it('brings a record to a sample, an alarm, a light, an incident and an answer by address', async () => {
    daemon = await start()
    await daemon.feed([port(1, startMs)])
    daemon.advance(startMs + minute)
    expect(daemon.light('ku').effective).toBe('green')
    await daemon.feed([port(2, startMs + minute)])
    expect(daemon.light('ku').effective).toBe('red')
    expect(daemon.openIncidents()).toEqual([])
    // The incident waits so long for a fault further up.
    daemon.advance(startMs + minute + 3000)
    expect(daemon.openIncidents()).toMatchObject([{ root: 'ku', kind: 'link', affectedSubscribers: 40 }])
    expect(daemon.openAlarms()).toMatchObject([
      { type: 'link.down', resource: 'sw/25', raisedAtMs: startMs + minute }
    ])
    expect(daemon.lookup('Мира 5').match).toMatchObject({ nodeId: 'du', node: { cause: { node: 'ku' } } })
    expect(daemon.history.samples).toContainEqual({
      device: 'sw',
      instance: '25',
      signal: 'if.oper_status',
      value: 2,
      timeMs: startMs + minute,
      offset: 1
    })
    expect(daemon.history.alarms.map(({ change }) => change)).toEqual(['raised'])
  })

  it('describes series once, and again after a month, so that retention keeps those that are there', async () => {
    daemon = await start()
    const day = 24 * 60 * minute
    await daemon.feed([port(1, startMs)])
    await daemon.feed([port(1, startMs + 1000)])
    expect(daemon.history.descriptions).toBe(1)
    daemon.advance(startMs + 29 * day, 20_000)
    await daemon.feed([port(1, startMs + 29 * day)])
    expect(daemon.history.descriptions).toBe(1)
    daemon.advance(startMs + 31 * day, 20_000)
    await daemon.feed([port(1, startMs + 31 * day)])
    expect(daemon.history.descriptions).toBe(2)
  })

  it('runs the timers while the clock moves: holds end, and who says nothing falls silent', async () => {
    daemon = await start()
    await daemon.feed([port(2, startMs), port(1, startMs + 1000)])
    daemon.advance(startMs + 60_000)
    expect(daemon.openAlarms()).toHaveLength(1)
    daemon.advance(startMs + 61_000)
    expect(daemon.openAlarms()).toEqual([])
    expect(daemon.light('ku').effective).toBe('green')
    // Three intervals, and the grace that follows the start.
    daemon.advance(startMs + 6 * minute)
    expect(daemon.light('ku')).toMatchObject({ effective: 'grey', cause: { by: 'silence' } })
  })

  it('keeps what cannot be read as rejects, with the neighbours stored', async () => {
    daemon = await start()
    await daemon.feed([{ value: null }, { value: ' ' }, { value: '{' }, port(1, startMs)])
    expect(daemon.history.rejects.map(({ reason, offset }) => [reason, offset])).toEqual([
      ['empty', 1],
      ['not_json', 2]
    ])
    expect(daemon.history.samples.map(({ offset }) => offset)).toEqual([3, 3])
  })

  it('takes another inventory and answers by its addresses', async () => {
    daemon = await start()
    await daemon.feed([port(1, startMs)])
    await daemon.reload(
      await definitionsOf({ inventory: [...inventory('access'), building('du-2', 'ул. Садовая, 8')] }, 2)
    )
    await daemon.feed([port(2, startMs + 1000)])
    expect(daemon.openAlarms()).toEqual([])
    expect(daemon.lookup('Садовая 8').match).toMatchObject({ nodeId: 'du-2' })
  })

  it('gives the same history for the same records', async () => {
    const play = async () => {
      daemon = await start()
      for (let i = 0; i < 20; i++) {
        daemon.advance(startMs + i * 20_000)
        await daemon.feed([port(i % 7 === 3 ? 2 : 1, startMs + i * 20_000)])
      }
      daemon.advance(startMs + 20 * minute)
      return daemon.history
    }
    const first = await play()
    await daemon.close()
    expect(await play()).toEqual(first)
    expect(first.alarms.length).toBeGreaterThan(0)
  })

  it('refuses a clock that goes back, and a network with errors', async () => {
    daemon = await start()
    expect(() => daemon.advance(startMs - 1)).toThrow(/cannot go back/)
    expect(() => daemon.light('nobody')).toThrow(/no node nobody/)
    await expect(
      definitionsOf({ inventory: 'nodes: []', rules: [{ file: 'own.yaml', text: 'rules: [{}]' }] })
    ).rejects.toThrow(ProblemsError)
  })
})

const building = (id: string, address: string): unknown => ({
  id,
  tier: 'building',
  name: id,
  parents: ['ku'],
  addresses: [address]
})
