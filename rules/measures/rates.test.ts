import { describe, expect, it } from 'vitest'
import { signalIds } from '../../schemas/signals.ts'
import { assignProgram, evaluateSample } from '../judge.ts'
import { createProgramTable, type ConditionSpec, type ProgramSpec } from '../program.ts'
import { measuresOf, unitOf, type Measure } from './measure.ts'
import { knownRate, keptSamples, setBeside } from './rates.ts'
import { seriesStateBytes, seriesStateOver } from '../series-state.ts'

const errors = 0
const frames = 1
const octets = 2
const speed = 3
const uptime = 4

const above = (measure: Measure, limit: number, raiseCount = 1): ConditionSpec => ({
  condition: 7,
  op: 'above',
  measure,
  raiseLimit: limit,
  clearLimit: limit,
  raiseCount,
  clearCount: 1,
  mask: 0
})

/** A port whose series are judged by these programs; tells flips as `time:condition` with the rate. */
function port(programs: Readonly<Record<number, ProgramSpec>>) {
  const builder = createProgramTable(16)
  const state = seriesStateOver(new ArrayBuffer(seriesStateBytes(8)), 8)
  for (const [series, spec] of Object.entries(programs))
    assignProgram(builder.table, state, Number(series), builder.addProgram(spec))
  const { slotOf } = state.rates
  for (const [rated, by] of [
    [errors, frames],
    [octets, speed]
  ] as const)
    if (slotOf[rated] !== 0 && slotOf[by] !== 0) setBeside(state.rates, rated, by)
  const flips: string[] = []
  return {
    state,
    table: builder.table,
    flips,
    tell: (series: number, timeS: number, value: number): boolean =>
      evaluateSample(builder.table, state, series, value, timeS * 1000, (condition, on, limit, measured) =>
        flips.push(`${timeS}:${condition}${on ? '+' : '-'} ${measured}/${limit}`)
      )
  }
}

const byNumber = (limit = 2, count = 1) =>
  port({ [errors]: { conditions: [above('per_second', limit, count)], keeps: 'counter' } })

describe('growth a second', () => {
  it('is that between two samples, and is what the flip tells', () => {
    const { tell, flips } = byNumber()
    tell(errors, 60, 1000)
    tell(errors, 120, 1120)
    tell(errors, 180, 1300)
    tell(errors, 240, 1300)
    expect(flips).toEqual(['180:7+ 3/2', '240:7- 0/2'])
  })

  it('is not known at the first sample, nor where the counter fell', () => {
    const { tell, flips } = byNumber()
    tell(errors, 60, 1e9)
    tell(errors, 120, 5)
    // From there it counts again.
    tell(errors, 180, 605)
    expect(flips).toEqual(['180:7+ 10/2'])
  })

  it('is not told by a sample that came twice, late, or at once behind another', () => {
    const { tell, flips } = byNumber(2, 2)
    tell(errors, 60, 0)
    tell(errors, 120, 600)
    tell(errors, 120, 600)
    expect(tell(errors, 90, 100)).toBe(false)
    tell(errors, 120.5, 603)
    expect(flips).toEqual([])
    // The base is still that of 120 s: 603 in a minute.
    tell(errors, 180, 1203)
    expect(flips).toEqual(['180:7+ 10.05/2'])
  })

  it('is none over more than an hour', () => {
    const { tell, flips } = byNumber()
    tell(errors, 60, 0)
    tell(errors, 3661, 1e9)
    expect(flips).toEqual([])
    tell(errors, 3721, 1e9 + 600)
    expect(flips).toEqual(['3721:7+ 10/2'])
  })

  it('neither counts nor breaks a count where it is not known', () => {
    const { tell, flips } = byNumber(2, 2)
    tell(errors, 60, 0)
    tell(errors, 120, 600)
    tell(errors, 180, 0)
    tell(errors, 240, 600)
    expect(flips).toEqual(['240:7+ 10/2'])
  })
})

describe('a start of the device', () => {
  const started = () =>
    port({
      [errors]: { conditions: [above('per_second', 2)], keeps: 'counter' },
      [uptime]: { conditions: [], keeps: 'uptime' }
    })

  it('is seen by an uptime that falls: what was counted before it is no base', () => {
    const { tell, flips } = started()
    tell(uptime, 60, 5e6)
    tell(errors, 60, 10)
    tell(uptime, 120, 20)
    tell(errors, 120, 4000)
    expect(flips).toEqual([])
    tell(uptime, 180, 80)
    tell(errors, 180, 4600)
    expect(flips).toEqual(['180:7+ 10/2'])
  })

  it('is seen by one that is far behind, too, and not by clocks that drift', () => {
    const { tell, flips } = started()
    tell(uptime, 60, 100)
    tell(errors, 60, 10)
    // Up for 200 s, where 3,500 s have passed.
    tell(uptime, 3560, 300)
    tell(errors, 3560, 1e6)
    expect(flips).toEqual([])
    tell(uptime, 3620, 358)
    tell(errors, 3620, 1e6 + 600)
    expect(flips).toEqual(['3620:7+ 10/2'])
  })
})

