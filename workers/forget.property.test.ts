import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assignProgram } from '../rules/judge.ts'
import { createProgramTable } from '../rules/program.ts'
import type { EvaluationResult } from '../schemas/evaluation.ts'
import { newEntities } from '../schemas/findings.ts'
import { createDecoder } from '../schemas/records/decode.ts'
import { readProfileFiles, shippedProfiles } from '../schemas/records/profile-files.ts'
import { compileProfiles } from '../schemas/records/profile.ts'
import { signals } from '../schemas/signals.ts'
import { rowsOfBlock } from '../test/support/blocks.ts'
import { rangeOf } from '../bench/support/records.ts'
import { createEvaluator, type Evaluator } from './evaluate.ts'
import { seriesId, seriesIdHex } from './learning/series-id.ts'
import { forgetDevices, forgotten, known, unknown, unmet } from './memory/forget.ts'
import { notWhole } from './memory/map.ts'
import { createSharedMemory, openSharedState } from './memory/shared-state.ts'
import { absent } from './memory/shared-table.ts'

const profiles = compileProfiles(await readProfileFiles([shippedProfiles]))
const policy = { futureMsMax: 60_000, pastMsMax: 1e12, depthMax: 16, valueBytesMax: 20_000 }
const startMs = 1_700_000_000_000

const knownDevices = 6
const strangers = 90
const fieldsOf = ['ifOperStatus', 'ifInErrors', 'ifHCInOctets', 'ifAdminStatus'] as const
const signalOf = ['if.oper_status', 'if.in_errors', 'if.in_octets', 'if.admin_status'] as const

/** Devices from 0 on are known to the inventory; the others have names of many lengths. */
const nameOf = (device: number): string =>
  device < knownDevices ? `10.7.1.${device}` : `${'stranger-'.repeat(device % 9)}${device}`

const record = fc.record({
  /** Few of them come again and again, and so in the same order; of the others many come once. */
  device: fc.oneof(
    fc.nat(knownDevices - 1),
    fc.integer({ min: knownDevices, max: knownDevices + 2 }),
    fc.integer({ min: knownDevices, max: knownDevices + strangers })
  ),
  port: fc.nat(2),
  fields: fc.oneof(fc.constantFrom(1, 2, 3), fc.integer({ min: 1, max: 15 })),
  /** Written so that the kernel reads it, or so that only the decoder does. */
  isOdd: fc.boolean()
})
const step = fc.record({
  records: fc.array(record, { minLength: 1, maxLength: 40 }),
  thread: fc.nat(1),
  /** After it strangers that have not been heard for so many steps are forgotten; none for 0. */
  idleSteps: fc.constantFrom(0, 0, 0, 1, 2, 4)
})

/** Two evaluators over one memory, as two threads have them, and what they must know. */
function setUp(limits: { readonly seriesMax: number; readonly devicesMax: number }) {
  const memory = createSharedMemory({ ...limits, keyBytesMax: limits.seriesMax * 64, programsMax: 8 })
  const shared = openSharedState(memory)
  const names = Array.from({ length: knownDevices }, (_, device) => nameOf(device))
  for (const _ of shared.knownNames.prepare(names, names.length));
  shared.knownNames.use()
  const programs = createProgramTable(memory.kernel.programs)
  const condition = {
    condition: 0,
    op: 'in',
    raiseCount: 3,
    clearCount: 2,
    raiseLimit: 0,
    clearLimit: 0
  } as const
  const program = programs.addProgram({ conditions: [{ ...condition, mask: 0b100 }] })
  const nothing = programs.addProgram({ conditions: [] })
  const evaluator = (): Evaluator =>
    createEvaluator({
      measurements: profiles.measurements,
      decoder: createDecoder(profiles, policy),
      scanning: { profiles, policy },
      shared: openSharedState(memory),
      limits: { verifyCrc: true, decompressedBytesMax: 1 << 24, deadLetterBytesMax: 8 }
    })
  return { shared, programs, program, nothing, evaluators: [evaluator(), evaluator()] }
}

