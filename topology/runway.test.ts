import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { darkTimeOf, type BatteryReadings, type Reading } from './runway.ts'

const t0 = Date.UTC(2026, 0, 5, 12)
const minute = 60_000

/** What is read every half minute until so many minutes have passed. */
const told = (minutes: number, value: (min: number) => number): Reading[] =>
  Array.from({ length: minutes * 2 + 1 }, (_, i) => ({ timeMs: t0 + i * 30_000, value: value(i / 2) }))

const readings = (of: Partial<BatteryReadings>): BatteryReadings => ({
  runtimeS: [],
  chargePct: [],
  isLow: false,
  ...of
})
const minutesOf = (of: BatteryReadings, min: number) => {
  const dark = darkTimeOf(of, t0 + min * minute)
  return (
    dark && {
      earliest: (dark.earliestMs - t0) / minute,
      likely: (dark.likelyMs - t0) / minute,
      latest: (dark.latestMs - t0) / minute
    }
  )
}
/** An honest battery of 40 minutes. */
const runtime = (min: number): number => (40 - min) * 60
const charge = (min: number): number => Math.round(100 * (1 - min / 40))

describe('battery runway', () => {
  it('tells nothing of a UPS that tells nothing, and nothing before a source has been seen to fall', () => {
    expect(darkTimeOf(readings({}), t0)).toBeNull()
    expect(minutesOf(readings({ runtimeS: told(1, runtime), chargePct: told(1, charge) }), 1)).toBeNull()
    expect(
      minutesOf(readings({ chargePct: told(20, () => 100), runtimeS: told(20, () => 1800) }), 20)
    ).toBeNull()
  })

  it('holds the truth in bounds that come nearer, where both sources are honest', () => {
    const widths = [5, 10, 20, 30].map(min => {
      const dark = minutesOf(readings({ runtimeS: told(min, runtime), chargePct: told(min, charge) }), min)!
      expect(dark.earliest).toBeLessThan(40)
      expect(dark.latest).toBeGreaterThan(40)
      expect(Math.abs(dark.likely - 40)).toBeLessThan(3)
      return dark.latest - dark.earliest
    })
    expect(widths).toEqual([...widths].sort((a, b) => b - a))
  })

  it('believes a time left as far as it falls: twice as fast as the clock is half as long', () => {
    const dark = minutesOf(readings({ runtimeS: told(15, min => (40 - min) * 120) }), 15)!
    expect(Math.abs(dark.likely - 40)).toBeLessThan(2)
    expect(dark.latest).toBeLessThan(50)
  })

  it('leaves out a time left that stands still, and goes by the charge', () => {
    const dark = minutesOf(readings({ runtimeS: told(15, () => 7200), chargePct: told(15, charge) }), 15)!
    expect(Math.abs(dark.likely - 40)).toBeLessThan(3)
  })

  it('is wide where the sources differ: the bounds hold what either of them says', () => {
    const slow = (min: number): number => 100 - min / 2
    const dark = minutesOf(readings({ runtimeS: told(20, runtime), chargePct: told(20, slow) }), 20)!
    expect([dark.earliest < 36, dark.latest > 200]).toEqual([true, true])
  })

  it('may be over at any moment when the battery is low, or was to be over already', () => {
    const low = readings({ runtimeS: told(20, runtime), isLow: true })
    expect(minutesOf(low, 20)!.earliest).toBe(20)
    const late = minutesOf(readings({ runtimeS: told(38, runtime) }), 45)!
    expect(late).toEqual({ earliest: 45, likely: 45, latest: 45 })
  })

  it('forgets what was read ten minutes ago', () => {
    expect(minutesOf(readings({ runtimeS: told(20, runtime) }), 31)).toBeNull()
  })

  it('gives bounds in order, none of them in the past, whatever was read', () => {
    const any = fc.array(fc.tuple(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 0, max: 8000 })), {
      maxLength: 30
    })
    const inOrder = (list: readonly (readonly [number, number])[]): Reading[] => {
      let timeMs = t0
      return list.map(([s, value]) => ({ timeMs: (timeMs += s * 1000), value }))
    }
    fc.assert(
      fc.property(any, any, fc.boolean(), (a, b, isLow) => {
        const of = {
          runtimeS: inOrder(a),
          chargePct: inOrder(b).map(r => ({ ...r, value: r.value % 101 })),
          isLow
        }
        const nowMs = Math.max(t0, ...[...of.runtimeS, ...of.chargePct].map(({ timeMs }) => timeMs))
        const dark = darkTimeOf(of, nowMs)
        if (dark === null) return
        expect(nowMs <= dark.earliestMs && dark.earliestMs <= dark.likelyMs).toBe(true)
        expect(dark.likelyMs <= dark.latestMs && Number.isFinite(dark.latestMs)).toBe(true)
      })
    )
  })
})
