import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lights, tiers, type Light } from '../../schemas/words.ts'
import { compileInventory, inventoryPart, type CompiledInventory } from '../compile.ts'
import type { InventoryNode } from '../model.ts'
import { createNumberSet } from './bits.ts'
import { treeIndexInSteps, type TreeIndex, type TreeQuery } from './index.ts'

function indexOf(inventory: CompiledInventory): TreeIndex {
  const steps = treeIndexInSteps(inventory)
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** Node i hangs below earlier ones, so there are no cycles; some have a second and third parent. */
const networks = fc
  .array(
    fc.record({
      parents: fc.array(fc.nat(1_000_000), { maxLength: 3 }),
      subscribers: fc.nat(50),
      name: fc.constantFrom('дом 2', 'дом 10', 'Ёлка', 'ель', 'дом 1', 'x')
    }),
    { minLength: 1, maxLength: 60 }
  )
  .map(entries => {
    const nodes: InventoryNode[] = []
    entries.forEach(({ parents, subscribers, name }, i) => {
      const above = i === 0 ? [] : [...new Set(parents.map(parent => parent % i))]
      const tier =
        above.length === 0 ? 0 : Math.min(4, Math.max(...above.map(p => tiers.indexOf(nodes[p]!.tier))) + 1)
      nodes.push({
        id: `n${i}`,
        tier: tiers[tier]!,
        name,
        parents: above.map(p => `n${p}`),
        addresses: i % 3 === 0 ? [`ул. Мира, ${i}`] : [],
        subscribers,
        premises: '',
        maintenance: false
      })
    })
    return nodes
  })

describe('the tree index', () => {
  it('answers every query as a look at every node would', () => {
    const changes = fc.array(fc.tuple(fc.nat(1_000_000), fc.constantFrom(...lights)), { maxLength: 80 })
    fc.assert(
      fc.property(
        networks,
        changes,
        fc.nat(1_000_000),
        fc.integer({ min: 1, max: 5 }),
        (nodes, sets, at, limit) => {
          const inventory = compileInventory([inventoryPart(nodes, [])], 1)
          const index = indexOf(inventory)
          const light = new Map<number, Light>(nodes.map((_, i) => [i, 'green']))
          for (const [node, to] of sets) {
            index.set(node % nodes.length, to)
            light.set(node % nodes.length, to)
          }
          const parentOf = (i: number): number => inventory.parentsOf(i)[0] ?? -1
          const isBelow = (i: number, top: number): boolean =>
            parentOf(i) !== -1 && (parentOf(i) === top || isBelow(parentOf(i), top))
          const all = nodes.map((_, i) => i)
          const belowOf = (top: number): number[] => all.filter(i => isBelow(i, top))
          const bad = (i: number): boolean => light.get(i) !== 'green'

          const whole = [...index.each({ scope: 'under', node: undefined, trouble: false })]
          expect([...whole].sort((a, b) => a - b)).toEqual(all)
          for (const i of all)
            if (parentOf(i) !== -1) expect(whole.indexOf(parentOf(i))).toBeLessThan(whole.indexOf(i))

          /** Page by page, and what was expected of it. */
          const check = (query: TreeQuery, expected: number[]): void => {
            const found: number[] = []
            for (let after: number | undefined; ;) {
              const page = index.page(query, after, limit)
              expect(page.total).toBe(expected.length)
              found.push(...page.nodes)
              after = page.nodes.at(-1)
              if (!page.more) break
              expect(page.nodes).toHaveLength(limit)
            }
            expect(found).toEqual(whole.filter(i => expected.includes(i)))
          }
          for (const node of [undefined, at % nodes.length]) {
            const inside = node === undefined ? all : belowOf(node)
            const level = all.filter(i => parentOf(i) === (node ?? -1))
            for (const trouble of [false, true]) {
              check(
                { scope: 'level', node, trouble },
                trouble ? level.filter(i => bad(i) || belowOf(i).some(bad)) : level
              )
              for (const wanted of [undefined, ['building'], ['core', 'area', 'campus']] as const)
                for (const shown of [undefined, ...lights])
                  check(
                    { scope: 'under', node, trouble, tiers: wanted, light: shown },
                    inside.filter(
                      i =>
                        (!trouble || bad(i)) &&
                        (shown === undefined || light.get(i) === shown) &&
                        (wanted === undefined || (wanted as readonly string[]).includes(nodes[i]!.tier))
                    )
                  )
            }
          }
          for (const i of all) {
            const count = (shown: Light): number => belowOf(i).filter(k => light.get(k) === shown).length
            expect(index.lightsBelow(i)).toEqual({
              red: count('red'),
              grey: count('grey'),
              yellow: count('yellow')
            })
            const reached = new Set([i])
            for (const k of reached) for (const child of inventory.childrenOf(k)) reached.add(child)
            const sum = (of: (node: number) => number): number => [...reached].reduce((s, k) => s + of(k), 0)
            expect(index.below(i)).toEqual({
              nodes: reached.size,
              addresses: sum(inventory.addressCountOf),
              subscribers: sum(inventory.subscribersOf)
            })
            const way = index.path(i)
            expect(way.at(-1)).toBe(i)
            expect(way.every((k, step) => parentOf(k) === (way[step - 1] ?? -1))).toBe(true)
            for (const k of all) expect(index.isWithin(k, i)).toBe(k === i || isBelow(k, i))
          }
        }
      ),
      { numRuns: 60 }
    )
  })

  it('lists siblings as people do', () => {
    const child = (id: string, name: string): InventoryNode => ({
      ...{ id, tier: 'building', name, parents: ['core'], addresses: [], subscribers: 0, premises: '' },
      maintenance: false
    })
    const core: InventoryNode = { ...child('core', 'core'), tier: 'core', parents: [] }
    const names = ['дом 10', 'Ёлочная 2', 'Дом 9', 'еловая 1', 'ель']
    const inventory = compileInventory(
      [inventoryPart([core, ...names.map((name, i) => child(`n${i}`, name))], [])],
      1
    )
    const { nodes } = indexOf(inventory).page({ scope: 'level', node: 0, trouble: false }, undefined, 10)
    expect(nodes.map(inventory.nodeName)).toEqual(['Дом 9', 'дом 10', 'еловая 1', 'Ёлочная 2', 'ель'])
  })
})

describe('a set of numbers', () => {
  it('finds and counts across blocks', () => {
    const size = 20_000
    fc.assert(
      fc.property(
        fc.array(fc.nat(size - 1), { maxLength: 60 }),
        fc.array(fc.nat(size - 1), { maxLength: 20 }),
        fc.nat(size),
        fc.nat(size),
        (added, removed, from, end) => {
          const set = createNumberSet(size)
          for (const at of added) set.add(at)
          for (const at of removed) set.remove(at)
          const expected = [...new Set(added)].filter(at => !removed.includes(at)).sort((a, b) => a - b)
          const inRange = expected.filter(at => at >= from && at < end)
          expect(set.count(from, end)).toBe(inRange.length)
          expect(set.next(from, end)).toBe(inRange[0] ?? -1)
        }
      )
    )
  })
})
