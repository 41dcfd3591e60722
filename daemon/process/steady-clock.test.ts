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
  let agreed = 0
  const { nowMs, heard } = createSteadyClock({
    wallMs: () => wall,
    monotonicMs: () => monotonic,
    onStep: stepMs => steps.push(stepMs),
    onAgreed: () => agreed++
  })
  return {
    nowMs,
    heard,
    steps,
    agreed: () => agreed,
    wallMs: () => wall,
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

  it.each([hourMs, -hourMs])(
    'goes on as before when the host clock is set by %d ms, and says so once',
    stepMs => {
      const { nowMs, heard, steps, agreed, pass, set } = hostClock()
      set(stepMs)
      expect(nowMs()).toBe(startMs)
      for (let minute = 1; minute <= 600; minute++) {
        pass(60_000)
        // Records of the true time, and a device that is wrong by some minutes.
        heard(startMs + minute * 60_000 - 100)
        heard(startMs + minute * 60_000 + 240_000)
        expect(nowMs()).toBe(startMs + minute * 60_000)
      }
      expect(steps).toEqual([stepMs])
      // Set right again.
      set(-stepMs)
      pass(10_000)
      expect(nowMs()).toBe(startMs + 600 * 60_000 + 10_000)
      expect(agreed()).toBe(0)
    }
  )

  it('follows a clock that is set forth once new records are of its time, as after a sleep', () => {
    const { nowMs, heard, agreed, pass, set, wallMs } = hostClock()
    set(hourMs)
    pass(1000)
    expect(nowMs()).toBe(startMs + 1000)
    // A backlog of what was sent during the sleep is no witness.
    heard(startMs + hourMs / 2)
    expect(nowMs()).toBe(startMs + 1000)
    heard(wallMs() - 200)
    expect(nowMs()).toBe(startMs + hourMs + 1000)
    heard(wallMs())
    expect(agreed()).toBe(1)
  })

  it('goes on a little slower when a clock was rightly set back, and meets it again', () => {
    const { nowMs, heard, pass, set, wallMs } = hostClock()
    set(-hourMs)
    let before = nowMs()
    heard(wallMs())
    for (let minute = 1; minute <= 600; minute++) {
      pass(60_000)
      const now = nowMs()
      expect(now - before).toBeGreaterThanOrEqual(53_999)
      before = now
    }
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
