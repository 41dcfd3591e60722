import { expect, it } from 'vitest'
import { createNetworkOf } from '../../bench/support/large-network.ts'
import { childrenListedMax } from '../view.ts'

it('lists the worst of many children first, wherever they stand', async () => {
  const node = { addresses: [], subscribers: 1, premises: 'home', maintenance: false }
  const houses = Array.from({ length: childrenListedMax + 50 }, (_, i) => `du-${i}`)
  const network = await createNetworkOf([
    { ...node, id: 'cu', name: 'ЦУ', tier: 'core', parents: [] },
    ...houses.map(id => ({ ...node, id, name: id, tier: 'building' as const, parents: ['cu'] }))
  ])
  const { inventory, view } = network
  const [last, lastButOne] = [houses.at(-1)!, houses.at(-2)!]
  network.fail([inventory.nodeIndex(lastButOne)!], 'yellow')
  network.fail([inventory.nodeIndex(last)!], 'red')
  const answer = view.node('cu')!
  expect(answer.childrenTotal).toBe(houses.length)
  expect(answer.children).toHaveLength(childrenListedMax)
  expect(answer.children.slice(0, 3).map(({ id, effective }) => [id, effective])).toEqual([
    [last, 'red'],
    [lastButOne, 'yellow'],
    [houses[0], 'green']
  ])
})
