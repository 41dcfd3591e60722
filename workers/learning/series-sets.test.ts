import { describe, expect, it } from 'vitest'
import { createDecoder } from '../../schemas/records/decode.ts'
import type { EvaluationResult } from '../../schemas/evaluation.ts'
import { newEntities } from '../../schemas/findings.ts'
import { readProfileFiles, shippedProfiles } from '../../schemas/records/profile-files.ts'
import { compileProfiles } from '../../schemas/records/profile.ts'
import { signals } from '../../schemas/signals.ts'
import { rowsOfBlock } from '../../test/support/blocks.ts'
import { assignProgram } from '../../rules/judge.ts'
import { createProgramTable } from '../../rules/program.ts'
import { createEvaluator } from '../evaluate.ts'
import { createSeriesSets } from './series-sets.ts'
import { seriesId, seriesIdHex } from './series-id.ts'
import { createSharedMemory, openSharedState } from '../memory/shared-state.ts'
import { rangeOf } from '../../bench/support/records.ts'

const profiles = compileProfiles(await readProfileFiles([shippedProfiles]))
const policy = { futureMsMax: 60_000, pastMsMax: 1e12, depthMax: 16, valueBytesMax: 20_000 }
const nowMs = 1_700_000_600_000
let time = 1_700_000_000

/** A record of one port with these fields, later than those before. */
const port = (device: string, fields: Readonly<Record<string, number>>): string =>
  JSON.stringify({
    fields,
    name: 'interface',
    tags: { agent_host: device, host: 'col1', ifDescr: 'Port 1', ifIndex: '1', sysName: 'x' },
    timestamp: time++
  })

function setUp(seriesMax = 1000) {
  const memory = createSharedMemory({ seriesMax, devicesMax: 100, keyBytesMax: 100_000, programsMax: 8 })
  const shared = openSharedState(memory)
  const programs = createProgramTable(memory.kernel.programs)
  const program = programs.addProgram({ conditions: [] })
  let offset = 0
  const worker = () => {
    const evaluator = createEvaluator({
      measurements: profiles.measurements,
      decoder: createDecoder(profiles, policy),
      scanning: { profiles, policy },
      shared: openSharedState(memory),
      limits: { verifyCrc: true, decompressedBytesMax: 1 << 24, deadLetterBytesMax: 8 }
    })
    return (...values: string[]) => {
      const firstOffset = offset
      offset += values.length
      const result = evaluator.evaluate({ ranges: [rangeOf(values, { firstOffset })], nowMs })
      for (const { series } of newEntities(result.newSeries))
        for (const at of series) assignProgram(programs.table, shared.series, at, program)
      return result
    }
  }
  return { shared, worker }
}

const met = (result: EvaluationResult): string[] =>
  [...newEntities(result.newSeries)].flatMap(entity =>
    entity.series.map((series, i) => `${series} ${signals[entity.signals[i]!]!.name}`)
  )

const idsOf = ({ block }: EvaluationResult): string[] => rowsOfBlock(block).map(row => row.id)

