import { describe, expect, it } from 'vitest'
import { signalIds } from '../../../schemas/signals.ts'
import { compileInventory, inventoryPart } from '../../../topology/compile.ts'
import type { InventoryPort } from '../../../topology/model.ts'
import { createSeriesRegistry } from '../series-registry.ts'
import { carriersMax, createPortPlaces } from './places.ts'

const port = (instance: string, name?: string): InventoryPort => ({
  instance,
  role: 'uplink',
  peer: '',
  opticClass: '',
  ...(name !== undefined && { name })
})

const inventoryOf = (ports: readonly InventoryPort[]) =>
  compileInventory(
    [
      inventoryPart(
        [
          {
            id: 'core',
            tier: 'core',
            name: 'core',
            parents: [],
            addresses: [],
            subscribers: 0,
            premises: '',
            maintenance: false
          }
        ],
        [
          {
            id: 'sw',
            node: 'core',
            role: 'switch',
            vendor: '',
            model: '',
            identifiers: ['sw'],
            intervalS: 60,
            ports
          }
        ]
      )
    ],
    1
  )

const octets = signalIds.get('if.in_octets')!
const oper = signalIds.get('if.oper_status')!

function network(ports: readonly InventoryPort[], seriesMax = 100) {
  const inventory = inventoryOf(ports)
  const registry = createSeriesRegistry(seriesMax, 4)
  const lastTimeMs = new Float64Array(seriesMax)
  const places = createPortPlaces(registry, { lastTimeMs }, inventory)
  let next = 0
  const settle = (): void => {
    for (const { moves } of places.unsettled())
      for (const { series, instance } of moves) registry.setInstance(series, instance)
  }
  const meet = (instance: string, names: readonly string[] = [], profile = 'if-mib'): number => {
    const first = next
    next += 2
    const entity = { identifiers: ['sw'], collector: '', instance, names, profile, device: 0 }
    registry.add({ ...entity, series: [first, first + 1], signals: [oper, octets] }, inventory, 0)
    places.met([first, first + 1])
    settle()
    return first
  }
  const polled = (series: number, timeMs: number): void => {
    lastTimeMs[series] = lastTimeMs[series + 1] = timeMs
  }
  const trapped = (series: number, timeMs: number): void => {
    lastTimeMs[series] = timeMs
  }
  const instance = (series: number): string => registry.instance(series)
  return {
    registry,
    places,
    settle,
    /** Meets a port: the number of the state of its link, and behind it that of its counter. */
    meet,
    polled,
    trapped,
    instance
  }
}

