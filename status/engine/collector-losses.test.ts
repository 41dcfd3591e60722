import { describe, expect, it } from 'vitest'
import { deviceStateBytes, deviceStateOver } from '../../rules/series-state.ts'
import { compileInventory, inventoryPart } from '../../topology/compile.ts'
import type { InventoryDevice, InventoryNode } from '../../topology/model.ts'
import { createSilenceWatch } from './silence.ts'

const campuses = 6
const houses = 4
const s = 1000

/** Six campuses with four houses each; every node has one switch. `mains` names the feeder of a house, `slow` those polled every two minutes. */
function city(
  mains: (campus: number, house: number) => string | undefined = () => undefined,
  slow: readonly string[] = []
) {
  const nodes: InventoryNode[] = []
  const devices: InventoryDevice[] = []
  const add = (id: string, tier: InventoryNode['tier'], parents: string[], feeder?: string): void => {
    const about = { name: id, addresses: [], subscribers: 1, premises: '', maintenance: false }
    nodes.push({ id, tier, parents, ...about, ...(feeder === undefined ? {} : { mains: feeder }) })
    const make = { role: 'switch', vendor: '', model: '', intervalS: slow.includes(id) ? 120 : 0, ports: [] }
    devices.push({ id, node: id, identifiers: [id], ...make })
  }
  add('core', 'core', [])
  for (let k = 0; k < campuses; k++) {
    add(`ku${k}`, 'campus', ['core'])
    for (let h = 0; h < houses; h++) add(`du${k}${h}`, 'building', [`ku${k}`], mains(k, h))
  }
  return compileInventory([inventoryPart(nodes, devices)], 1)
}

/** Plays a network whose houses are heard by the collector that `collectorOf` names, each once a minute; all others by `c`. */
function played(collectorOf: (campus: number, house: number) => string, inventory = city()) {
  const state = deviceStateOver(new ArrayBuffer(deviceStateBytes(64)), 64)
  const explained = new Set<string>()
  const options = { defaultIntervalMs: 60 * s, factor: 3, graceMs: 120 * s, collectorDevicesMin: 3 }
  /** When what each was heard by last was read (ms). */
  const readMs = new Float64Array(inventory.deviceCount)
  const watch = createSilenceWatch(inventory, state, options, 0, {
    isExplained: node => explained.has(inventory.nodeId(node)),
    readMs: source => readMs[source]!
  })
  for (let device = 0; device < inventory.deviceCount; device++) {
    const [, campus, house] = /^du(\d)(\d)$/.exec(inventory.deviceId(device)) ?? []
    const collector = campus === undefined ? 'c' : collectorOf(Number(campus), Number(house))
    watch.watch({ known: device, index: device, collector })
  }
  const told: string[] = []
  const late = new Map<number, number>()
  let nowMs = 0
  return {
    explained,
    told,
    /** What a device said last takes so long to come. */
    delay: (id: string, byS: number): void => {
      const device = inventory.deviceIndex(id)!
      late.set(device, readMs[device]! + byS * s)
    },
    run: (toS: number, isHeard: (id: string) => boolean): readonly string[] => {
      for (; nowMs < toS * s; nowMs += s) {
        for (let device = 0; device < inventory.deviceCount; device++) {
          const isDue = (nowMs / s) % 60 === (device * 7) % 60
          if (!isDue || !isHeard(inventory.deviceId(device))) continue
          state.lastSeenMs[device] = nowMs
          readMs[device] = nowMs
        }
        for (const [device, atMs] of late) if (atMs <= nowMs) state.lastSeenMs[device] = atMs
        const { devices, collectors } = watch.sweep(nowMs)
        for (const { collector, devices: lost, sinceMs } of collectors)
          told.push(`${collector} ${sinceMs === null ? 'back' : lost.map(d => inventory.deviceId(d)).join()}`)
        for (const { device, sinceMs } of devices)
          told.push(`${inventory.deviceId(device)} ${sinceMs === null ? 'heard' : 'silent'}`)
      }
      return told
    }
  }
}

const isFirstHouse = (id: string): boolean => /^du\d0$/.test(id)

