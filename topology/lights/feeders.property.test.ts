import fc from 'fast-check'
import { expect, it } from 'vitest'
import { compileInventory } from '../compile.ts'
import { createLightEngine } from '../lights.ts'
import { parseInventoryYaml } from '../load.ts'

const houses = 12
const feeders = ['tp-1', 'tp-1', 'tp-2', '']
const city = compileInventory(
  [
    parseInventoryYaml(
      'city.yaml',
      [
        'nodes:',
        '  - {id: core, tier: core}',
        ...['ku0', 'ku1'].map(id => `  - {id: ${id}, tier: campus, parents: [core]}`),
        ...Array.from({ length: houses }, (_, h) => {
          const feeder = feeders[h % feeders.length]!
          const mains = feeder === '' ? '' : `, mains: ${feeder}`
          const port = '{instance: 25, role: uplink}'
          const devices = `[{id: du${h}-sw, role: switch, identifiers: [du${h}-sw], ports: [${port}]}]`
          return `  - {id: du${h}, tier: building, parents: [ku${h % 2}]${mains}, devices: ${devices}}`
        })
      ].join('\n')
    )
  ],
  1
)
const startMs = 1_700_000_000_000

/** Houses whose uplinks go down and come up, and what is shown of each: its light, and the house whose mains it is put down to. */
const step = fc.record({
  house: fc.nat(houses - 1),
  isCut: fc.boolean(),
  seconds: fc.constantFrom(0, 1, 40, 300),
  isUpdated: fc.boolean()
})

function shownAfter(cutSinceMs: ReadonlyMap<number, number>, engine = createLightEngine(city)) {
  for (const [house, sinceMs] of cutSinceMs) cut(engine, house, sinceMs)
  engine.update(startMs + 1e8)
  return Array.from({ length: houses }, (_, h) => {
    const { effective, cause } = engine.light(city.nodeIndex(`du${h}`)!)
    return [effective, cause.node, cause.kind]
  })
}

function cut(engine: ReturnType<typeof createLightEngine>, house: number, sinceMs: number): void {
  const node = city.nodeIndex(`du${house}`)!
  const alarm = `link-du${house}`
  const port = { device: `du${house}-sw`, instance: '25', sinceMs, alarm, isByHand: false }
  const about = { kind: 'link' as const, alarm, sinceMs, alarms: [alarm], mainsLostSinceMs: null }
  engine.setAlarms(node, { light: null, ...about, ports: [port] })
}

it.each([
  ['', undefined],
  [', gone over a node at a time', () => true]
])(
  'shows of feeders what it would when told at once, however they went dark and came back%s',
  (_, isOver) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), steps => {
        const engine = createLightEngine(city)
        const cutSinceMs = new Map<number, number>()
        let nowMs = startMs
        for (const { house, isCut, seconds, isUpdated } of steps) {
          nowMs += seconds * 1000
          if (!isCut) engine.setAlarms(city.nodeIndex(`du${house}`)!, null)
          else if (!cutSinceMs.has(house)) cut(engine, house, nowMs)
          if (!isCut) cutSinceMs.delete(house)
          else if (!cutSinceMs.has(house)) cutSinceMs.set(house, nowMs)
          if (isUpdated) engine.update(nowMs, isOver)
        }
        while (engine.update(nowMs, isOver).more);
        expect(shownAfter(new Map(), engine)).toEqual(shownAfter(cutSinceMs))
      }),
      { numRuns: 500 }
    )
  }
)