describe('the port of a series', () => {
  it('is the one that the record names, whatever number it has and whatever is met first', () => {
    const { meet, instance, registry } = network([port('25', 'Gi0/25'), port('', 'Gi0/26'), port('1')])
    const optic = meet('gigabitethernet0/26', [], 'optics')
    const lane = meet('GigabitEthernet0/26 lane 2', [], 'optics')
    const byNumber = meet('10126', [], 'ddm')
    expect(instance(optic)).toBe('gigabitethernet0/26')
    const named = meet('10126', ['GI0/26 ', 'GigabitEthernet0/26'])
    expect([named, optic, byNumber, lane].map(instance)).toEqual([
      'Gi0/26',
      'Gi0/26',
      'Gi0/26',
      'Gi0/26 lane 2'
    ])
    expect(registry.toldInstance(lane)).toBe('GigabitEthernet0/26 lane 2')
    expect([meet('1', ['Gi0/1']), meet('2', ['Gi0/2'])].map(instance)).toEqual(['1', '2'])
  })

  it('is that of its number while nobody has said the name, and no longer', () => {
    const { meet, instance } = network([port('25', 'Gi0/25')])
    const unnamed = meet('25', [], 'ddm')
    const other = meet('25', ['Slot0/25'])
    expect([unnamed, other].map(instance)).toEqual(['Gi0/25', 'Gi0/25'])
    const own = meet('26', ['Gi0/25'])
    expect([unnamed, other, own].map(instance)).toEqual(['25', '25', 'Gi0/25'])
  })

  it('is none for what is no port, whatever its number is', () => {
    const inventory = inventoryOf([port('1', 'Gi0/1')])
    const registry = createSeriesRegistry(10, 4)
    const places = createPortPlaces(registry, { lastTimeMs: new Float64Array(10) }, inventory)
    const fan = signalIds.get('device.fan_state')!
    const entity = { identifiers: ['sw'], collector: '', instance: '1', profile: 'p', device: 0 }
    registry.add({ ...entity, series: [0], signals: [fan] }, inventory, 0)
    registry.add({ ...entity, series: [1, 2, 3], signals: [oper, fan, octets] }, inventory, 0)
    expect(places.met([0])).toEqual([[0]])
    expect(places.met([1, 2, 3])).toEqual([[1, 3], [2]])
    expect([0, 1, 2, 3].map(series => registry.instance(series))).toEqual(['1', 'Gi0/1', '1', 'Gi0/1'])
    expect([registry.isSamePlace(1, 2), registry.isSamePlace(1, 3)]).toEqual([false, true])
    expect(places.unsettled()).toEqual([])
  })

  it('is not guessed from a name that several ports go by', () => {
    const { meet, instance } = network([port('', 'Gi0/1'), port('', 'Gi0/2')])
    meet('1', ['Gi0/1', 'Ethernet'])
    meet('2', ['Gi0/2', 'Ethernet'])
    expect(instance(meet('Ethernet', [], 'optics'))).toBe('Ethernet')
    const foreign = network([port('', 'Gi0/1')])
    foreign.meet('2', ['Gi0/2', 'Ethernet'])
    foreign.meet('1', ['Gi0/1', 'Ethernet'])
    expect(foreign.instance(foreign.meet('Ethernet', [], 'optics'))).toBe('Ethernet')
  })

  it('follows a number that moves and comes back, and says each move once', () => {
    const { meet, instance, places, polled, settle } = network([port('25', 'Gi0/25')])
    const before = meet('25', ['Gi0/25'])
    const optic = meet('25', [], 'ddm')
    polled(before, 1000)
    expect(instance(optic)).toBe('Gi0/25')
    const foreign = meet('25', ['Gi0/24'])
    const after = meet('26', ['Gi0/25'])
    polled(foreign, 2000)
    polled(after, 2000)
    expect([before, foreign, after, optic].map(instance)).toEqual(['Gi0/25', '25', 'Gi0/25', '25'])
    const move = { key: 'Gi0/25', from: '25', to: '26' }
    expect([places.moved(), places.moved(), places.moved()]).toEqual([[], [{ device: 0, ports: [move] }], []])
    expect(places.othersOf(after)).toEqual([before])
    // Back again, which no new record says.
    polled(before, 3000)
    places.sweep()
    settle()
    expect(instance(optic)).toBe('Gi0/25')
    places.moved()
    expect(places.moved()).toEqual([{ device: 0, ports: [{ ...move, from: '26', to: '25' }] }])
    places.sweep()
    expect([places.moved(), places.moved(), places.counts().moves]).toEqual([[], [], 2])
  })

  it('is the same where a further name has changed, as with another firmware', () => {
    const { meet, places, polled, instance } = network([port('', '1/25')])
    const before = meet('25', ['1/25', 'R4 Port 25'])
    polled(before, 1000)
    const more = meet('25', ['1/25', 'R5 Port 25'])
    polled(more, 1000)
    expect([before, more].map(instance)).toEqual(['1/25', '1/25'])
    expect([places.addressee(before), places.addressee(more)]).toEqual([before, more])
    expect(places.counts().moves).toBe(0)
  })

  it('is, of a trap, that of the number by what was polled last', () => {
    const { meet, places, polled, trapped } = network([port('25', 'Gi0/25')])
    const before = meet('25', ['Gi0/25'])
    polled(before, 1000)
    expect(places.addressee(before)).toBe(before)
    const foreign = meet('25', ['Gi0/24'])
    polled(foreign, 2000)
    trapped(before, 2500)
    expect([places.addressee(before), places.addressee(before + 1)]).toEqual([foreign, foreign + 1])
    polled(before, 3000)
    expect(places.addressee(before)).toBe(before)
  })

  it('takes, of a name at two numbers, the one that was told last', () => {
    const { meet, places, polled } = network([port('', 'Gi0/25')])
    const one = meet('25', ['Gi0/25'])
    const two = meet('26', ['Gi0/25'])
    polled(one, 1000)
    polled(two, 1000)
    expect([places.addressee(one), places.addressee(two)]).toEqual([-1, two])
    polled(one, 2000)
    expect([places.addressee(one), places.addressee(two)]).toEqual([one, -1])
  })

  it('is found anew where the inventory begins or ceases to name it', () => {
    const { meet, instance, places } = network([port('25')])
    const optic = meet('26', [], 'ddm')
    const series = meet('26', ['Gi0/25'])
    expect([series, optic].map(instance)).toEqual(['26', '26'])
    expect(places.reload(inventoryOf([port('25', 'Gi0/25')]))).toBe(true)
    expect([series, optic].map(instance)).toEqual(['Gi0/25', 'Gi0/25'])
    expect(places.reload(inventoryOf([port('25', 'Gi0/25')]))).toBe(false)
    expect(places.reload(inventoryOf([port('25')]))).toBe(true)
    expect([series, optic].map(instance)).toEqual(['26', '26'])
  })

  it('is not looked for among more names than a device may have', () => {
    // None of them needs others to say which port it is.
    const { meet, places } = network(
      Array.from({ length: carriersMax }, (_, i) => port('', `p${i}`)),
      2 * carriersMax + 100
    )
    for (let i = 0; i < carriersMax; i++) meet(String(i), [`p${i}`])
    expect(places.counts().overflow).toBe(0)
    meet('one', ['more'])
    expect(places.counts().overflow).toBe(1)
  })
})
