import { afterEach, describe, expect, it } from 'vitest'
import type { LatestReading } from '../schemas/history.ts'
import { definitionsOf } from './network.ts'
import { createSimulatedDaemon, type SimulatedDaemon } from './simulated.ts'

const startMs = Date.UTC(2026, 2, 1)
const minute = 60_000

const inventory = [
  { id: 'cu', tier: 'core', name: 'ЦУ' },
  {
    id: 'ku',
    tier: 'campus',
    name: 'КУ',
    parents: ['cu'],
    devices: ['1', '2'].map(number => ({
      id: `ups-${number}`,
      role: 'ups',
      identifiers: [`10.0.0.${number}`],
      interval_s: 60
    }))
  }
]
const rules = `rules:
  - name: site.power_going
    over: node
    kind: power
    severity: critical
    all:
      - { rule: ups.on_battery, at_least: 2 }
      - { rule: t.short, for_s: 120 }
    hold: { clear_s: 60 }
    text: { ru: 'Узел {node} скоро отключится', en: 'The site {node} will soon go dark' }
  - name: t.short
    kind: power
    severity: warning
    scope: device
    select: { signal: ups.runtime_s }
    below: 900
    text: { ru: 'Осталось {value_min} мин', en: '{value_min} min left' }
`

describe('a composite rule over a node', () => {
  let daemon: SimulatedDaemon
  afterEach(() => daemon.close())

  const play = async (minutes: number, source: string, runtimeS: number, of = ['1', '2']): Promise<void> => {
    for (let i = 0; i < minutes; i++) {
      daemon.advance(daemon.nowMs() + minute)
      await daemon.feed(
        of.map(number => ({
          value: JSON.stringify({
            device: `10.0.0.${number}`,
            time_ms: daemon.nowMs(),
            collector: 'col',
            signals: { 'ups.output_source': source, 'ups.runtime_s': runtimeS, 'ups.charge_pct': 80 }
          })
        }))
      )
    }
  }
  const ofSite = (): string[] =>
    daemon.history.alarms
      .filter(({ alarm }) => alarm.type === 'site.power_going')
      .map(({ alarm, change, atMs }) => `${change} ${alarm.resource} ${(atMs - startMs) / minute}`)
  const definitions = (version: number) =>
    definitionsOf({ inventory, rules: [{ file: 'own.yaml', text: rules }] }, version)

  it('raises, colours the node, says why, goes on over a reload, and clears', async () => {
    daemon = await createSimulatedDaemon({ definitions: await definitions(1), startMs })
    await play(2, 'normal', 3600)
    await play(3, 'battery', 3600, ['1'])
    await play(2, 'battery', 800)
    expect(ofSite()).toEqual([])
    await play(2, 'battery', 800)
    // Short since minute 6, and for two minutes: the alarm of a reading is of the moment of its sample.
    expect(ofSite()).toEqual(['raised ku 8'])
    // A battery that is nearly flat is a danger to what works.
    expect(daemon.light('ku').effective).toBe('yellow')
    expect(daemon.node('ku')?.alarms[0]).toMatchObject({
      type: 'site.power_going',
      device: '',
      node: 'ku',
      text: { en: 'The site ku will soon go dark' }
    })
    const readings: LatestReading[] = daemon.history.samples.map(
      ({ device, instance, signal, value, timeMs }) => ({
        device,
        instance,
        signal,
        last: { value, timeMs, coordinates: { topic: 't', partition: 0, offset: 0 } }
      })
    )
    const explained = daemon.view.explain('ku', readings, daemon.nowMs())?.rules ?? []
    const [site, ...others] = explained.filter(({ rule }) => rule === 'site.power_going')
    expect(others).toEqual([])
    expect(site).toMatchObject({
      state: 'raised',
      scope: 'over-node',
      wouldRaise: {
        en: 'critical: alarm ups.on_battery 2 times at least and alarm t.short for 2 min at least',
        ru: 'critical: тревога ups.on_battery не меньше 2 раз и тревога t.short не меньше 2 мин'
      }
    })
    await daemon.reload(await definitions(2))
    await play(1, 'battery', 800)
    expect(ofSite()).toEqual(['raised ku 8'])
    await play(10, 'normal', 3600)
    expect(ofSite()).toHaveLength(2)
    expect(daemon.openAlarms()).toEqual([])
    const quiet = daemon.view
      .explain('ku', readings, daemon.nowMs())
      ?.rules.find(({ rule }) => rule === 'site.power_going')
    expect(quiet).toMatchObject({
      state: 'quiet',
      says: { en: 'Not raised: alarm ups.on_battery is not open; alarm t.short is not open' }
    })
  })
})
