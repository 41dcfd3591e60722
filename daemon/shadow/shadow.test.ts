import { afterEach, describe, expect, it } from 'vitest'
import type { ShadowFilter } from '../../status/shadow-view.ts'
import { definitionsOf, type Network } from '../network.ts'
import { createSimulatedDaemon, type SimulatedDaemon } from '../simulated.ts'

const startMs = Date.UTC(2026, 2, 1)
const minute = 60_000

const inventory: Network['inventory'] = [
  { id: 'cu', tier: 'core', name: 'ЦУ' },
  ...['1', '2'].map(number => ({
    id: `ku-${number}`,
    tier: 'campus',
    name: `КУ-${number}`,
    parents: ['cu'],
    devices: [{ id: `ups-${number}`, role: 'ups', identifiers: [`10.0.0.${number}`], interval_s: 60 }]
  }))
]

interface Wanted {
  readonly temp?: number
  readonly load?: number
  readonly samples?: number
  readonly raiseS?: number
  readonly severity?: string
}

/** Rules for heat (a limit and a hold by time) and load (a count of samples), and for a reading that stops. */
const rules = ({
  temp = 50,
  load = 80,
  samples = 3,
  raiseS = 90,
  severity = 'minor'
}: Wanted): string => `rules:
  - name: t.hot
    kind: power
    severity: ${severity}
    scope: device
    select: { signal: ups.temp_c }
    above: ${temp}
    hysteresis: 5
    hold: { raise_s: ${raiseS}, clear_s: 60 }
    text: { ru: 'Жарко {value}', en: 'Hot {value}' }
  - name: t.load
    kind: power
    severity: warning
    scope: device
    select: { signal: ups.load_pct }
    above: ${load}
    hysteresis: 10
    hold: { raise_samples: ${samples}, clear_samples: 2 }
    text: { ru: 'Нагрузка {value}', en: 'Load {value}' }
  - name: t.untold
    kind: device
    severity: warning
    scope: device
    select: { signal: ups.load_pct }
    absent: true
    text: { ru: 'Нагрузка не сообщается', en: 'Load is not reported' }
`
const file = (wanted: Wanted) => [{ file: 'rules.yaml', text: rules(wanted) }]
const definitions = (live: Wanted, shadow: Wanted | null, version = 1) =>
  definitionsOf(
    { inventory, shipped: true, rules: file(live), ...(shadow === null ? {} : { shadow: file(shadow) }) },
    version
  )

const everything: ShadowFilter = { limit: 1000 }

