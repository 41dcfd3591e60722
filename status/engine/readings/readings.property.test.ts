import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seriesStateBytes, seriesStateOver } from '../../../rules/series-state.ts'
import { createReadingWatch, readingsRoundMs } from './readings.ts'

const ports = 3
const perPort = 5
const capacity = ports * perPort * 64

/** The same ports, whose series lie side by side, or so far apart that each is kept by itself. */
function watched(apart: number) {
  const state = seriesStateOver(new ArrayBuffer(seriesStateBytes(capacity)), capacity)
  const numberOf = (place: number): number => place * apart
  const placeOf = (series: number): number => series / apart
  const portOf = (series: number): number => Math.floor(placeOf(series) / perPort)
  let heardMs = 0
  const watch = createReadingWatch({
    registry: {
      knownOf: () => 0,
      deviceOf: () => 0,
      instanceNumber: portOf,
      signal: series => placeOf(series) % perPort,
      eachOfDevice: (_device, act) => {
        for (let place = 0; place < ports * perPort; place++) act(numberOf(place))
      },
      isSamePlace: (a, b) => portOf(a) === portOf(b)
    },
    state,
    silence: {
      lastSeenMs: () => heardMs,
      heardMs: () => heardMs,
      intervalMs: () => readingsRoundMs,
      expectedFromMs: () => 0
    },
    factor: 3,
    deviceCount: 1
  })
  for (let place = 0; place < ports * perPort; place++) watch.expect(numberOf(place), 'polls', true)
  const places = (series: readonly number[]): number[] => series.map(placeOf).sort((a, b) => a - b)
  return {
    tell(place: number, nowMs: number): void {
      state.lastTimeMs[numberOf(place)] = nowMs
      heardMs = nowMs
    },
    met: (place: number, nowMs: number) => watch.met(numberOf(place), nowMs),
    isGone: (place: number) => watch.isGone(numberOf(place)),
    others: (place: number) => places(watch.othersOf(numberOf(place))),
    sweep(nowMs: number) {
      const { stopped, resumed, established } = watch.sweep(nowMs)
      return { stopped: places(stopped), resumed: places(resumed), established }
    }
  }
}

/** What happens in one round: which series of which port are told, and what is said of one of them besides. */
const round = fc.record({
  told: fc.array(
    fc.record({ port: fc.nat(ports - 1), signals: fc.constantFrom(31, 31, 31, 31, 15, 3, 16, 1) }),
    { maxLength: 3 }
  ),
  met: fc.option(fc.nat(ports * perPort - 1), { freq: 4 }),
  gone: fc.option(fc.nat(ports * perPort - 1), { freq: 20 }),
  times: fc.integer({ min: 1, max: 12 })
})

type Round = typeof round extends fc.Arbitrary<infer T> ? T : never
const quiet = (times: number): Round => ({ told: [], met: null, gone: null, times })
const tells = (port: number, signals: Round['told'][number]['signals'], times: number): Round => ({
  ...quiet(times),
  told: [{ port, signals }]
})
/** A reading came of one that is parted from its group because another of the port is looked at first. */
const partedByAnother: Round[] = [
  quiet(1),
  { ...quiet(1), gone: 0 },
  tells(0, 31, 5),
  quiet(3),
  tells(0, 16, 4),
  quiet(1),
  quiet(1),
  tells(1, 31, 2)
]
/** The readings of a port end one by one, and all have stopped at the same sweep. */
const stoppedOneByOne: Round[] = [
  tells(1, 31, 4),
  tells(1, 3, 1),
  tells(1, 16, 1),
  quiet(2),
  tells(0, 31, 1),
  quiet(1)
]

describe('series that are watched in groups', () => {
  it('stop and come again as each does by itself', () => {
    let stops = 0
    fc.assert(
      fc.property(fc.array(round, { minLength: 3, maxLength: 25 }), rounds => {
        const together = watched(1)
        const alone = watched(64)
        let nowMs = 1_000_000
        for (const { told, met, gone, times } of rounds)
          for (let time = 0; time < times; time++) {
            nowMs += readingsRoundMs
            for (const watch of [together, alone]) {
              for (const { port, signals } of told)
                for (let signal = 0; signal < perPort; signal++)
                  if (((signals >> signal) & 1) === 1) watch.tell(port * perPort + signal, nowMs)
              if (met !== null && time === 0) watch.met(met, nowMs)
            }
            if (gone !== null && time === 0) expect(together.isGone(gone)).toBe(alone.isGone(gone))
            const found = together.sweep(nowMs)
            expect(found).toEqual(alone.sweep(nowMs))
            stops += found.stopped.length
            for (let place = 0; place < ports * perPort; place += perPort + 1)
              expect(together.others(place)).toEqual(alone.others(place))
          }
      }),
      { numRuns: 300, examples: [[partedByAnother], [stoppedOneByOne]] }
    )
    expect(stops).toBeGreaterThan(100)
  })
})
