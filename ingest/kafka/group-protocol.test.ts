import { describe, expect, it } from 'vitest'
import {
  assignPartitions,
  assignToOne,
  decodeAssignment,
  decodeHeldIn,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription
} from './group-protocol.ts'

const member = (memberId: string, topics = ['t'], groupInstanceId: string | null = null) => ({
  memberId,
  groupInstanceId,
  topics
})

describe('group protocol', () => {
  it('carries subscriptions and assignments', () => {
    expect(decodeSubscription(encodeSubscription(['telemetry', 'события']))).toEqual(['telemetry', 'события'])
    const assignment = [
      { topic: 'a', partition: 0 },
      { topic: 'a', partition: 3 },
      { topic: 'b', partition: 1 }
    ]
    expect(decodeAssignment(encodeAssignment(assignment))).toEqual(assignment)
    expect(decodeAssignment(encodeAssignment([]))).toEqual([])
    expect(decodeAssignment(Buffer.alloc(0))).toEqual([])
  })

  it('gives every partition to exactly one subscriber, evenly', () => {
    const members = ['c', 'a', 'b'].map(id => member(id, ['t', 'u', 'v']))
    const counts = new Map([
      ['t', 7],
      ['u', 4],
      ['v', 1]
    ])
    const assigned = assignPartitions(members, counts)
    const all = [...assigned.values()].flat().map(p => `${p.topic}:${p.partition}`)
    expect(all).toHaveLength(12)
    expect(new Set(all).size).toBe(12)
    expect([...assigned.values()].map(list => list.length)).toEqual([4, 4, 4])
  })

  it('gives a topic to its subscribers only, and leaves out topics nobody reads', () => {
    const assigned = assignPartitions(
      [member('a', ['t']), member('b', ['u'])],
      new Map([
        ['t', 2],
        ['u', 2],
        ['w', 5]
      ])
    )
    expect(assigned.get('a')?.every(p => p.topic === 't')).toBe(true)
    expect(assigned.get('b')?.every(p => p.topic === 'u')).toBe(true)
    expect([...assigned.values()].flat()).toHaveLength(4)
  })

  it('gives a static member the same share whatever id it comes back with', () => {
    const counts = new Map([['t', 6]])
    const before = assignPartitions([member('x9', ['t'], 'one'), member('a1', ['t'], 'two')], counts)
    const after = assignPartitions([member('b7', ['t'], 'one'), member('a1', ['t'], 'two')], counts)
    expect(after.get('b7')).toEqual(before.get('x9'))
  })

  it('leaves members beyond the partitions without work', () => {
    const assigned = assignPartitions(
      ['a', 'b', 'c'].map(id => member(id)),
      new Map([['t', 2]])
    )
    expect([...assigned.values()].map(list => list.length).sort()).toEqual([0, 1, 1])
  })

  it('carries the generation in which a member last held the partitions, and none where it is not told', () => {
    for (const heldIn of [-1, 0, 7, 2 ** 31 - 1]) {
      const bytes = encodeSubscription(['telemetry', 'события'], heldIn)
      expect(decodeSubscription(bytes)).toEqual(['telemetry', 'события'])
      expect(decodeHeldIn(bytes)).toBe(heldIn)
    }
    expect(decodeHeldIn(encodeSubscription(['t']))).toBe(-1)
    expect(decodeHeldIn(encodeSubscription(['t'], 7).subarray(0, -1))).toBe(-1)
  })

  it('gives all partitions to the member that held them last, to the first by name where none did', () => {
    const counts = new Map([
      ['t', 3],
      ['u', 1],
      ['w', 2]
    ])
    const all = ['t:0', 't:1', 't:2', 'u:0']
    const shares = (...members: (readonly [name: string, heldIn: number])[]): Record<string, string[]> =>
      Object.fromEntries(
        [
          ...assignToOne(
            members.map(([name, heldIn]) => ({ ...member(`id-${name}`, ['t', 'u'], name), heldIn })),
            counts
          )
        ].map(([id, list]) => [id, list.map(p => `${p.topic}:${p.partition}`)])
      )
    expect(shares(['b', -1], ['a', -1])).toEqual({ 'id-a': all, 'id-b': [] })
    expect(shares(['b', 4], ['a', -1], ['c', -1])).toEqual({ 'id-b': all, 'id-a': [], 'id-c': [] })
    // One that was given up on comes back with what it held before another one did.
    expect(shares(['a', 4], ['b', 5])).toEqual({ 'id-a': [], 'id-b': all })
    expect(shares(['a', -1])).toEqual({ 'id-a': all })
  })
})
