import { describe, expect, it } from 'vitest'
import { createInsist } from './insist.ts'

describe('insisting on a server', () => {
  it('tells what is not done yet, from before the first answer on, and nothing of what nobody waits for', async () => {
    const { insist, quietly, problem } = createInsist(
      'http://ch:8123',
      () => undefined,
      new AbortController().signal
    )
    expect(problem()).toBe('http://ch:8123 was not asked yet')
    let answer: () => void = () => undefined
    const first = insist('prepare the database', () => new Promise<void>(resolve => (answer = resolve)))
    expect(problem()).toBe('no answer from http://ch:8123 yet: prepare the database')
    answer()
    await first
    expect(problem()).toBe('')
    let fails = 2
    const failing = (): Promise<number> => {
      if (fails-- > 0) throw new Error('refused')
      return Promise.resolve(7)
    }
    const later = insist('ask for positions', failing)
    await Promise.resolve()
    expect(problem()).toBe('could not ask for positions at http://ch:8123: refused')
    expect(await later).toBe(7)
    expect(problem()).toBe('')
    fails = 1
    const unheard = quietly('mirror the inventory', failing)
    await Promise.resolve()
    expect(problem()).toBe('')
    expect(await unheard).toBe(7)
  })
})