describe('series of an entity', () => {
  it('are made only for what its record carries, side by side', () => {
    const { shared, worker } = setUp()
    const run = worker()
    expect(met(run(port('10.0.0.1', { ifOperStatus: 1, ifHCInOctets: 5, ifInErrors: 0 })))).toEqual([
      '0 if.oper_status',
      '1 if.in_octets',
      '2 if.in_errors'
    ])
    expect(met(run(port('10.0.0.2', { ifOperStatus: 1 })))).toEqual(['3 if.oper_status'])
    expect(shared.seriesCount()).toBe(4)
  })

  it('are added for what later records bring, keep their indexes, and stay on the short way', () => {
    const { shared, worker } = setUp()
    const run = worker()
    run(port('10.0.0.1', { ifOperStatus: 1 }), port('10.0.0.2', { ifOperStatus: 1 }))
    const more = { ifOperStatus: 2, ifHCInOctets: 5, ifInErrors: 0 }
    expect(met(run(port('10.0.0.1', more)))).toEqual(['2 if.in_octets', '3 if.in_errors'])
    const again = run(port('10.0.0.1', { ...more, ifInErrors: 1 }))
    expect(again.counts).toMatchObject({ samples: 3, scanned: 1 })
    expect([...idsOf(again)].sort()).toEqual(
      ['if.in_octets', 'if.in_errors', 'if.oper_status']
        .map(signal => seriesIdHex(seriesId('10.0.0.1', signal, '1')))
        .sort()
    )
    // The third time everything that is left comes at once, so that there are three runs at most.
    const last = run(port('10.0.0.1', { ifAdminStatus: 1 }))
    expect(met(last)).toEqual(['4 if.admin_status'])
    const measurement = createSeriesSets(profiles.measurements, shared).measurements.find(
      ({ info }) => info.profile === 'if-mib' && info.name === 'interface'
    )!
    expect(shared.seriesCount()).toBe(1 + measurement.signals.length)
    const rest = run(port('10.0.0.1', { ifInDiscards: 3, ifOperStatus: 1 }))
    expect(met(rest)).toHaveLength(1)
    expect(Number.parseInt(met(rest)[0]!, 10)).toBeGreaterThan(4)
    expect(shared.seriesCount()).toBe(1 + measurement.signals.length)
  })

  it('are the same for every worker, whichever of them made them', () => {
    const { shared, worker } = setUp()
    const [one, other] = [worker(), worker()]
    one(port('10.0.0.1', { ifOperStatus: 1 }))
    other(port('10.0.0.1', { ifOperStatus: 1, ifInErrors: 0 }))
    const known = one(port('10.0.0.1', { ifInErrors: 1, ifOperStatus: 1 }))
    expect([met(known), known.counts['scanned']]).toEqual([[], 1])
    expect(shared.seriesCount()).toBe(2)
  })

  it('may be for signals without a reading when there are no others', () => {
    const { shared, worker } = setUp()
    const run = worker()
    const result = run(port('10.0.0.1', { ifOperStatus: 99 }))
    expect([result.counts['samples'], shared.seriesCount()]).toEqual([undefined, 1])
    expect(met(run(port('10.0.0.1', { ifOperStatus: 1 })))).toEqual(['0 if.oper_status'])
  })

  it('are missing for what is beyond the limit; the rest of the record is judged', () => {
    const { worker } = setUp(2)
    const run = worker()
    run(port('10.0.0.1', { ifOperStatus: 1 }))
    const result = run(port('10.0.0.1', { ifOperStatus: 1, ifInErrors: 0, ifHCInOctets: 5 }))
    expect(result.counts).toMatchObject({ samples: 3, seriesOverflow: 2 })
    expect([...new Set(idsOf(result))]).toHaveLength(3)
  })
})

describe('sets of signals', () => {
  it('are numbered for all workers, and not confused with one another', () => {
    const shared = openSharedState(
      createSharedMemory({ seriesMax: 1000, devicesMax: 100, keyBytesMax: 100_000, programsMax: 8 })
    )
    const [one, other] = [
      createSeriesSets(profiles.measurements, shared),
      createSeriesSets(profiles.measurements, shared)
    ]
    const numbers = new Set<number>()
    let count = 0
    for (const measurement of one.measurements) {
      for (let position = 0; position < measurement.signals.length; position++) {
        // Every slot of the signal: they share one series.
        const slots = [...measurement.positionOfSlot.keys()].filter(
          slot => measurement.positionOfSlot[slot] === position
        )
        const made = one.setOf(measurement, slots)
        count++
        numbers.add(made.number)
        const seen = other.set(made.number)!
        expect([seen.signals, seen.measurement.index]).toEqual([
          [measurement.signals[position]],
          measurement.index
        ])
        expect(seen.seriesOfSlot).toEqual(
          measurement.positionOfSlot.map(other => (other === position ? 0 : -1))
        )
      }
      expect(other.set(measurement.number)?.signals).toEqual(measurement.signals)
      numbers.add(measurement.number)
    }
    // A measurement of one signal has no smaller set than the whole.
    const single = one.measurements.filter(({ signals }) => signals.length === 1).length
    expect(numbers.size).toBe(count + one.measurements.length - single)
  })

  it('are the whole measurement where there are too many of them', () => {
    const shared = openSharedState(
      createSharedMemory({ seriesMax: 1000, devicesMax: 100, keyBytesMax: 100_000, programsMax: 8 })
    )
    const seriesSets = createSeriesSets(profiles.measurements, shared)
    const measurement = seriesSets.measurements.find(({ signals }) => signals.length > 2)!
    while (shared.takePartSet() >= 0);
    expect(seriesSets.setOf(measurement, [1])).toBe(seriesSets.set(measurement.number))
    // Profiles can still be reloaded.
    expect(shared.takeWholeSet()).toBeGreaterThan(0)
  })
})
