import { afterEach, describe, expect, it } from 'vitest'
import { definitionsOf } from './network.ts'
import { createSimulatedDaemon, type FedRecord, type SimulatedDaemon } from './simulated.ts'

const startMs = Date.UTC(2026, 2, 1)
const minute = 60_000
const hour = 60 * minute

const names = ['right', 'ahead', 'behind', 'far', 'mute']
const inventory = [
  { id: 'cu', tier: 'core', name: 'ЦУ' },
  ...names.map(name => ({
    id: `ku-${name}`,
    tier: 'campus',
    name,
    parents: ['cu'],
    devices: [{ id: `sw-${name}`, role: 'switch', identifiers: [name] }]
  }))
]

const port = (source: string, timeMs: number, host = 'col', oper: unknown = 1): FedRecord => ({
  value: JSON.stringify({
    name: 'interface',
    fields: { ifOperStatus: oper, ifAdminStatus: oper },
    tags: { host, source, ifIndex: '1' },
    timestamp: timeMs / 1000
  })
})

describe('clocks that are wrong', () => {
  let daemon: SimulatedDaemon
  afterEach(() => daemon.close())
  const offsets = (): Record<string, number | null | undefined> =>
    Object.fromEntries(names.map(name => [name, daemon.node(`ku-${name}`)?.devices[0]?.clockOffsetMs]))

  it('are told of the devices that they tell of, until they are right again', async () => {
    daemon = await createSimulatedDaemon({ definitions: await definitionsOf({ inventory }), startMs })
    const poll = async (aheadMs: number, behindMs: number, farMs: number): Promise<void> => {
      const nowMs = daemon.nowMs()
      await daemon.feed([
        port('right', nowMs - 20_000),
        port('ahead', nowMs + aheadMs, 'col-2'),
        port('behind', nowMs - behindMs),
        port('far', nowMs + farMs, 'col-2'),
        // It is heard, and says nothing.
        port('mute', nowMs, 'col', nowMs === startMs ? 1 : 'no such instance')
      ])
    }
    for (let polls = 0; polls < 10; polls++) {
      await poll(4 * minute, 2 * hour, 3 * hour)
      daemon.advance(daemon.nowMs() + minute)
    }
    expect(offsets()).toEqual({
      right: null,
      ahead: 4 * minute,
      behind: -2 * hour,
      far: 3 * hour,
      mute: null
    })
    expect(daemon.view.explain('ku-behind', [], daemon.nowMs())?.devices[0]?.clockOffsetMs).toBe(-2 * hour)
    for (let polls = 0; polls < 20; polls++) {
      await poll(0, 0, 0)
      daemon.advance(daemon.nowMs() + minute)
    }
    expect(Object.values(offsets())).toEqual([null, null, null, null, null])
  })

  it('are none where old records come late at once', async () => {
    daemon = await createSimulatedDaemon({ definitions: await definitionsOf({ inventory }), startMs })
    // Kept by a collector for an hour, and sent within a minute.
    for (let second = 0; second < 60; second++) {
      await daemon.feed([port('behind', startMs - hour + second * minute)])
      daemon.advance(daemon.nowMs() + 1000)
    }
    expect(offsets()).toMatchObject({ behind: null })
  })
})
