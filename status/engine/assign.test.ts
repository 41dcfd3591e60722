import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkRules } from '../../rules/check.ts'
import { countsUnderWay, evaluateSample } from '../../rules/judge.ts'
import { createProgramTable } from '../../rules/program.ts'
import { besideSlot, rateWords } from '../../rules/measures/rates.ts'
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
const city = generateCity({ nodes: 20, seed: 1 })
const inventory = compileInventory([inventoryPart(city.nodes, city.devices)], 1)

function assigned() {
  const state = seriesStateOver(new ArrayBuffer(seriesStateBytes(16)), 16)
  const registry = createSeriesRegistry(16, 4)
  const programs = createProgramTable(100)
  const assigner = createSeriesAssigner(registry, state, programs, inventory, rules, () => undefined)
  const add = (
    series: number,
    signal: string,
    instance: string,
    device = 0,
    identifier = city.devices[device]?.identifiers[0] ?? 'nobody'
  ): void => {
    const identifiers = [identifier]
    const described = { identifiers, collector: '', profile: 'p', device }
    registry.add(
      { series: [series], signals: [signalIds.get(signal)!], instance, ...described },
      inventory,
      0
    )
    assigner.assign([series])
  }
  return { state, programs, assigner, add }
}

describe('createSeriesAssigner', () => {
  it("judges a port by its own module's limits, and leaves the other ports alone", () => {
    const { state, assigner, add } = assigned()
    add(1, 'optics.rx_dbm', '25')
    add(2, 'optics.rx_dbm', '26')
    const before = state.program[1]
    expect(state.program[2]).toBe(before)
    for (const [series, signal, limit] of [
      [3, 'optics.rx_low_alarm_dbm', -31.5],
      [4, 'optics.rx_low_warn_dbm', -29.5]
    ] as const) {
      add(series, signal, '25')
      expect(assigner.moduleLimit(series, limit)).toBe(true)
    }
    const own = state.program[1]
    expect(own).not.toBe(before)
    expect(state.program[2]).toBe(before)
    expect(assigner.moduleLimit(2, -10)).toBe(false)
    assigner.reassignAll(inventory, rules, () => undefined)
    expect(state.program[1]).not.toBe(state.program[2])
  })

  it('knows the limits of a module before its readings', () => {
    const { state, assigner, add } = assigned()
    add(3, 'optics.rx_low_alarm_dbm', '25')
    assigner.moduleLimit(3, -31.5)
    add(1, 'optics.rx_dbm', '25')
    add(2, 'optics.rx_dbm', '26')
    expect(state.program[1]).not.toBe(state.program[2])
  })

  it('knows the limits of a module also where another port like it has told of none', () => {
    const { state, assigner, add } = assigned()
    for (const [port, speed, low, rx] of [
      ['27', 1, 2, 3],
      ['28', 4, 5, 6]
    ] as const) {
      add(speed, 'if.speed_mbps', port)
      add(low, 'optics.rx_low_alarm_dbm', port)
      if (port === '28') assigner.moduleLimit(low, -31.5)
      add(rx, 'optics.rx_dbm', port)
    }
    expect(state.program[6]).not.toBe(state.program[3])
  })

  it('tells the rates of a trunk port what they are reckoned by, whichever is met first', () => {
    const { state, programs, assigner, add } = assigned()
    const trunk = city.devices.findIndex(({ ports }) => ports.some(({ role }) => role === 'uplink'))
    const { identifiers, ports } = city.devices[trunk]!
    const uplink = ports.find(({ role }) => role === 'uplink')!.instance
    const met = (series: number, signal: string, instance: string): void =>
      add(series, signal, instance, 0, identifiers[0])
    met(1, 'if.in_octets', uplink)
    // There is no such rate before the speed is known.
    expect(programs.table.keeps[state.program[1]!]).toBe(0)
    met(2, 'if.speed_mbps', uplink)
    met(3, 'if.out_octets', uplink)
    met(4, 'if.in_octets', 'another')
    met(5, 'if.speed_mbps', 'another')
    met(6, 'device.uptime_s', '')
    const keeps = (): (number | undefined)[] =>
      [1, 2, 3, 4, 5, 6].map(series => programs.table.keeps[state.program[series]!])
    expect(keeps()).toEqual([2, 1, 2, 0, 0, 3])
    const { slotOf, words } = state.rates
    const besides = (): (number | undefined)[] =>
      [1, 2, 3, 4, 5, 6].map(series => words[slotOf[series]! * rateWords + besideSlot])
    const speed = slotOf[2]!
    expect(speed).toBeGreaterThan(0)
    expect(besides()).toEqual([speed, 0, speed, 0, 0, 0])
    assigner.reassignAll(inventory, rules, () => undefined)
    expect(besides()).toEqual([speed, 0, speed, 0, 0, 0])
  })

  it('keeps a count that is under way over a reload of the same rules', () => {
    const { state, programs, assigner, add } = assigned()
    const ups = city.devices.findIndex(({ role }) => role === 'ups')
    add(1, 'ups.alarms', '', 0, city.devices[ups]!.identifiers[0])
    evaluateSample(programs.table, state, 1, 1, 1000, () => undefined)
    const counts = countsUnderWay(programs.table, state, 1)
    expect(counts).not.toEqual([])
    assigner.reassignAll(inventory, rules, () => undefined)
    expect(countsUnderWay(programs.table, state, 1)).toEqual(counts)
  })
})
