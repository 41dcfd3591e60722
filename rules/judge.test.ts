import { describe, expect, it } from 'vitest'
import {
  alignConditions,
  assignProgram,
  conditionRaised,
  countsUnderWay,
  evaluateSample,
  resumeCount
} from './judge.ts'
import {
  createProgramMemory,
  createProgramTable,
  programTableOver,
  type ConditionSpec,
  type ProgramSpec
} from './program.ts'
import { seriesStateBytes, seriesStateOver, unassigned, type SeriesState } from './series-state.ts'

const below = (condition: number, raise: number, clear: number, over: Partial<ConditionSpec> = {}) =>
  ({
    condition,
    op: 'below',
    raiseLimit: raise,
    clearLimit: clear,
    raiseCount: 1,
    clearCount: 1,
    mask: 0,
    ...over
  }) satisfies ConditionSpec
const above = (condition: number, raise: number, clear: number, over: Partial<ConditionSpec> = {}) => ({
  ...below(condition, raise, clear, over),
  op: 'above' as const
})
const within = (condition: number, codes: readonly number[], over: Partial<ConditionSpec> = {}) => ({
  ...below(condition, 0, 0, over),
  op: 'in' as const,
  mask: codes.reduce((mask, code) => mask | (1 << code), 0)
})

function states(capacity = 4): SeriesState {
  const state = seriesStateOver(new SharedArrayBuffer(seriesStateBytes(capacity)), capacity)
  state.program.fill(unassigned)
  return state
}

/** Runs values a second apart through one series and tells each flip as `index:condition+limit`. */
function run(spec: ProgramSpec, values: readonly number[], stepMs = 1000): string[] {
  const builder = createProgramTable(8)
  const { table } = builder
  const state = states()
  assignProgram(table, state, 1, builder.addProgram(spec))
  const flips: string[] = []
  values.forEach((value, i) => {
    evaluateSample(table, state, 1, value, 1000 + i * stepMs, (condition, on, limit) =>
      flips.push(`${i}:${condition}${on ? '+' : '-'}${limit}`)
    )
  })
  return flips
}

describe('evaluateSample', () => {
  it('says nothing of a healthy series and of a series without rules', () => {
    expect(run({ conditions: [below(3, 10, 12), above(4, 90, 80)] }, [10, 50, 90, 11])).toEqual([])
    expect(run({ conditions: [] }, [1, -1, 1e300])).toEqual([])
  })

  it('raises beyond the raise limit and clears at the clear limit only', () => {
    expect(run({ conditions: [below(3, 10, 12)] }, [10, 9.9, 11, 11.99, 12, 9])).toEqual([
      '1:3+10',
      '4:3-12',
      '5:3+10'
    ])
    expect(run({ conditions: [above(4, 90, 80)] }, [90, 91, 85, 80, 90])).toEqual(['1:4+90', '3:4-80'])
  })

  it('counts consecutive samples both ways and starts again after a gap', () => {
    const spec = { conditions: [below(0, 10, 12, { raiseCount: 3, clearCount: 2 })] }
    expect(run(spec, [9, 9, 11, 9, 9, 9, 13, 11, 13, 13])).toEqual(['5:0+10', '9:0-12'])
  })

  it('judges enumerations by their mask, codes 0 and 31 included', () => {
    expect(run({ conditions: [within(7, [0, 5, 31])] }, [1, 5, 5, 3, 0, 30, 31])).toEqual([
      '1:7+NaN',
      '3:7-NaN',
      '4:7+NaN',
      '5:7-NaN',
      '6:7+NaN'
    ])
    // Codes outside 0..31 and fractions are in no mask.
    expect(run({ conditions: [within(7, [0, 1, 31])] }, [32, 33, -1, 1.5])).toEqual([])
  })

  it('keeps several conditions of one series apart', () => {
    const spec = { conditions: [below(0, -17, -16), below(1, -20, -19), above(2, -3, -4)] }
    expect(run(spec, [-10, -18, -21, -19.5, -19, -15, 0, -5])).toEqual([
      '1:0+-17',
      '2:1+-20',
      '4:1--19',
      '5:0--16',
      '6:2+-3',
      '7:2--4'
    ])
  })

  it('does not evaluate an older sample, and counts a doubled one once', () => {
    const builder = createProgramTable(8)
    const { table } = builder
    const state = states()
    assignProgram(table, state, 0, builder.addProgram({ conditions: [below(0, 10, 10, { raiseCount: 2 })] }))
    const flips: number[] = []
    const feed = (value: number, timeMs: number): boolean =>
      evaluateSample(table, state, 0, value, timeMs, condition => flips.push(condition))
    expect(feed(9, 5000)).toBe(true)
    expect(feed(9, 4000)).toBe(false)
    expect(feed(9, 5000)).toBe(true)
    expect(flips).toEqual([])
    expect(state.lastTimeMs[0]).toBe(5000)
    expect(feed(9, 6000)).toBe(true)
    expect(flips).toEqual([0])
  })

  it('flips within one event time when one sample is enough', () => {
    expect(run({ conditions: [within(1, [2])] }, [1, 2, 1], 0)).toEqual(['1:1+NaN', '2:1-NaN'])
  })

  it('takes NaN for no news', () => {
    expect(run({ conditions: [below(0, 10, 12), within(1, [0])] }, [NaN, 9, NaN, 12])).toEqual([
      '1:0+10',
      '3:0-12'
    ])
  })

  it('clears what was restored as raised', () => {
    const builder = createProgramTable(8)
    const { table } = builder
    const state = states()
    const program = builder.addProgram({ conditions: [below(5, 10, 12), above(6, 90, 80)] })
    assignProgram(table, state, 2, program, new Set([6]))
    expect(conditionRaised(table, state, 2, 6)).toBe(true)
    expect(conditionRaised(table, state, 2, 5)).toBe(false)
    const flips: string[] = []
    evaluateSample(table, state, 2, 50, 1, (condition, on) => flips.push(`${condition}${on ? '+' : '-'}`))
    expect(flips).toEqual(['6-'])
    expect(state.busy[2]).toBe(0)
    expect(conditionRaised(table, state, 3, 6)).toBe(false)
  })
})