describe('a collector that loses a part of its devices', () => {
  it('is told before any of them is called silent, and is back when they are heard', () => {
    const { run, told } = played((_, house) => (house < 2 ? 'a' : 'b'))
    run(1200, () => true)
    expect(told).toEqual([])
    run(1800, id => !isFirstHouse(id))
    expect(told).toEqual(['a du00,du10,du20,du30,du40,du50'])
    run(2400, () => true)
    expect(told.slice(1)).toEqual(['a back'])
  })

  it('has lost a device that had lost a poll by chance before, too', () => {
    const { run, told } = played((_, house) => (house < 2 ? 'a' : 'b'), city(undefined, ['du40']))
    // It is polled every other minute, and so known to be silent later than the others.
    for (let minute = 0; minute < 20; minute++)
      run((minute + 1) * 60, id => id !== 'du40' || (minute % 2 === 0 && minute < 18))
    run(2400, id => !isFirstHouse(id))
    expect(told.every(text => text.startsWith('a '))).toBe(true)
    expect(told.at(-1)).toBe('a du00,du10,du20,du30,du50,du40')
  })

  it('has lost what was read before and came late as well', () => {
    const { run, told, delay } = played((_, house) => (house < 2 ? 'a' : 'b'))
    run(1200, () => true)
    delay('du40', 75)
    delay('du50', 50)
    run(1800, id => !isFirstHouse(id))
    expect(told.every(text => text.startsWith('a '))).toBe(true)
    expect(told.at(-1)).toBe('a du00,du10,du20,du30,du40,du50')
  })

  it('is not blamed when its devices are not a good part of it', () => {
    const { run, told } = played(() => 'a')
    run(1200, () => true)
    run(1800, id => !['du00', 'du10', 'du20'].includes(id))
    expect([...told].sort()).toEqual(['du00 silent', 'du10 silent', 'du20 silent'])
  })

  it('is not blamed when others have lost devices with it', () => {
    const { run, told } = played(campus => (campus < 3 ? 'a' : 'b'))
    run(1200, () => true)
    run(1800, id => !isFirstHouse(id))
    expect(told).toHaveLength(6)
    expect(told.every(text => /^du\d0 silent$/.test(text))).toBe(true)
  })

  it('is not blamed for what a fault of the network takes: all that hangs on something', () => {
    const { run, told } = played(campus => (campus < 4 ? 'a' : 'b'))
    run(1200, () => true)
    run(1800, id => !/^du[0-2]\d$/.test(id))
    expect(told).toHaveLength(12)
    expect(told.every(text => /^du[0-2]\d silent$/.test(text))).toBe(true)
  })

  it('is not blamed for what is explained, nor for the houses of one feeder', () => {
    const cutOff = played((_, house) => (house < 2 ? 'a' : 'b'))
    cutOff.run(1200, () => true)
    for (let campus = 0; campus < campuses; campus++) cutOff.explained.add(`du${campus}0`)
    cutOff.run(1800, id => !isFirstHouse(id))
    expect(cutOff.told).toHaveLength(6)
    const feeder = city((_, house) => (house === 0 ? 'tp-7' : undefined))
    const dark = played((_, house) => (house < 2 ? 'a' : 'b'), feeder)
    dark.run(1200, () => true)
    dark.run(1800, id => !isFirstHouse(id))
    expect(dark.told).toHaveLength(6)
    expect(dark.told.some(text => text.startsWith('a '))).toBe(false)
  })

  it('that dies has its devices back one by one, however slowly it starts', () => {
    const { run, told } = played((_, house) => (house < 2 ? 'a' : 'b'))
    const isOfA = (id: string): boolean => /^du\d[01]$/.test(id)
    run(1200, () => true)
    run(1500, id => !isOfA(id))
    expect(told).toHaveLength(1)
    // It polls one campus more every two minutes.
    for (let campus = 0; campus < campuses; campus++)
      run(1620 + campus * 120, id => !isOfA(id) || Number(id[2]) <= campus)
    expect(told.slice(1)).toEqual(['a back'])
  })
})