const isEqualBut = (a: Float64Array, b: Float64Array, but: (at: number) => boolean): boolean =>
  a.every((value, at) => but(at) || Object.is(value, b[at]))

describe('series of devices that are forgotten', () => {
  it.each([
    ['with room for all', { seriesMax: 4000, devicesMax: 400 }],
    ['without room for all devices', { seriesMax: 4000, devicesMax: 60 }],
    ['without room for all series', { seriesMax: 160, devicesMax: 160 }]
  ])('are never those of another name, and known ones keep theirs, %s', (_what, limits) => {
    let takenAgain = 0
    fc.assert(
      fc.property(fc.array(step, { minLength: 3, maxLength: 25 }), steps => {
        const { shared, programs, program, nothing, evaluators } = setUp(limits)
        const { series: state, seriesIds } = shared
        /** Of every series that somebody was told of: whose it is. And the other way round. */
        const live = new Map<number, { readonly id: string; readonly device: number }>()
        const indexOf = new Map<string, number>()
        const heardAt = new Map<number, number>()
        const everUsed = new Set<number>()
        let offset = 0

        const idAt = (series: number): string =>
          seriesIdHex({ lo: seriesIds[series * 2]!, hi: seriesIds[series * 2 + 1]! })

        const learn = (result: EvaluationResult): void => {
          for (const { identifiers, instance, series, signals: carried } of newEntities(result.newSeries))
            series.forEach((at, i) => {
              const id = seriesIdHex(seriesId(identifiers[0]!, signals[carried[i]!]!.name, instance))
              expect(idAt(at)).toBe(id)
              const device = state.device[at]!
              const before = live.get(at)
              if (before !== undefined) {
                expect(before).toEqual({ id, device })
                return
              }
              expect(indexOf.get(id)).toBeUndefined()
              if (everUsed.has(at)) takenAgain++
              everUsed.add(at)
              live.set(at, { id, device })
              indexOf.set(id, at)
              const isKnown = identifiers[0]!.startsWith('10.7.1.')
              assignProgram(programs.table, state, at, isKnown ? program : nothing)
            })
        }

        const forget = (isIdle: (device: number) => boolean): void => {
          const fates = new Uint8Array(shared.devicesEnd()).fill(unmet)
          const deviceOfName = new Map<number, number>()
          for (let device = 0; device <= knownDevices + strangers; device++)
            for (let at = 0; at < 3; at++)
              for (const signal of signalOf) {
                const series = indexOf.get(seriesIdHex(seriesId(nameOf(device), signal, String(at))))
                if (series !== undefined) deviceOfName.set(device, live.get(series)!.device)
              }
          // No two of them have one place.
          expect(new Set(deviceOfName.values()).size).toBe(deviceOfName.size)
          for (const [name, device] of deviceOfName)
            fates[device] = name < knownDevices ? known : isIdle(name) ? forgotten : unknown
          const before = {
            lastTimeMs: state.lastTimeMs.slice(),
            conditions: Float64Array.from(state.conditions),
            program: Float64Array.from(state.program)
          }
          for (const _ of forgetDevices(shared, fates));
          for (const [series, { id, device }] of [...live]) {
            if (fates[device] === forgotten) {
              live.delete(series)
              indexOf.delete(id)
            } else expect(idAt(series)).toBe(id)
          }
          const isFree = (series: number): boolean => !live.has(series)
          expect(isEqualBut(before.lastTimeMs, state.lastTimeMs, isFree)).toBe(true)
          expect(isEqualBut(before.program, Float64Array.from(state.program), isFree)).toBe(true)
          expect(
            isEqualBut(before.conditions, Float64Array.from(state.conditions), at => isFree(at >>> 3))
          ).toBe(true)
          const left = new Set([...live.values()].map(({ device }) => device))
          expect(shared.deviceCount()).toBe(left.size)
          expect(shared.deviceTable.size()).toBe(left.size)
        }

        for (const [number, { records, thread, idleSteps }] of steps.entries()) {
          const timeS = startMs / 1000 + number
          const values = records.map(({ device, port, fields, isOdd }) => {
            const chosen = fieldsOf.filter((_, i) => ((fields >>> i) & 1) === 1)
            const value = {
              fields: Object.fromEntries(chosen.map(name => [name, 1])),
              name: 'interface',
              tags: { agent_host: nameOf(device), host: 'col1', ifIndex: String(port) },
              timestamp: timeS
            }
            return isOdd ? JSON.stringify(value, null, 1) : JSON.stringify(value)
          })
          const result = evaluators[thread]!.evaluate({
            ranges: [rangeOf(values, { firstOffset: offset })],
            nowMs: timeS * 1000
          })
          offset += values.length
          learn(result)
          const wanted = records.flatMap(({ device, port, fields }) =>
            signalOf.flatMap((signal, i) =>
              ((fields >>> i) & 1) === 1 ? [seriesIdHex(seriesId(nameOf(device), signal, String(port)))] : []
            )
          )
          expect(
            rowsOfBlock(result.block)
              .map(({ id }) => id)
              .sort()
          ).toEqual([...wanted].sort())
          let without = 0
          for (const id of wanted) {
            const series = indexOf.get(id)
            if (series === undefined) without++
            else {
              // Its first samples are judged by the main thread, once it has a program.
              if (state.lastTimeMs[series] !== 0) expect(state.lastTimeMs[series]).toBe(timeS * 1000)
              state.lastTimeMs[series] = timeS * 1000
            }
          }
          expect(result.counts['seriesOverflow'] ?? 0).toBe(without)
          for (const { device } of records) heardAt.set(device, number)
          // Devices of the inventory are never without.
          if (limits.seriesMax > 1000)
            for (const { device, port, fields } of records)
              if (device < knownDevices && (fields & 1) === 1)
                expect(indexOf.has(seriesIdHex(seriesId(nameOf(device), signalOf[0], String(port))))).toBe(
                  true
                )
          if (idleSteps > 0) forget(device => number - heardAt.get(device)! >= idleSteps)
        }
        // Of some nobody knows whose they are.
        const alias = new TextEncoder().encode('whose?')
        expect(shared.aliases.insert(alias, 0, alias.length, () => notWhole)).toBe(notWhole)
        // When all strangers are gone there is room for as many as there ever was.
        forget(() => true)
        expect(shared.tablesUsedByUnknown()).toEqual({ series: 0, devices: 0, entities: 0, aliases: 0 })
        expect(shared.aliases.find(alias, 0, alias.length)).toBe(absent)
      }),
      { numRuns: Number(process.env['FORGET_RUNS'] ?? 60) }
    )
    // The test would be worth little if no place were taken twice.
    expect(takenAgain).toBeGreaterThan(100)
  })

  /** Feeds records of one port of these devices; whose series they were taken for. */
  const feeding = (limits: { readonly seriesMax: number; readonly devicesMax: number }) => {
    const { shared, programs, nothing, evaluators } = setUp(limits)
    let offset = 0
    const feedAll = (
      devices: readonly number[],
      fields: Readonly<Record<string, number>> = { ifOperStatus: 1 },
      isOdd = false
    ) => {
      const values = devices.map(device => {
        const tags = { agent_host: nameOf(device), host: 'col1', ifIndex: '1' }
        const value = { fields, name: 'interface', tags, timestamp: startMs / 1000 + offset }
        return isOdd ? JSON.stringify(value, null, 1) : JSON.stringify(value)
      })
      const range = rangeOf(values, { firstOffset: offset })
      offset += values.length
      const { counts, block, newSeries } = evaluators[0]!.evaluate({ ranges: [range], nowMs: startMs })
      for (const { series } of newEntities(newSeries))
        for (const at of series) assignProgram(programs.table, shared.series, at, nothing)
      return { counts, ids: rowsOfBlock(block).map(({ id }) => id) }
    }
    const forgetAllBut = (kept: readonly number[]): void => {
      const fates = new Uint8Array(shared.devicesEnd()).fill(forgotten)
      for (const device of kept) fates[device] = known
      for (const _ of forgetDevices(shared, fates));
    }
    const idsOf = (device: number, names: readonly string[] = ['if.oper_status']): string[] =>
      names.map(name => seriesIdHex(seriesId(nameOf(device), name, '1')))
    return { shared, feedAll, feed: (device: number) => feedAll([device]).counts, forgetAllBut, idsOf }
  }

  it('are not guessed from who came before, as long as they are not met anew', () => {
    const { feedAll, forgetAllBut, idsOf } = feeding({ seriesMax: 400, devicesMax: 40 })
    const [own, stranger, other] = [0, knownDevices + 1, knownDevices + 2]
    for (let turn = 0; turn < 4; turn++) feedAll([own, stranger])
    feedAll([own])
    forgetAllBut([0])
    // It takes the place of the stranger, and writes otherwise.
    feedAll([other], undefined, true)
    expect(feedAll([stranger]).ids).toEqual(idsOf(stranger))
    expect(feedAll([own, other]).ids).toEqual([...idsOf(own), ...idsOf(other)])
  })

  it('have no part in the series of who takes their place', () => {
    const { feedAll, forgetAllBut, idsOf } = feeding({ seriesMax: 400, devicesMax: 40 })
    const more = { ifOperStatus: 1, ifInErrors: 0 }
    const named = ['if.oper_status', 'if.in_errors']
    const [a, b, c, d] = [10, 11, 12, 13]
    feedAll([a, b])
    feedAll([b], more)
    forgetAllBut([])
    feedAll([c, d])
    // The place of the second one had another behind it.
    for (let turn = 0; turn < 3; turn++) expect(feedAll([d], more).ids.sort()).toEqual(idsOf(d, named).sort())
    expect(feedAll([c]).ids).toEqual(idsOf(c))
  })

  it('lie in pieces, and leave what is whole to the devices of the inventory', () => {
    const { shared } = setUp({ seriesMax: 100, devicesMax: 100 })
    for (let at = 0; at < 50; at++) expect(shared.takeSeries(1, false)).toBe(at)
    expect(shared.takeSeries(1, false)).toBe(-1)
    for (let at = 0; at < 50; at += 2) shared.free.addSeries(at, 1)
    shared.noteForgotten(25)
    expect([shared.seriesCount(), shared.tablesUsedByUnknown().series]).toEqual([25, 0.5])
    expect(shared.takeSeries(2, false)).toBe(-1)
    for (let at = 0; at < 25; at++) expect(shared.takeSeries(2, true)).toBe(50 + at * 2)
    expect(shared.takeSeries(2, true)).toBe(-1)
    const pieces = Array.from({ length: 25 }, (_, i) => shared.takeSeries(1, i % 2 === 0))
    expect([...pieces].sort((a, b) => a - b)).toEqual(Array.from({ length: 25 }, (_, i) => i * 2))
    expect([shared.takeSeries(1, true), shared.takeSeries(1, false), shared.seriesCount()]).toEqual([
      -1, -1, 100
    ])
  })

  it('leave room for what a thread remembers of how others write, which had found none', () => {
    const { shared, feed, forgetAllBut } = feeding({ seriesMax: 40, devicesMax: 40 })
    for (let device = knownDevices; device < knownDevices + 60; device++) feed(device)
    expect(shared.tablesUsedByUnknown().aliases).toBeGreaterThan(0.9)
    for (let turn = 0; turn < 3; turn++)
      expect(feed(knownDevices + 70)).toMatchObject({ decoded: 1, seriesOverflow: 1 })
    forgetAllBut([])
    feed(knownDevices + 70)
    expect(shared.aliases.usedByUnknown()).toBeGreaterThan(0)
  })
})
