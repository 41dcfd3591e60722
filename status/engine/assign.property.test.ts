import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkRules } from '../../rules/check.ts'
import { hasBaseline } from '../../rules/measures/baselines.ts'
import { besideOfRate, hasSlot, type RateState } from '../../rules/measures/rates.ts'
import { createProgramTable } from '../../rules/program.ts'
import { seriesStateBytes, seriesStateOver } from '../../rules/series-state.ts'
import { shippedRulesFiles } from '../../rules/shipped.ts'
import { packageRoot } from '../../schemas/package-root.ts'
import { signalIds } from '../../schemas/signals.ts'
import { generateCity } from '../../embedded/simulator/city.ts'
import { compileInventory, inventoryPart } from '../../topology/compile.ts'
import { createSeriesAssigner } from './assign.ts'
import { createSeriesRegistry } from './series-registry.ts'

const rules = checkRules(
  shippedRulesFiles.map(file => ({ file, text: readFileSync(join(packageRoot, file), 'utf8') }))
).compiled!
const city = generateCity({ nodes: 40, seed: 3 })
const inventory = compileInventory([inventoryPart(city.nodes, city.devices)], 1)
const isReckonedBy = (rates: RateState, series: number, by: number): boolean =>
  hasSlot(rates, by) && besideOfRate(rates, series) === rates.slotOf[by]

/** One table for all, so that the same program has the same number. */
const programs = createProgramTable(2000)

const seriesMax = 800
const names = [
  'if.oper_status',
  'if.admin_status',
  'if.in_octets',
  'if.out_octets',
  'if.speed_mbps',
  'if.in_errors',
  'if.in_unicast',
  'optics.rx_dbm',
  'optics.tx_dbm',
  'optics.rx_low_alarm_dbm',
  'optics.rx_low_warn_dbm',
  'device.uptime_s',
  'ups.runtime_s',
  'ups.charge_pct'
]

/** Switches of one make, and which of their ports leads up. */
const devices = city.devices.flatMap((device, index) => {
  const uplink = device.ports.findIndex(({ role }) => role === 'uplink')
  return uplink >= 0 && device.model === 'DES-3200-28' ? [{ index, uplink }] : []
})

/** A device's port, or the device itself, as one source tells of it. */
interface Met {
  readonly device: number
  /** `named`: the uplink, too, but told by a number of which it is known only afterwards that it is that of the uplink. */
  readonly port: 'uplink' | 'other' | 'none' | 'named'
  readonly signals: readonly string[]
}

function network() {
  const state = seriesStateOver(new ArrayBuffer(seriesStateBytes(seriesMax)), seriesMax)
  const registry = createSeriesRegistry(seriesMax, city.devices.length)
  const assigner = createSeriesAssigner(registry, state, programs, inventory, rules, () => undefined)
  let next = 0
  return {
    state,
    registry,
    assigner,
    /** Takes note of a port's series; their numbers. */
    meet: ({ device, port, signals }: Met): number[] => {
      const { index, uplink } = devices[device]!
      const { identifiers, ports } = city.devices[index]!
      const instances = { none: '', other: 'other', named: '1025', uplink: ports[uplink]!.instance }
      const instance = instances[port]
      const series = signals.map(() => next++)
      const numbers = signals.map(name => signalIds.get(name)!)
      const entity = { identifiers, collector: '', profile: 'p', device, instance }
      registry.add({ ...entity, series, signals: numbers }, inventory, 0)
      assigner.assign(series)
      return series
    },
    /** From now on those met as `named` are of the uplink. */
    know: (all: readonly Met[], lists: readonly (readonly number[])[]): void => {
      for (const at of new Set(all.map(({ device }) => device))) {
        const ofDevice = lists.filter((_, i) => all[i]!.device === at)
        const moved = ofDevice.flat().filter(series => registry.instance(series) === '1025')
        if (moved.length === 0) continue
        const { index, uplink } = devices[at]!
        const { instance } = city.devices[index]!.ports[uplink]!
        assigner.move(moved, () => {
          for (const series of moved) registry.setInstance(series, instance)
        })
        for (const series of ofDevice.flat())
          if (registry.instance(series) === instance) assigner.assign([series])
      }
    }
  }
}

