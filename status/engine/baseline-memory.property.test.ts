import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileRules } from '../../rules/compile.ts'
import { assignProgram, conditionRaised, evaluateSample } from '../../rules/judge.ts'
import { createBaselineRows, type BaselineRows } from '../../rules/measures/baseline-rows.ts'
import { baselineNumbers, baselineParts, forgetBaseline } from '../../rules/measures/baselines.ts'
import { createProgramTable } from '../../rules/program.ts'
import { seriesStateBytes, seriesStateOver } from '../../rules/series-state.ts'
import { signalIds } from '../../schemas/signals.ts'
import { createBaselineMemory } from './baseline-memory.ts'

const text = 'text: { ru: т, en: t }'
const select = 'select: { signal: optics.rx_dbm }, baseline: 6h, learn: 1h'
const rules = compileRules([
  {
    file: 'rules.yaml',
    text: `rules:
  - { name: fallen, kind: optics, severity: warning, ${select}, change: step, below: -2, hysteresis: 0.5, hold: { raise_samples: 3, clear_samples: 2 }, ${text} }
  - { name: drifts, kind: optics, severity: warning, ${select}, change: drift_per_day, below: -2, hold: { raise_samples: 2 }, ${text} }
`
  }
])
const conditions = rules.conditions.map(({ id }) => id)
const seriesCount = 3
const stepped = [-12, -12, -12, -12, -13, -15, -18]

const sample = fc.record({
  series: fc.nat(seriesCount - 1),
  afterMin: fc.constantFrom(0, 1, 5, 5, 15, 40),
  /** So many alike: levels stand for a while. */
  times: fc.integer({ min: 1, max: 12 }),
  dbm: fc.constantFrom(...stepped),
  isLate: fc.boolean()
})

interface Told {
  readonly series: number
  readonly timeMs: number
  readonly dbm: number
}

function daemon() {
  const builder = createProgramTable(2)
  const state = seriesStateOver(new ArrayBuffer(seriesStateBytes(seriesCount)), seriesCount)
  const seriesIds = Uint32Array.from([9, 1, 7, 0, 8, 4_000_000_000])
  const memory = createBaselineMemory({ table: builder.table, state, seriesIds, rules: () => rules })
  const attributes = { vendor: '', model: '', role: '', tier: '', port: '', opticClass: '', tags: [] }
  const program = builder.addProgram(
    rules.programFor({ signal: signalIds.get('optics.rx_dbm')!, ...attributes })
  )
  const met = new Set<number>()
  const flips: string[] = []
  return {
    state,
    memory,
    flips,
    raisedOf: (series: number): ReadonlySet<number> =>
      new Set(conditions.filter(condition => conditionRaised(builder.table, state, series, condition))),
    /** A series that is met for the first time begins with what is known to be on. */
    tell(told: readonly Told[], raisedOf: (series: number) => ReadonlySet<number> | undefined): void {
      for (const { series, timeMs, dbm } of told) {
        if (!met.has(series)) {
          met.add(series)
          assignProgram(builder.table, state, series, program, raisedOf(series))
          memory.met(series)
        }
        evaluateSample(builder.table, state, series, dbm, timeMs, (condition, on, _limit, measured) =>
          flips.push([series, timeMs, condition, on, measured].join())
        )
      }
    },
    forget(): void {
      for (const series of met) {
        state.lastTimeMs[series] = 0
        forgetBaseline(state.baselines, series)
      }
    },
    met,
    known: (of: ReadonlySet<number>) =>
      [...of].sort().map(series => {
        const at = state.baselines.slotOf[series]! * baselineNumbers
        return [
          ...state.baselines.numbers.subarray(at, at + baselineParts),
          ...state.conditions.subarray(series * 8, series * 8 + 8)
        ]
      })
  }
}

/** In the order of their ids, as ClickHouse gives them. */
function stored(rows: BaselineRows): BaselineRows {
  const order = Array.from({ length: rows.count }, (_, row) => row).sort((a, b) =>
    rows.ids[a]! < rows.ids[b]! ? -1 : 1
  )
  const sorted = createBaselineRows(rows.count)
  for (const row of order)
    sorted.add(
      rows.ids[row]!,
      rows.numbers.subarray(row * baselineParts, (row + 1) * baselineParts),
      rows.conditions.get(row) ?? ''
    )
  return sorted
}

describe('a restart', () => {
  it.each(['once', 'after an attempt that was broken off'])(
    'at any moment changes nothing of what is learnt nor of what is told; the log is judged again %s',
    attempts => {
      let flipsBehind = 0
      let isOnAtRestart = 0
      fc.assert(
        fc.property(
          fc.array(sample, { minLength: 20, maxLength: 60, size: 'max' }),
          fc.nat(),
          fc.nat(),
          fc.nat(),
          (samples, a, b, c) => {
            let timeMs = 1_700_000_000_000
            const log = samples.flatMap(({ series, afterMin, times, dbm, isLate }) =>
              Array.from({ length: times }, (): Told => {
                timeMs += afterMin * 60_000
                return { series, dbm, timeMs: isLate ? timeMs - 50_000 : timeMs }
              })
            )
            // The log is judged again from somewhere before what was stored, up to where the daemon ended.
            const [again, storedAt, ended] = [a, b, c].map(n => n % log.length).sort((x, y) => x - y) as [
              number,
              number,
              number
            ]
            const whole = daemon()
            const nothing = (): undefined => undefined
            whole.tell(log.slice(0, storedAt), nothing)
            const rows = stored(whole.memory.snapshot())
            whole.tell(log.slice(storedAt, ended), nothing)
            const raised = [0, 1, 2].map(whole.raisedOf)
            if (raised.some(({ size }) => size > 0)) isOnAtRestart++
            const raisedOf = (series: number): ReadonlySet<number> => raised[series]!
            const before = whole.flips.length
            whole.tell(log.slice(ended), nothing)

            const next = daemon()
            next.memory.recall(rows)
            if (attempts !== 'once') {
              next.memory.begin()
              next.tell(log.slice(again, Math.max(again, ended - 5)), raisedOf)
              next.forget()
              next.memory.end(false, raisedOf)
            }
            next.memory.begin()
            next.tell(log.slice(again, ended), raisedOf)
            next.memory.end(true, raisedOf)
            next.flips.length = 0
            next.tell(log.slice(ended), raisedOf)
            expect(next.flips).toEqual(whole.flips.slice(before))
            flipsBehind += next.flips.length
            // One that has told nothing since is taken up when it does.
            expect(next.known(next.met)).toEqual(whole.known(next.met))
          }
        ),
        { numRuns: 300 }
      )
      expect(flipsBehind).toBeGreaterThan(100)
      expect(isOnAtRestart).toBeGreaterThan(30)
    }
  )
})
