import { describe, expect, it } from 'vitest'
import {
  assignPartitions,
  decodeAssignment,
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
})