describe('utilisation', () => {
  const used = () =>
    port({
      [octets]: { conditions: [above('utilisation', 90)], keeps: 'counter' },
      [speed]: { conditions: [], keeps: 'value' }
    })

  it('is of the speed that the port has now', () => {
    const { tell, flips } = used()
    tell(speed, 0.001, 1000)
    tell(octets, 0.001, 0)
    tell(octets, 60.001, 712_500_000)
    expect(flips).toEqual([])
    tell(speed, 70, 100)
    tell(octets, 120.001, 712_500_000 * 2)
    expect(flips).toEqual(['120.001:7+ 95/90'])
  })

  it('raises at the speed that was told, and not without one', () => {
    const { tell, flips, state } = used()
    tell(octets, 60, 0)
    tell(octets, 120, 712_500_000)
    expect(flips).toEqual([])
    tell(speed, 120, 100)
    tell(octets, 180, 712_500_000 * 2)
    expect(flips).toEqual(['180:7+ 95/90'])
    expect(knownRate(state.rates, octets, 'utilisation')).toEqual({
      value: 95,
      perSecond: 11_875_000,
      beside: 100
    })
  })

  it('beyond twice the speed is a counter that has jumped', () => {
    const { tell, flips } = used()
    tell(speed, 60, 100)
    tell(octets, 60, 0)
    tell(octets, 120, 1_600_000_000)
    expect(flips).toEqual([])
    tell(octets, 180, 1_600_000_000 + 1_400_000_000)
    expect(flips).toHaveLength(1)
  })
})

describe('share', () => {
  const shared = () =>
    port({
      [errors]: { conditions: [above('share', 1)], keeps: 'counter' },
      [frames]: { conditions: [], keeps: 'counter' }
    })

  it('is of frames and errors together, of the same interval', () => {
    const { tell, flips } = shared()
    for (const [time, good, bad] of [
      [60, 0, 0],
      [120, 9800, 200]
    ] as const) {
      tell(frames, time, good)
      tell(errors, time, bad)
    }
    expect(flips).toEqual(['120:7+ 2/1'])
  })

  it('is of the frames of the interval before where they come behind', () => {
    const { tell, flips } = shared()
    for (const [time, good, bad] of [
      [60, 0, 0],
      [120, 9800, 0],
      [180, 9800, 200]
    ] as const) {
      tell(errors, time, bad)
      tell(frames, time, good)
    }
    expect(flips).toEqual(['180:7+ 2/1'])
  })

  it('is not known where frames are not told any more, and 0 where there are no errors', () => {
    const { tell, flips, state } = shared()
    tell(frames, 60, 0)
    tell(errors, 60, 0)
    tell(errors, 120, 200)
    tell(errors, 180, 400)
    expect(flips).toEqual([])
    tell(errors, 240, 400)
    expect(knownRate(state.rates, errors, 'share').value).toBe(0)
  })
})

describe('what rates cost', () => {
  it('nothing of a series that no rule asks: nothing is kept of it', () => {
    const { tell, state, table } = port({ [octets]: { conditions: [] } })
    expect(table.keeps[state.program[octets]!]).toBe(keptSamples.indexOf('nothing'))
    tell(octets, 60, 1000)
    expect([...state.rates.slotOf]).toEqual([0, 0, 0, 0, 0, 0, 0, 0])
    expect(state.rates.numbers.every(number => number === 0)).toBe(true)
  })
})

describe('the rates there are', () => {
  it('are those of counters, each with its unit', () => {
    const id = (name: string): number => signalIds.get(name)!
    expect(measuresOf(id('if.in_octets'))).toEqual(['per_second', 'utilisation'])
    expect(measuresOf(id('if.in_errors'))).toEqual(['per_second', 'share'])
    expect(measuresOf(id('if.in_unicast'))).toEqual(['per_second'])
    expect(measuresOf(id('if.speed_mbps'))).toEqual([])
    expect(unitOf(id('if.in_octets'), 'per_second')).toBe('B/s')
    expect(unitOf(id('if.in_errors'), 'per_second')).toBe('1/s')
    expect(unitOf(id('if.in_errors'), 'share')).toBe('%')
    expect(unitOf(id('optics.rx_dbm'), 'value')).toBe('dBm')
  })
})
