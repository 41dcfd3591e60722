import { beforeEach, describe, expect, it } from 'vitest'
import { createLateness, type Lateness } from './lateness.ts'

const startMs = 1_790_000_000_000

describe('whether data comes in time', () => {
  let nowMs: number
  let judgedToMs: number
  let isConnected: boolean
  let held: boolean
  let troubleSinceMs: number | null
  let lateness: Lateness
  let sweeps: number

  /** Passes time in steps of a second; `judge` follows the clock when data comes. */
  const pass = (seconds: number, isComing: boolean): void => {
    for (let i = 0; i < seconds; i++) {
      nowMs += 1000
      if (isComing) judgedToMs = nowMs - 1500
      lateness.tick(
        {
          holdSilence: value => void (held = value),
          setIngestTrouble: since => void (troubleSinceMs = since),
          clocks: { sweep: () => void sweeps++ }
        },
        nowMs
      )
    }
  }

  beforeEach(() => {
    nowMs = startMs
    judgedToMs = -Infinity
    isConnected = true
    held = false
    sweeps = 0
    troubleSinceMs = null
    lateness = createLateness({
      judgedToMs: () => judgedToMs,
      connected: () => isConnected,
      lateMsMax: 10_000,
      startMs
    })
  })

  it('claims to know nothing before the log has been read to its end', () => {
    expect(lateness.state()).toEqual({ asOfMs: null, lateMs: 0 })
    pass(9, false)
    expect(lateness.state()).toEqual({ asOfMs: null, lateMs: 0 })
    pass(2, false)
    expect(lateness.state()).toEqual({ asOfMs: null, lateMs: 11_000 })
    pass(1, true)
    expect(lateness.state()).toEqual({ asOfMs: nowMs - 1500, lateMs: 0 })
  })

  it('is in time while the log is read to its end', () => {
    pass(60, true)
    expect(held).toBe(false)
    expect(lateness.state()).toEqual({ asOfMs: nowMs - 1500, lateMs: 0 })
  })

  it('counts no silence while Kafka is away, makes one incident of what lasts, and ends both when data comes', () => {
    pass(10, true)
    const knownToMs = judgedToMs
    pass(8, false)
    expect(held).toBe(false)
    pass(3, false)
    expect(held).toBe(true)
    expect(lateness.state()).toEqual({ asOfMs: knownToMs, lateMs: nowMs - knownToMs })
    expect(troubleSinceMs).toBeNull()
    pass(20, false)
    expect(troubleSinceMs).toBe(knownToMs)
    pass(60, false)
    expect(troubleSinceMs).toBe(knownToMs)
    pass(1, true)
    expect(held).toBe(false)
    expect(troubleSinceMs).toBeNull()
    expect(lateness.state().lateMs).toBe(0)
  })

  it('has clocks compared while data comes in time, and at no other time', () => {
    pass(1, false)
    expect(sweeps).toBe(0)
    pass(10, true)
    expect(sweeps).toBe(10)
    pass(8, false)
    const inTime = sweeps
    pass(30, false)
    expect(sweeps).toBe(inTime)
    pass(1, true)
    expect(sweeps).toBe(inTime + 1)
  })

  it('believes no source that lost its brokers, whatever it says of its end', () => {
    pass(10, true)
    isConnected = false
    pass(12, true)
    expect(held).toBe(true)
  })

  it('is late from the start while an old backlog is read, and goes on to count silence by the time of the log', () => {
    judgedToMs = startMs - 3_600_000
    pass(1, false)
    expect(lateness.state().lateMs).toBe(3_601_000)
    expect(held).toBe(false)
    judgedToMs = nowMs - 6000
    pass(1, false)
    expect(lateness.state().lateMs).toBeGreaterThan(0)
    judgedToMs = nowMs - 3000
    pass(1, false)
    expect(lateness.state().lateMs).toBe(0)
    pass(11, false)
    expect(held).toBe(true)
  })

  it('is late when no partition is assigned, and counts no silence when Kafka is not there at the start', () => {
    pass(11, false)
    expect(lateness.state().lateMs).toBeGreaterThan(0)
    expect(held).toBe(false)
    isConnected = false
    pass(1, false)
    expect(held).toBe(true)
    isConnected = true
    pass(5, true)
    expect(held).toBe(false)
  })

  it('holds silence for a full database too', () => {
    pass(5, true)
    lateness.pressure(true)
    pass(1, true)
    expect(held).toBe(true)
    expect(lateness.state().lateMs).toBe(0)
  })
})
