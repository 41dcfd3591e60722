import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dayNames, scheduleText, stretchOf, type Schedule } from './schedule.ts'

const scheduleArbitrary: fc.Arbitrary<Schedule> = fc
  .record({
    days: fc.array(fc.boolean(), { minLength: 7, maxLength: 7 }).filter(days => days.some(Boolean)),
    fromMin: fc.integer({ min: 0, max: 1439 }),
    toMin: fc.integer({ min: 1, max: 1440 }),
    timezone: fc.constantFrom(
      'UTC',
      'Europe/Moscow',
      'Europe/Berlin',
      'America/New_York',
      'Asia/Kolkata',
      'Asia/Kathmandu',
      'Pacific/Apia',
      'Australia/Lord_Howe',
      'America/Sao_Paulo'
    )
  })
  .filter(({ fromMin, toMin }) => fromMin !== toMin)

const timeArbitrary = fc.integer({ min: Date.parse('2015-01-01'), max: Date.parse('2035-01-01') })

/** What the clocks of the place show: weekday (Monday is 0) and minutes after midnight. */
function shownAt(timezone: string, atMs: number): { readonly day: number; readonly minutes: number } {
  const text = new Intl.DateTimeFormat('en-GB', {
    timeZone: timezone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23'
  }).format(atMs)
  const [, weekday = '', hour, minute] = /^(\w{3}) (\d\d):(\d\d)$/.exec(text) ?? []
  return {
    day: dayNames.findIndex(name => name === weekday.toLowerCase()),
    minutes: Number(hour) * 60 + Number(minute)
  }
}

/** The offset does not change within two days of it. */
function isCalm(timezone: string, atMs: number): boolean {
  const offset = (ms: number): string =>
    new Intl.DateTimeFormat('en-GB', { timeZone: timezone, timeZoneName: 'longOffset' }).format(ms).slice(-9)
  return [-48, -24, 24, 48].every(hours => offset(atMs + hours * 3_600_000) === offset(atMs))
}

/** By the clock alone, as a person would say it. */
function isInForce({ days, fromMin, toMin, timezone }: Schedule, atMs: number): boolean {
  const { day, minutes } = shownAt(timezone, atMs)
  const before = (day + 6) % 7
  if (toMin > fromMin) return days[day] === true && minutes >= fromMin && minutes < toMin
  return (days[day] === true && minutes >= fromMin) || (days[before] === true && minutes < toMin)
}

describe('the stretch of a schedule that a moment lies in', () => {
  it('says what a person reads from the clocks of the place', () => {
    let checked = 0
    fc.assert(
      fc.property(scheduleArbitrary, timeArbitrary, (schedule, atMs) => {
        fc.pre(isCalm(schedule.timezone, atMs))
        checked++
        expect(stretchOf(schedule, atMs).isInForce, scheduleText(schedule)).toBe(isInForce(schedule, atMs))
      }),
      { numRuns: 300 }
    )
    expect(checked).toBeGreaterThan(200)
  })

  it('holds from its first moment to its last, whatever was asked before, and other stretches join it', () => {
    fc.assert(
      fc.property(
        scheduleArbitrary,
        timeArbitrary,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (schedule, atMs, part) => {
          const { fromMs, toMs, isInForce: now } = stretchOf(schedule, atMs)
          expect(fromMs).toBeLessThanOrEqual(atMs)
          expect(toMs).toBeGreaterThan(atMs)
          expect(toMs - fromMs).toBeLessThan(9 * 86_400_000)
          const within = Math.min(toMs - 1, Math.floor(fromMs + part * (toMs - fromMs)))
          // Another object of the same schedule remembers nothing.
          expect(stretchOf({ ...schedule }, within)).toEqual({ fromMs, toMs, isInForce: now })
          expect(stretchOf(schedule, fromMs - 1).toMs).toBe(fromMs)
          expect(stretchOf(schedule, toMs).fromMs).toBe(toMs)
          expect(stretchOf(schedule, atMs)).toEqual({ fromMs, toMs, isInForce: now })
        }
      ),
      { numRuns: 200 }
    )
  })

  it('follows clocks that are put forward and back', () => {
    const nightly: Schedule = {
      days: dayNames.map(() => true),
      fromMin: 150,
      toMin: 240,
      timezone: 'Europe/Berlin'
    }
    const at = (text: string): number => Date.parse(text)
    // 2026-03-29: 02:00 is 03:00 at once, so 02:30 is not there and 03:30 stands for it.
    expect(stretchOf(nightly, at('2026-03-29T01:29:59Z')).isInForce).toBe(false)
    expect(stretchOf(nightly, at('2026-03-29T01:30:00Z'))).toEqual({
      fromMs: at('2026-03-29T01:30:00Z'),
      toMs: at('2026-03-29T02:00:00Z'),
      isInForce: true
    })
    // 2026-10-25: 03:00 is 02:00 again; it begins when 02:30 is shown first.
    expect(stretchOf(nightly, at('2026-10-25T01:15:00Z'))).toEqual({
      fromMs: at('2026-10-25T00:30:00Z'),
      toMs: at('2026-10-25T03:00:00Z'),
      isInForce: true
    })
  })

  it('is said shortly', () => {
    const days = [true, true, true, false, true, false, true]
    expect(scheduleText({ days, fromMin: 480, toMin: 1440, timezone: 'UTC' })).toBe(
      'mon-wed, fri, sun 08:00–24:00 UTC'
    )
  })
})
