import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assignProgram, evaluateSample } from '../judge.ts'
import { createProgramTable } from '../program.ts'
import { seriesStateBytes, seriesStateOver } from '../series-state.ts'

/**
 * A counter and the uptime of its device, judged as the daemon judges them. Limit: a million a second, beside which the steps of a double
 * near 2^64 (2,048) are small.
 */
const limit = 1e6
const counter = 0
const uptime = 1

function judged(raiseCount = 1) {
  const builder = createProgramTable(4)
  const state = seriesStateOver(new ArrayBuffer(seriesStateBytes(2)), 2)
  const conditions = [
    {
      condition: 0,
      op: 'above' as const,
      measure: 'per_second' as const,
      raiseLimit: limit,
      clearLimit: limit,
      raiseCount,
      clearCount: 1,
      mask: 0
    }
  ]
  assignProgram(builder.table, state, counter, builder.addProgram({ conditions, keeps: 'counter' }))
  assignProgram(builder.table, state, uptime, builder.addProgram({ conditions: [], keeps: 'uptime' }))
  const flips: [number, boolean][] = []
  return {
    flips,
    tell: (series: number, timeMs: number, value: number): void =>
      void evaluateSample(builder.table, state, series, value, timeMs, (_, on) => flips.push([timeMs, on]))
  }
}

/** A poll: how long after the one before, what was counted meanwhile (in parts of the limit), and what went wrong. */
const poll = fc.record({
  afterMs: fc.integer({ min: 1, max: 900_000 }),
  part: fc.double({ min: 0, max: 0.99, noNaN: true }),
  happened: fc.oneof(
    { weight: 4, arbitrary: fc.constant('nothing' as const) },
    { weight: 6, arbitrary: fc.constantFrom('reset', 'reboot', 'gap', 'twice', 'late', 'twice at once') }
  ),
  more: fc.nat(2_000_000_000)
})

describe('a counter that never grows faster than its limit', () => {
  it.each([2n ** 32n, 2n ** 64n])('and wraps at %d is never told to, whatever becomes of it', wrapAt => {
    let seen = 0
    fc.assert(
      fc.property(
        fc.nat(2_000_000_000),
        fc.array(poll, { minLength: 2, maxLength: 60, size: 'max' }),
        (left, polls) => {
          const { tell, flips } = judged()
          let timeMs = 1_700_000_000_000
          let startedMs = timeMs - 5e9
          // Near the end of its range, so that it wraps.
          let count = wrapAt - BigInt(left)
          let beforeMs = 0
          const told: [number, number][] = []
          for (const { afterMs, part, happened, more } of polls) {
            timeMs += happened === 'gap' ? 3_600_001 + afterMs : afterMs
            const upMs = timeMs - startedMs
            // A device that starts twice within a minute may not be seen to have started the second time.
            if (happened === 'reboot' && upMs - afterMs > 60_000) {
              startedMs = timeMs - Math.min(afterMs, 30_000)
              count = BigInt(more)
            } else if (happened === 'reset') count = ((count % wrapAt) * BigInt(Math.floor(part * 50))) / 100n
            else if (happened === 'gap') count += BigInt(more) * 1000n
            else count += BigInt(Math.floor((limit * part * afterMs) / 1000))
            const reading = Number(count % wrapAt)
            tell(uptime, timeMs, (timeMs - startedMs) / 1000)
            tell(counter, timeMs, reading)
            if (happened === 'twice') tell(counter, timeMs, reading)
            if (happened === 'twice at once') tell(counter, ++timeMs, reading)
            const old = told.at(-2)
            if (happened === 'late' && old !== undefined) tell(counter, ...old)
            told.push([timeMs, reading])
            if (timeMs - beforeMs >= 1000 && happened === 'nothing') seen++
            beforeMs = timeMs
          }
          expect(flips).toEqual([])
        }
      ),
      { numRuns: 500 }
    )
    expect(seen).toBeGreaterThan(1000)
  })
})

describe('a counter of which nothing goes wrong', () => {
  it('raises and clears by its growth between the samples, as often in a row as the rule wants', () => {
    const clean = fc.record({
      afterMs: fc.integer({ min: 1000, max: 900_000 }),
      parts: fc.integer({ min: 0, max: 200 })
    })
    let raised = 0
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.array(clean, { maxLength: 60, size: 'max' }),
        (raiseCount, polls) => {
          const { tell, flips } = judged(raiseCount)
          let timeMs = 1_700_000_000_000
          let count = 0
          let inRow = 0
          let isOn = false
          const expected: [number, boolean][] = []
          tell(counter, timeMs, count)
          for (const { afterMs, parts } of polls) {
            const grown = Math.floor((limit * parts * afterMs) / 100_000)
            timeMs += afterMs
            count += grown
            tell(counter, timeMs, count)
            const isAbove = (grown * 1000) / afterMs > limit
            inRow = isAbove ? inRow + 1 : 0
            if (isOn ? isAbove : inRow < raiseCount) continue
            isOn = !isOn
            inRow = 0
            expected.push([timeMs, isOn])
          }
          raised += expected.length
          expect(flips).toEqual(expected)
        }
      )
    )
    expect(raised).toBeGreaterThan(100)
  })
})
