import { describe, expect, it } from 'vitest'
import { assignProgram } from '../rules/judge.ts'
import { createProgramTable } from '../rules/program.ts'
import { unassigned } from '../rules/series-state.ts'
import type { Decoded } from '../schemas/records/decoded.ts'
import type { Candidate, EvaluationResult, EvaluationTask, TaskRange } from '../schemas/evaluation.ts'
import { eachCandidate, newEntities, noCandidates, noNewSeries } from '../schemas/findings.ts'
import { signalIds } from '../schemas/signals.ts'
import { rowsOfBlock } from '../test/support/blocks.ts'
import type { EvaluatedMeasurement } from '../schemas/records/decoded.ts'
import { createEvaluator, type EvaluatorOptions } from './evaluate.ts'
import { renamedMax } from './learning/entities.ts'
import { seriesId, seriesIdHex } from './learning/series-id.ts'
import { createSharedMemory, openSharedState } from './memory/shared-state.ts'
import { rangeOf } from '../bench/support/records.ts'

const oper = signalIds.get('if.oper_status')!
const rx = signalIds.get('optics.rx_dbm')!
const measurements: EvaluatedMeasurement[] = [
  {
    profile: 'p',
    name: 'm',
    format: 'telegraf',
    slots: [
      { field: 'oper', signal: oper },
      { field: 'rx', signal: rx }
    ]
  }
]

/** A decoder of `device instance[=name|name] timeS oper rx`, where - is missing, ? is no reading, and ~ before the time says it was ahead. */
const decoder: EvaluatorOptions['decoder'] = {
  decode(value): Decoded {
    const text = new TextDecoder().decode(value)
    if (text.startsWith('bad')) return { ok: false, reason: 'not_json', detail: text }
    if (text.startsWith('unmapped')) return { ok: true, groups: [], unmapped: 1 }
    const [device, port, timeS, ...fields] = text.split(' ') as [string, string, string, ...string[]]
    const [instance, name] = port.split('=') as [string, string?]
    const present = fields.flatMap((f, i) => (f === '-' || f === '?' ? [] : [i]))
    return {
      ok: true,
      unmapped: 0,
      groups: [
        {
          measurement: 0,
          identifiers: [device, `${device}.alias`],
          collector: 'col1',
          instance,
          names: name?.split('|') ?? [],
          timeMs: Number(timeS.replace('~', '')) * 1000,
          slots: present,
          values: present.map(i => Number(fields[i])),
          noReadings: fields.flatMap((f, i) => (f === '?' ? [i] : [])),
          clamped: timeS.startsWith('~')
        }
      ]
    }
  }
}

function setUp(limits = { seriesMax: 1000, devicesMax: 100, keyBytesMax: 100_000, programsMax: 16 }) {
  const memory = createSharedMemory(limits)
  const shared = openSharedState(memory)
  const programs = createProgramTable(memory.kernel.programs)
  const evaluator = createEvaluator({
    measurements,
    decoder,
    shared,
    limits: { verifyCrc: true, decompressedBytesMax: 1 << 24, deadLetterBytesMax: 8 }
  })
  return { memory, shared, programs, evaluator }
}

const task = (...ranges: TaskRange[]): EvaluationTask => ({ ranges, nowMs: 5_000_000 })

function candidatesOf(result: EvaluationResult): Candidate[] {
  const found: Candidate[] = []
  eachCandidate(result, candidate => found.push({ ...candidate }))
  return found
}

const idOf = (device: string, signal: string, instance: string) =>
  seriesIdHex(seriesId(device, signal, instance))