/** Ports are told of in a few ways, so that many are alike. */
const metPorts: fc.Arbitrary<Met[]> = fc
  .array(fc.uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: 8 }), {
    minLength: 1,
    maxLength: 3
  })
  .chain(ways =>
    fc.array(
      fc.record({
        device: fc.nat(4),
        port: fc.constantFrom('uplink' as const, 'uplink' as const, 'other' as const, 'none' as const),
        signals: fc.constantFrom(...ways)
      }),
      { minLength: 1, maxLength: 40 }
    )
  )

describe('ports that are met', () => {
  it('are judged by the port they are of, whether that is known at once or afterwards', () => {
    const named = fc.tuple(metPorts, fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }))
    fc.assert(
      fc.property(named, fc.nat(9), ([ports, isNamed], limit) => {
        const asMet = ports.map((met, i): Met =>
          met.port === 'uplink' && isNamed[i]! ? { ...met, port: 'named' } : met
        )
        const late = network()
        const lists = asMet.map(late.meet)
        late.know(asMet, lists)
        const known = network()
        const same = ports.map(known.meet)
        const compare = (): void => {
          for (const [i, list] of lists.entries())
            for (const [k, series] of list.entries()) {
              const other = same[i]![k]!
              expect(late.state.program[series]).toBe(known.state.program[other])
              expect(hasBaseline(late.state.baselines, series)).toBe(
                hasBaseline(known.state.baselines, other)
              )
            }
        }
        compare()
        for (const [i, list] of lists.entries()) {
          const told = list.findIndex(series => late.registry.signal(series) === limitSignal)
          if (told < 0) continue
          late.assigner.moduleLimit(list[told]!, -20 - limit)
          known.assigner.moduleLimit(same[i]![told]!, -20 - limit)
          compare()
        }
      }),
      { numRuns: 200 }
    )
  })

  it('are judged by what they are, whatever was met before', () => {
    fc.assert(
      fc.property(metPorts, fc.nat(9), (ports, limit) => {
        const all = network()
        const lists = ports.map(all.meet)
        for (const [at, { device, port }] of ports.entries()) {
          // The same port alone, by everything that was told of it, in a network where nothing was met before.
          const alone = network()
          const isSame = (other: Met): boolean => other.device === device && other.port === port
          if (at !== ports.findIndex(isSame)) continue
          const mine = ports.flatMap((other, i) => (isSame(other) ? lists[i]! : []))
          const others = ports.filter(isSame).flatMap(alone.meet)
          const compare = (): void => {
            for (const [i, series] of mine.entries()) {
              const other = others[i]!
              expect(all.state.program[series]).toBe(alone.state.program[other])
              expect(hasBaseline(all.state.baselines, series)).toBe(hasBaseline(alone.state.baselines, other))
              for (const [k, by] of mine.entries())
                expect(isReckonedBy(all.state.rates, series, by)).toBe(
                  isReckonedBy(alone.state.rates, other, others[k]!)
                )
            }
          }
          compare()
          // What a module tells of itself reaches the same series, those that are met later, too.
          const told = mine.findIndex(series => all.registry.signal(series) === limitSignal)
          if (told >= 0) {
            all.assigner.moduleLimit(mine[told]!, -20 - limit)
            alone.assigner.moduleLimit(others[told]!, -20 - limit)
            compare()
          }
          const more = { device, port, signals: ports[0]!.signals }
          mine.push(...all.meet(more))
          others.push(...alone.meet(more))
          compare()
        }
      }),
      { numRuns: 200 }
    )
  })
})

const limitSignal = signalIds.get('optics.rx_low_alarm_dbm')!