describe('rules in shadow', () => {
  let daemon: SimulatedDaemon
  afterEach(() => daemon.close())
  const start = async (live: Wanted, shadow: Wanted | null): Promise<void> => {
    daemon = await createSimulatedDaemon({ definitions: await definitions(live, shadow), startMs })
  }
  /** A minute of the network: both UPSs report, unless a value is left out or the device is silent. */
  const play = async (values: { temp: number; load?: number } | null, of = ['1', '2']): Promise<void> => {
    daemon.advance(daemon.nowMs() + minute)
    if (values === null) return
    await daemon.feed(
      of.map(number => ({
        value: JSON.stringify({
          device: `10.0.0.${number}`,
          time_ms: daemon.nowMs(),
          collector: 'col',
          signals: {
            'ups.temp_c': values.temp,
            ...(values.load === undefined ? {} : { 'ups.load_pct': values.load })
          }
        })
      }))
    )
  }
  /** Heat, load, a reading that stops and comes back, a device that falls silent and is heard again. */
  const playAll = async (): Promise<void> => {
    for (const temp of [20, 60, 60, 60, 55, 20, 20, 20]) await play({ temp, load: 10 })
    for (const load of [90, 90, 90, 90, 60, 60, 10]) await play({ temp: 20, load })
    for (let i = 0; i < 8; i++) await play({ temp: 20 })
    for (let i = 0; i < 3; i++) await play({ temp: 20, load: 10 })
    for (let i = 0; i < 8; i++) await play({ temp: 20, load: 10 }, ['1'])
    for (let i = 0; i < 4; i++) await play({ temp: 20, load: 10 })
  }
  const report = (filter: ShadowFilter = everything) => {
    const shadow = daemon.shadow()
    if (shadow === undefined) throw new Error('there is no shadow')
    return shadow.report(filter)
  }
  const liveTypes = (): string[] =>
    daemon.history.alarms.filter(({ change }) => change === 'raised').map(({ alarm }) => alarm.type)

  it('that are the live ones make no difference, under holds, counts, readings that stop and silence', async () => {
    await start({}, {})
    await playAll()
    expect(new Set(liveTypes())).toEqual(new Set(['t.hot', 't.load', 't.untold']))
    expect(new Set(daemon.history.lights.map(({ to }) => to))).toEqual(new Set(['green', 'yellow', 'grey']))
    expect(report()).toMatchObject({ total: 0, items: [], byRule: [], byNode: [] })
  })

  it('with a stricter limit gain exactly the alarms that are expected, and no other', async () => {
    await start({}, { temp: 40 })
    await play({ temp: 20, load: 10 })
    const hotMs = daemon.nowMs() + minute
    for (let i = 0; i < 4; i++) await play({ temp: 45, load: 10 }, ['1'])
    expect(report()).toMatchObject({
      total: 2,
      items: [
        {
          change: 'gained',
          node: 'ku-1',
          rule: 't.hot',
          device: 'ups-1',
          is: 'minor',
          was: null,
          fromMs: hotMs + 90_000,
          toMs: null,
          text: { en: 'Hot 45' }
        },
        { change: 'light', node: 'ku-1', is: 'yellow', was: 'green', toMs: null }
      ],
      byRule: [{ name: 't.hot', gained: { open: 1, ended: 0 } }]
    })
    expect(daemon.openAlarms()).toEqual([])
    expect(daemon.history.alarms).toEqual([])
    expect(daemon.history.lights.map(({ to }) => to)).not.toContain('yellow')
    for (let i = 0; i < 4; i++) await play({ temp: 20, load: 10 }, ['1'])
    const over = report()
    expect(over.items.map(({ change, toMs }) => [change, toMs !== null])).toEqual([
      ['gained', true],
      ['light', true]
    ])
    expect(over.byRule).toMatchObject([{ name: 't.hot', gained: { open: 0, ended: 1 } }])
  })

  it('tell what the live rules alone raise, what is raised at other times, and by other severity', async () => {
    await start({ temp: 40 }, { temp: 50, load: 80, samples: 5, severity: 'critical' })
    await play({ temp: 20, load: 10 })
    for (let i = 0; i < 8; i++) await play({ temp: 45, load: 90 }, ['1'])
    expect(report({ change: 'lost', limit: 10 })).toMatchObject({
      total: 1,
      items: [{ rule: 't.hot', is: null, was: 'minor', toMs: null }]
    })
    for (let i = 0; i < 4; i++) await play({ temp: 60, load: 90 }, ['2'])
    expect(report({ change: 'changed', node: 'ku-2', limit: 10 })).toMatchObject({
      items: [{ rule: 't.hot', is: 'critical', was: 'minor', toMs: null }]
    })
    expect(report({ change: 'changed', rule: 't.load', limit: 10 })).toMatchObject({
      items: [{ node: 'ku-1', is: 'warning', was: 'warning' }]
    })
  })

  it('are paged, newest first, and each page begins where the one before ended', async () => {
    await start({}, { temp: 40 })
    await play({ temp: 20, load: 10 })
    for (let i = 0; i < 4; i++) await play({ temp: 45, load: 10 })
    const all = report().items
    expect(all).toHaveLength(4)
    const first = report({ limit: 3 })
    expect(first.items).toEqual(all.slice(0, 3))
    expect(report({ limit: 3, after: first.next ?? '' })).toMatchObject({
      items: all.slice(3),
      total: 4,
      next: null
    })
  })

  it('that begin later take up what is open, and differ in nothing from then on', async () => {
    await start({}, null)
    for (const temp of [20, 60, 60, 60, 60]) await play({ temp, load: 90 })
    expect(daemon.openAlarms()).toHaveLength(4)
    expect(daemon.shadow()).toBeUndefined()
    await daemon.reload(await definitions({}, {}, 2))
    for (const temp of [60, 60, 20, 20, 20]) await play({ temp, load: 10 })
    expect(daemon.openAlarms()).toEqual([])
    expect(report()).toMatchObject({ total: 0, byRule: [] })
    await playAll()
    expect(report()).toMatchObject({ total: 0, byRule: [] })
  })

  it('lose an alarm that is open and that they have no rule for', async () => {
    await start({}, null)
    for (const temp of [20, 60, 60, 60, 60]) await play({ temp, load: 10 })
    await daemon.reload(await definitions({}, { temp: 99 }, 2))
    for (let i = 0; i < 3; i++) await play({ temp: 60, load: 10 })
    expect(report({ change: 'lost', limit: 10 }).items.map(({ node, rule }) => [node, rule])).toEqual([
      ['ku-1', 't.hot'],
      ['ku-2', 't.hot']
    ])
  })

  it('go on over a reload of the inventory, begin anew with other rules, and end with none', async () => {
    await start({}, { temp: 40 })
    await play({ temp: 20, load: 10 })
    for (let i = 0; i < 4; i++) await play({ temp: 45, load: 10 }, ['1'])
    for (let i = 0; i < 3; i++) await play({ temp: 20, load: 10 }, ['1'])
    await daemon.reload(await definitions({}, { temp: 40 }, 2))
    expect(report()).toMatchObject({ total: 2, sinceMs: startMs })
    const reloadedMs = daemon.nowMs()
    await daemon.reload(await definitions({}, { temp: 30 }, 3))
    expect(report()).toMatchObject({ total: 0, sinceMs: reloadedMs })
    for (let i = 0; i < 4; i++) await play({ temp: 35, load: 10 }, ['1'])
    expect(report({ change: 'gained', limit: 10 }).items).toMatchObject([{ node: 'ku-1', rule: 't.hot' }])
    await daemon.reload(await definitions({}, null, 4))
    expect(daemon.shadow()).toBeUndefined()
  })
})