describe('createProgramTable', () => {
  it('stores an identical program once and shows it through shared memory', () => {
    const memory = createProgramMemory(4)
    const builder = createProgramTable(memory)
    const first = builder.addProgram({ conditions: [below(1, 10, 12)] })
    expect(builder.addProgram({ conditions: [below(1, 10, 12)] })).toBe(first)
    expect(builder.addProgram({ conditions: [below(2, 10, 12)] })).not.toBe(first)
    expect(builder.addProgram({ conditions: [] })).toBe(0)
    expect(builder.size()).toBe(3)
    const view = programTableOver(memory)
    expect(view.quietLo[first]).toBe(10)
    expect(view.quietHi[first]).toBe(Infinity)
    expect(view.quietMask[first]).toBe(0xffffffff)
    expect(view.header[1]).toBe(builder.version())
  })

  it('refuses what is not sound, and says what to do when it is full', () => {
    const builder = createProgramTable(2)
    expect(() => builder.addProgram({ conditions: [below(1, 10, 9)] })).toThrow(/wrong side/)
    expect(() => builder.addProgram({ conditions: [above(1, 10, 11)] })).toThrow(/wrong side/)
    expect(() => builder.addProgram({ conditions: [below(1, 10, 11, { raiseCount: 128 })] })).toThrow(
      /1\.\.127/
    )
    expect(() => builder.addProgram({ conditions: [below(1, NaN, 11)] })).toThrow(/not a number/)
    const nine = Array.from({ length: 9 }, (_, i) => below(i, 1, 2))
    expect(() => builder.addProgram({ conditions: nine })).toThrow(/narrow the selectors/)
    builder.addProgram({ conditions: [below(1, 1, 2)] })
    expect(() => builder.addProgram({ conditions: [below(1, 2, 2)] })).toThrow(/raise the capacity/)
    builder.clearPrograms()
    expect(builder.addProgram({ conditions: [below(1, 2, 2)] })).toBe(1)
    expect(() => createProgramTable(0)).toThrow(/capacity/)
  })
})

describe('counts under way', () => {
  const spec = { conditions: [below(7, 10, 12, { raiseCount: 3, clearCount: 2 })] }
  const judged = (values: readonly number[], raised?: ReadonlySet<number>) => {
    const builder = createProgramTable(8)
    const { table } = builder
    const state = states()
    assignProgram(table, state, 1, builder.addProgram(spec), raised)
    values.forEach((value, i) => evaluateSample(table, state, 1, value, 1000 * (i + 1), () => undefined))
    return { builder, table, state }
  }

  it('go on where they were under another program with the same condition', () => {
    const { builder, table, state } = judged([5, 5])
    const counts = countsUnderWay(table, state, 1)
    expect(counts).toEqual([{ condition: 7, isRaised: false, samples: 2 }])
    assignProgram(table, state, 1, builder.addProgram({ conditions: [above(8, 90, 80), ...spec.conditions] }))
    for (const count of counts) resumeCount(table, state, 1, count)
    const flips: string[] = []
    evaluateSample(table, state, 1, 5, 9000, (condition, on) => flips.push(`${condition}${on ? '+' : '-'}`))
    expect(flips).toEqual(['7+'])
  })

  it('are not taken over by a condition that has turned since, or that asks for fewer samples', () => {
    const { builder, table, state } = judged([5, 5])
    const [count] = countsUnderWay(table, state, 1)
    assignProgram(table, state, 1, state.program[1]!, new Set([7]))
    resumeCount(table, state, 1, count!)
    expect(countsUnderWay(table, state, 1)).toEqual([])
    assignProgram(table, state, 1, builder.addProgram({ conditions: [below(7, 10, 12)] }))
    resumeCount(table, state, 1, count!)
    expect(countsUnderWay(table, state, 1)).toEqual([])
  })

  it('depend on nothing but what the condition is and the samples since it was last contradicted', () => {
    // The same stretch judged from either beginning, brought in line with what is known at its end.
    for (const [values, isOn] of [
      [[5, 5, 5, 11, 15], true],
      [[15, 15, 11, 5, 5], false],
      [[5, 15, 15, 5], false],
      [[5, 5, 5, 15, 5, 15], true]
    ] as const) {
      const ends = [undefined, new Set([7])].map(raised => {
        const { table, state } = judged(values, raised)
        alignConditions(table, state, 1, isOn ? new Set([7]) : undefined, true)
        return countsUnderWay(table, state, 1)
      })
      expect(ends[0], values.join()).toEqual(ends[1])
    }
  })

  it('begin anew where a stretch was not judged to its end', () => {
    const { table, state } = judged([5, 5])
    alignConditions(table, state, 1, undefined, false)
    expect(countsUnderWay(table, state, 1)).toEqual([])
    expect(state.busy[1]).toBe(0)
  })
})
