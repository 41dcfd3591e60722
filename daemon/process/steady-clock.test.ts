import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { createSteadyClock } from './steady-clock.ts'
import { createTroubleLog } from './trouble-log.ts'

const hourMs = 3_600_000
const startMs = 1_790_000_000_000

function hostClock() {
  let wall = startMs
  let monotonic = 1000
  const steps: number[] = []
  const nowMs = createSteadyClock({
    wallMs: () => wall,
    monotonicMs: () => monotonic,
    onStep: stepMs => steps.push(stepMs)
  })
  return {
    nowMs,
    steps,
    pass: (ms: number): void => {
      wall += ms
      monotonic += ms
    },
    set: (ms: number): void => {
      wall += ms
    }
  }
}

describe('the steady clock', () => {
  it("is the host's while nobody sets that", () => {
    const { nowMs, steps, pass } = hostClock()
    expect(nowMs()).toBe(startMs)
    for (const ms of [1, 999, hourMs]) pass(ms)
    expect(nowMs()).toBe(startMs + hourMs + 1000)
    expect(steps).toEqual([])
  })

  it('goes on when the host clock is set back by an hour, says so once, and meets it again', () => {
    const { nowMs, steps, pass, set } = hostClock()
    set(-hourMs)
    let before = nowMs()
    expect(before).toBe(startMs)
    for (let minute = 1; minute <= 600; minute++) {
      pass(60_000)
      const now = nowMs()
      expect(now - before).toBeGreaterThanOrEqual(53_999)
      before = now
    }
    expect(steps).toEqual([-hourMs])
    pass(60_000)
    expect(nowMs()).toBe(startMs - hourMs + 601 * 60_000)
  })

  it('does not go back by the milliseconds that a host clock is set right by, either', () => {
    const { nowMs, steps, pass, set } = hostClock()
    pass(10_000)
    const before = nowMs()
    set(-40)
    expect(nowMs()).toBe(before)
    pass(1000)
    expect(nowMs()).toBe(before + 960)
    expect(steps).toEqual([])
  })

  it('follows a clock that is set forth, and goes on when it is set right again', () => {
    const { nowMs, steps, pass, set } = hostClock()
    set(hourMs)
    expect(nowMs()).toBe(startMs + hourMs)
    set(-hourMs)
    pass(10_000)
    expect(nowMs()).toBe(startMs + hourMs + 9000)
    expect(steps).toEqual([hourMs, -hourMs])
  })

  it('lets a trouble be told again after a minute, though the clock was set back', () => {
    const { nowMs, pass, set } = hostClock()
    const lines: string[] = []
    const trouble = createTroubleLog(pino({}, { write: line => lines.push(line) }), nowMs)
    trouble('Kafka is away')
    set(-hourMs)
    trouble('Kafka is away')
    pass(70_000)
    trouble('Kafka is away')
    expect(lines).toHaveLength(2)
  })
})