describe('the evaluator', () => {
  it('writes every reading as a row with its coordinates', () => {
    const { evaluator } = setUp()
    const far = 4_294_967_296 * 3
    const result = evaluator.evaluate(
      task(rangeOf(['a 1 1700000000 1 -7.5', 'b 2 1700000001 - -8'], { firstOffset: far }))
    )
    expect(rowsOfBlock(result.block)).toEqual([
      { id: idOf('a', 'if.oper_status', '1'), timeMs: 1_700_000_000_000, value: 1, offset: far },
      { id: idOf('a', 'optics.rx_dbm', '1'), timeMs: 1_700_000_000_000, value: -7.5, offset: far },
      { id: idOf('b', 'optics.rx_dbm', '2'), timeMs: 1_700_000_001_000, value: -8, offset: far + 1 }
    ])
    expect(result.ranges).toEqual([
      {
        topic: 'telemetry',
        partition: 0,
        firstOffset: far,
        lastOffset: far + 1,
        records: 2,
        rowStart: 0,
        rowEnd: 3
      }
    ])
    expect(result.counts).toMatchObject({ records: 2, samples: 3, 'format.telegraf': 2 })
  })

  describe('of ports with names', () => {
    const seriesOf = (result: EvaluationResult): number[] => candidatesOf(result).map(({ series }) => series)
    const namesOf = (
      result: EvaluationResult
    ): [string, readonly string[] | undefined, readonly number[]][] =>
      [...newEntities(result.newSeries)].map(({ instance, names, series }) => [instance, names, series])

    it('keeps a number that comes with another name apart, and stores both alike', () => {
      const { evaluator, shared } = setUp()
      const first = evaluator.evaluate(
        task(rangeOf(['a 1=p 100 1 -', 'a 1=q 101 1 -5', 'a 1 102 1 -', 'a 1=p 103 1 -']))
      )
      expect(namesOf(first)).toEqual([
        ['1', ['p'], [0]],
        ['1', ['q'], [1, 2]]
      ])
      // Who says no name is of the number's first port, and so is that port when it has its number again.
      expect(seriesOf(first)).toEqual([0, 1, 2, 0, 0])
      const ids = rowsOfBlock(first.block).map(({ id }) => id)
      expect(ids).toEqual([ids[0], ids[0], seriesIdHex(seriesId('a', 'optics.rx_dbm', '1')), ids[0], ids[0]])
      expect(shared.seriesCount()).toBe(3)
      // What comes later of each is of its own.
      const more = evaluator.evaluate(
        task(rangeOf(['a 1=p 104 - -6', 'a 1=q 105 1 -6', 'a 1=p 106 1 -7'], { firstOffset: 4 }))
      )
      expect(seriesOf(more)).toEqual([3, 1, 2, 0, 3])
    })

    it('goes by the first name: a further one may change with the firmware', () => {
      const { evaluator } = setUp()
      const told = task(rangeOf(['a 1=p|R4-Port-1 100 1 -', 'a 1=p|R5-Port-1 101 1 -']))
      expect(seriesOf(evaluator.evaluate(told))).toEqual([0, 0])
    })

    it('gives a number that was told without names to the first name that comes', () => {
      const { evaluator } = setUp()
      expect(
        seriesOf(evaluator.evaluate(task(rangeOf(['a 1 100 1 -', 'a 1=p 101 1 -', 'a 1=q 102 1 -']))))
      ).toEqual([0, 0, 1])
    })

    it('makes no more than so many of a device whose names never stay', () => {
      const { evaluator, shared } = setUp({
        seriesMax: 20_000,
        devicesMax: 100,
        keyBytesMax: 2_000_000,
        programsMax: 16
      })
      const records = Array.from({ length: renamedMax + 100 }, (_, i) => `a 1=p${i} ${100 + i} 1 -`)
      const { counts } = evaluator.evaluate(task(rangeOf(records)))
      expect(shared.seriesCount()).toBe(renamedMax + 1)
      expect(counts['namesOverflow']).toBe(99)
    })
  })

  it('describes a new series once a task and hands over each of its samples until it is assigned', () => {
    const { evaluator, shared, programs } = setUp()
    const range = rangeOf(['a 1 100 1 -', 'a 1 101 2 -'])
    const first = evaluator.evaluate(task(range))
    expect(first.newSeries.count).toBe(1)
    expect([...newEntities(first.newSeries)]).toEqual([
      {
        series: [0],
        signals: [oper],
        identifiers: ['a', 'a.alias'],
        collector: 'col1',
        instance: '1',
        names: [],
        profile: 'p',
        device: 0
      }
    ])
    expect(first.candidates.count).toBe(2)
    expect(candidatesOf(first).map(c => [c.series, c.value, c.timeMs, c.offset, c.condition])).toEqual([
      [0, 1, 100_000, 0, unassigned],
      [0, 2, 101_000, 1, unassigned]
    ])
    expect(evaluator.evaluate(task(range)).newSeries.count).toBe(1)
    assignProgram(programs.table, shared.series, 0, 0)
    const quiet = evaluator.evaluate(task(range))
    expect([quiet.newSeries, quiet.candidates]).toEqual([noNewSeries, noCandidates])
  })

  it('takes samples of a clock that is ahead in the order they came, each with a time of its own, and goes on', () => {
    const { evaluator, shared, programs } = setUp()
    evaluator.evaluate(task(rangeOf(['a 1 4000 1 -', 'b 1 4000 1 -'])))
    const down = {
      condition: 4,
      op: 'in',
      raiseLimit: NaN,
      clearLimit: NaN,
      mask: 1 << 2,
      raiseCount: 1,
      clearCount: 1
    } as const
    const program = programs.addProgram({ conditions: [down] })
    for (const series of [0, 1]) assignProgram(programs.table, shared.series, series, program)
    // A thousand at one moment of Kafka's clock, between them one that says down.
    const ahead = Array.from({ length: 1000 }, (_, i) => `a 1 ~4100 ${i === 500 ? 2 : 1} -`)
    const first = evaluator.evaluate(
      task(rangeOf([...ahead.slice(0, 400), 'b 1 4100 1 -', ...ahead.slice(400)]))
    )
    const times = rowsOfBlock(first.block)
      .filter(row => row.id === idOf('a', 'if.oper_status', '1'))
      .map(row => row.timeMs)
    expect(times[0]).toBe(4_100_000)
    expect(new Set(times).size).toBe(1000)
    expect([...times].sort((a, b) => a - b)).toEqual(times)
    expect(first.counts['clamped']).toBe(1000)
    expect(candidatesOf(first).map(c => [c.offset, c.on])).toEqual([
      [501, true],
      [502, false]
    ])
    // Nor do they make the light deaf to what comes next by a right clock, or by the wrong one at the same moment.
    const next = evaluator.evaluate(task(rangeOf(['a 1 ~4100 2 -', 'a 1 4102 1 -'])))
    expect(candidatesOf(next).map(c => [c.timeMs, c.on])).toEqual([
      [4_101_000, true],
      [4_102_000, false]
    ])
  })

  it('hands over only the samples that flip a condition, across ranges of several partitions', () => {
    const { evaluator, shared, programs } = setUp()
    evaluator.evaluate(task(rangeOf(['a 1 1 1 -5', 'b 1 1 1 -5'])))
    const down = {
      condition: 4,
      op: 'in',
      raiseLimit: 0,
      clearLimit: 0,
      raiseCount: 1,
      clearCount: 1,
      mask: 4
    } as const
    const dark = {
      condition: 9,
      op: 'below',
      raiseLimit: -20,
      clearLimit: -19,
      raiseCount: 2,
      clearCount: 1,
      mask: 0
    } as const
    const onPort = programs.addProgram({ conditions: [down] })
    const onOptics = programs.addProgram({ conditions: [dark] })
    for (const series of [0, 2]) assignProgram(programs.table, shared.series, series, onPort)
    for (const series of [1, 3]) assignProgram(programs.table, shared.series, series, onOptics)
    const result = evaluator.evaluate(
      task(
        rangeOf(['a 1 10 1 -21', 'a 1 11 2 -22', 'a 1 12 1 -5'], { partition: 3, firstOffset: 50 }),
        rangeOf(['b 1 10 2 -5'], { partition: 4, firstOffset: 7 })
      )
    )
    expect(
      candidatesOf(result).map(
        c => `${c.partition}/${c.offset} ${c.series} ${c.condition}${c.on ? '+' : '-'} ${c.value}`
      )
    ).toEqual(['3/51 0 4+ 2', '3/51 1 9+ -22', '3/52 0 4- 1', '3/52 1 9- -5', '4/7 2 4+ 2'])
    expect(result.ranges.map(r => [r.partition, r.rowStart, r.rowEnd])).toEqual([
      [3, 0, 6],
      [4, 6, 8]
    ])
  })

  it('notes when a device was seen, also by a record without a reading', () => {
    const { evaluator, shared } = setUp()
    const result = evaluator.evaluate(task(rangeOf(['a 1 50 1 -', 'a 1 40 ? ?'])))
    expect(shared.deviceCount()).toBe(1)
    expect(shared.devices.lastSeenMs[0]).toBe(5_000_000)
    expect(result.counts).toMatchObject({ 'noReading.p.oper': 1, 'noReading.p.rx': 1, samples: 1 })
  })

  it('rejects what cannot be used, cut at the limit, and counts the rest', () => {
    const { evaluator } = setUp()
    const result = evaluator.evaluate(task(rangeOf(['bad input here', '', null, 'unmapped', 'a 1 1 1 -'])))
    expect(result.rejects).toEqual([
      {
        topic: 'telemetry',
        partition: 0,
        offset: 0,
        reason: 'not_json',
        detail: 'bad input here',
        key: new TextEncoder().encode('k'),
        value: new TextEncoder().encode('bad inpu'),
        valueBytes: 14,
        timestampMs: expect.any(Number) as number
      },
      expect.objectContaining({ offset: 1, reason: 'empty', value: new Uint8Array(0) })
    ])
    expect(result.counts).toMatchObject({
      records: 5,
      tombstones: 1,
      unmapped: 1,
      samples: 1,
      'reject.not_json': 1,
      'reject.empty': 1
    })
    expect(result.ranges[0]).toMatchObject({ records: 5, rowStart: 0, rowEnd: 1 })
  })

  it('dead-letters a damaged batch by its offsets and goes on', () => {
    const { evaluator } = setUp()
    const range = rangeOf(['a 1 1 1 -', 'a 1 2 1 -', 'a 1 3 1 -', 'a 1 4 1 -'], { perBatch: 2 })
    range.bytes[70]! ^= 255
    const result = evaluator.evaluate(task(range))
    expect(result.rejects).toHaveLength(1)
    expect(result.rejects[0]).toMatchObject({ reason: 'corrupt_batch', offset: 0 })
    expect(result.rejects[0]!.detail).toContain('offsets 0..1')
    expect(rowsOfBlock(result.block).map(r => r.offset)).toEqual([2, 3])
  })

  it('stores, but does not evaluate, what is beyond the limit of series, and says so', () => {
    const { evaluator } = setUp({ seriesMax: 3, devicesMax: 10, keyBytesMax: 1000, programsMax: 16 })
    const result = evaluator.evaluate(task(rangeOf(['a 1 1 1 -5', 'b 1 1 1 -5', 'a 1 2 1 -5'])))
    expect(rowsOfBlock(result.block).map(r => r.id)).toEqual(
      ['a', 'b', 'a'].flatMap(d => [idOf(d, 'if.oper_status', '1'), idOf(d, 'optics.rx_dbm', '1')])
    )
    expect(result.counts['seriesOverflow']).toBe(2)
    expect([...newEntities(result.newSeries)]).toMatchObject([{ identifiers: ['a', 'a.alias'] }])
    expect(result.newSeries.count).toBe(2)
  })

  it('stores the samples of a device that there is no room for, and takes them for no other device', () => {
    const { evaluator, shared } = setUp({
      seriesMax: 1000,
      devicesMax: 3,
      keyBytesMax: 100_000,
      programsMax: 16
    })
    const many = Array.from({ length: 50 }, (_, i) => `device${i} 1 100 1 -7`)
    for (const firstOffset of [0, 100]) {
      const result = evaluator.evaluate(task(rangeOf(many, { firstOffset })))
      expect(result.block.rows).toBe(100)
      expect(result.counts['seriesOverflow']).toBe((50 - 3) * 2)
      expect([...newEntities(result.newSeries)].map(({ device }) => device)).toEqual([0, 1, 2])
    }
    // Nothing is used up for those that were turned away.
    expect([shared.deviceCount(), shared.seriesCount(), shared.entities.size()]).toEqual([3, 6, 3])
  })

  it('stores the samples of a device whose name finds no more room', () => {
    const { evaluator, shared } = setUp({
      seriesMax: 1000,
      devicesMax: 900,
      keyBytesMax: 400,
      programsMax: 16
    })
    const many = Array.from({ length: 300 }, (_, i) => `${'long'.repeat(60)}${i} 1 100 1 -7`)
    const result = evaluator.evaluate(task(rangeOf(many)))
    expect(result.block.rows).toBe(600)
    expect(result.counts['seriesOverflow']).toBe(600 - shared.seriesCount())
    expect(shared.deviceTable.used()).toBeGreaterThan(0.9)
  })

  it('finds the same series from another evaluator over the same memory', () => {
    const { evaluator, memory } = setUp()
    const other = createEvaluator({
      measurements: [{ ...measurements[0]!, name: 'other' }, measurements[0]!],
      decoder: {
        decode: (value, recordMs, nowMs) => {
          const decoded = decoder.decode(value, recordMs, nowMs)
          return decoded.ok
            ? { ...decoded, groups: decoded.groups.map(g => ({ ...g, measurement: 1 })) }
            : decoded
        }
      },
      shared: openSharedState(memory),
      limits: { verifyCrc: false, decompressedBytesMax: 1 << 24, deadLetterBytesMax: 8 }
    })
    const range = rangeOf(['a 1 1 1 -5', 'b 2 1 1 -5'])
    const one = evaluator.evaluate(task(range))
    const two = other.evaluate(task(range))
    expect(two.newSeries).toEqual(one.newSeries)
    expect(two.block).toEqual(one.block)
  })
})
