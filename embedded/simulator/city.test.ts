import { describe, expect, it } from 'vitest'
import { tiers } from '../../schemas/words.ts'
import { cityCounts, cityDevices, cityNodes, generateCity } from './city.ts'

describe('generateCity', () => {
  it('is the same for the same size and seed, and another for another seed', () => {
    expect(generateCity({ nodes: 300, seed: 7 })).toEqual(generateCity({ nodes: 300, seed: 7 }))
    expect(generateCity({ nodes: 300, seed: 7 })).not.toEqual(generateCity({ nodes: 300, seed: 8 }))
  })

  it.each([5, 6, 20, 333, 2000])('has exactly %i nodes, parents before children, one tier up', nodes => {
    const city = generateCity({ nodes, seed: 1 })
    expect(city.nodes).toHaveLength(nodes)
    const tierOf = new Map<string, number>()
    for (const node of city.nodes) {
      const tier = tiers.indexOf(node.tier)
      expect(node.parents.length === 0).toBe(node.tier === 'core')
      for (const parent of node.parents) expect(tierOf.get(parent)).toBe(tier - 1)
      expect(tierOf.has(node.id)).toBe(false)
      tierOf.set(node.id, tier)
    }
  })

  it('divides 5,559 nodes as the real network divides', () => {
    expect(cityCounts(5559)).toEqual({ core: 1, district: 8, area: 50, campus: 500, building: 5000 })
  })

  it('gives every building an address of its own and every device its own identifiers', () => {
    const city = generateCity({ nodes: 3000, seed: 3 })
    const addresses = city.nodes.flatMap(node => node.addresses)
    expect(new Set(addresses).size).toBe(addresses.length)
    const identifiers = city.devices.flatMap(device => device.identifiers)
    expect(new Set(identifiers).size).toBe(identifiers.length)
    const nodes = new Set(city.nodes.map(node => node.id))
    for (const device of city.devices) expect(nodes.has(device.node)).toBe(true)
  })

  it('joins every uplink to a downlink port of its parent, with the same optic class', () => {
    const city = generateCity({ nodes: 2000, seed: 5 })
    const down = new Map<string, string>()
    for (const device of city.devices) {
      for (const port of device.ports) {
        if (port.role === 'downlink') down.set(`${device.node}>${port.peer}`, port.opticClass)
      }
      expect(new Set(device.ports.map(port => port.instance)).size).toBe(device.ports.length)
    }
    let links = 0
    for (const device of city.devices) {
      for (const port of device.ports) {
        if (port.role !== 'uplink' || port.peer === device.node) continue
        links++
        expect(down.get(`${port.peer}>${device.node}`)).toBe(port.opticClass)
      }
    }
    expect(links).toBe(down.size)
    expect(links).toBe(city.nodes.reduce((sum, node) => sum + node.parents.length, 0))
  })

  it('puts a UPS on every district, area and campus and on no building', () => {
    const city = generateCity({ nodes: 500, seed: 2 })
    const withUps = new Set(city.devices.filter(device => device.role === 'ups').map(device => device.node))
    for (const node of city.nodes) {
      expect(withUps.has(node.id)).toBe(['district', 'area', 'campus'].includes(node.tier))
    }
  })

  it('streams without keeping: the first nodes and devices of a million come at once', () => {
    const nodes = cityNodes({ nodes: 1_000_000, seed: 1 })
    const devices = cityDevices({ nodes: 1_000_000, seed: 1, equipment: 'light' })
    expect(nodes.next().value).toMatchObject({ id: 'cu-1' })
    expect(devices.next().value).toMatchObject({ node: 'cu-1' })
  })

  it('refuses a size it cannot build', () => {
    expect(() => generateCity({ nodes: 4, seed: 1 })).toThrow(/5 to 2000000/)
  })
})
