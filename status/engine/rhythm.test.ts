import { describe, expect, it } from 'vitest'
import { createRandom } from '../../embedded/simulator/random.ts'
import { createLossMeter, nextIntervalMs } from './rhythm.ts'

const s = 1000

describe('the rhythm of a device', () => {
  /** What is learned of a device said to be polled every minute, from its pauses (s). */
  const learn = (...pauses: number[]): number => {
    let intervalMs = 60 * s
    let before = 0
    for (const pause of pauses) {
      intervalMs = nextIntervalMs(intervalMs, 60 * s, pause * s, before)
      before = pause * s
    }
    return intervalMs / s
  }

  it('is what it really does, not what is configured', () => {
    expect(learn(300, 301)).toBe(301)
    expect(learn(300, 300, 300, 600, 300)).toBe(300)
  })

  it('is not slower for a lost poll, nor faster than configured', () => {
    expect(learn(60, 120, 60, 61)).toBe(60)
    expect(learn(30, 30, 30)).toBe(60)
    expect(learn(300, 300, 60)).toBe(60)
  })
})

describe('the share of polls that are lost', () => {
  const missesAt = (share: number): number => {
    const random = createRandom(7)
    const meter = createLossMeter()
    for (let heard = 0; heard < 20_000; heard++) {
      let intervals = 1
      while (random.next() < share) intervals++
      meter.note(intervals)
    }
    return meter.missesMin(3)
  }

  it('makes more missed polls mean silence, so that none is false in a thousand days', () => {
    expect([0, 0.001, 0.01, 0.03].map(missesAt)).toEqual([3, 3, 4, 5])
  })

  it('is not that of a burst', () => {
    const meter = createLossMeter()
    for (let heard = 0; heard < 2000; heard++) meter.note(1)
    for (let heard = 0; heard < 150; heard++) meter.note(3)
    expect(meter.missesMin(3)).toBe(3)
  })

  it('is known before the first window is over, once two polls of forty were lost', () => {
    const meter = createLossMeter()
    for (let heard = 0; heard < 30; heard++) meter.note(1)
    meter.note(2)
    expect(meter.missesMin(3)).toBe(3)
    for (let heard = 0; heard < 20; heard++) meter.note(1)
    meter.note(2)
    expect(meter.missesMin(3)).toBeGreaterThan(3)
  })

  it('does not count an outage', () => {
    const meter = createLossMeter()
    for (let heard = 0; heard < 2000; heard++) meter.note(heard % 2 === 0 ? 1 : 20)
    expect(meter.missesMin(3)).toBe(3)
  })
})
