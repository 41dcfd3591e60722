import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { rangeOf, telegraf } from '../../bench/support/records.ts'
import { loadConfig } from '../../schemas/config/reading.ts'
import { rowsOfBlock } from '../../test/support/blocks.ts'
import { seriesId, seriesIdHex } from '../../workers/learning/series-id.ts'
import { definitionsOf } from '../network.ts'
import type { Definitions } from './definitions.ts'
import { joinEngines, type Engines } from './engines.ts'
import { startEvaluation, type Evaluation } from './evaluation.ts'
import { createGiveBack, type GiveBack } from './give-back.ts'

const startMs = Date.UTC(2026, 2, 1)
const config = loadConfig({
  env: {
    SVETOFOR_WORKERS_THREADS: '2',
    SVETOFOR_WORKERS_SERIES_MAX: '4000',
    SVETOFOR_WORKERS_DEVICES_MAX: '400'
  },
  readFile: () => ''
})
const known = 20
const nobody = await definitionsOf({ inventory: [{ id: 'cu', tier: 'core', name: 'CU' }] })
const definitions = await definitionsOf({
  inventory: [
    { id: 'cu', tier: 'core', name: 'CU' },
    ...Array.from({ length: known }, (_, i) => ({
      id: `ku-${i}`,
      tier: 'campus',
      name: `KU-${i}`,
      parents: ['cu'],
      devices: [
        {
          id: `sw-${i}`,
          role: 'switch',
          identifiers: [`sw-${i}`],
          ports: [{ instance: '25', role: 'uplink', peer: 'cu' }]
        }
      ]
    }))
  ]
})

describe('room of unknown devices, given back beside threads that evaluate', () => {
  let nowMs = startMs
  let evaluation: Evaluation
  let engines: Omit<Engines, 'answers'>
  let giveBack: GiveBack
  let said: { readonly msg: string; readonly devices: number; readonly heldMs: number }[] = []
  const failures: unknown[] = []
  let offset = 0

  const begin = async (definitions: Definitions): Promise<void> => {
    nowMs = startMs
    said = []
    const logger = pino({ base: null }, { write: line => void said.push(JSON.parse(line) as never) })
    evaluation = await startEvaluation(config, definitions, logger)
    const { pool, state, programs } = evaluation
    engines = joinEngines({
      config,
      definitions,
      programs,
      state,
      records: {
        series: () => undefined,
        alarms: () => undefined,
        lights: () => undefined,
        incidents: () => undefined,
        resources: () => undefined
      },
      nowMs: () => nowMs
    })
    giveBack = createGiveBack({
      engine: engines.engine,
      pool,
      state,
      idleMs: 60_000,
      nowMs: () => nowMs,
      logger,
      fail: error => failures.push(error),
      everyMs: 20
    })
  }
  const end = async (): Promise<void> => {
    await giveBack.stop()
    await evaluation.pool.close(1000)
    expect(failures).toEqual([])
  }
  beforeEach(() => begin(definitions))
  afterEach(end)

  const port = (device: string, oper: number): string =>
    telegraf(
      'interface',
      { agent_host: device, host: 'col1', ifDescr: 'eth0', ifIndex: '25' },
      { ifOperStatus: oper, ifAdminStatus: 1 },
      nowMs / 1000
    )
  const idOf = (device: string, signal: string): string => seriesIdHex(seriesId(device, signal, '25'))

  /** Evaluates them in some tasks at once; how many samples were not told apart. Every row has the id of its own name. */
  const feed = async (devices: readonly string[], oper = 1): Promise<number> => {
    const tasks = [0, 1, 2].map(part => devices.filter((_, i) => i % 3 === part)).filter(of => of.length > 0)
    const counts = await Promise.all(
      tasks.map(async (of, partition) => {
        const ranges = [
          rangeOf(
            of.map(device => port(device, oper)),
            { partition, firstOffset: offset }
          )
        ]
        const result = await evaluation.pool.evaluate({ ranges, nowMs })
        engines.engine.take(result, nowMs)
        expect(
          rowsOfBlock(result.block)
            .map(({ id }) => id)
            .sort()
        ).toEqual(
          of
            .flatMap(device => ['if.oper_status', 'if.admin_status'].map(signal => idOf(device, signal)))
            .sort()
        )
        result.block.slab?.release()
        return result.counts['seriesOverflow'] ?? 0
      })
    )
    offset += devices.length
    return counts.reduce((sum, count) => sum + count, 0)
  }
  const flood = (name: string, count: number): string[] =>
    Array.from({ length: count }, (_, i) => `${name}-${i}`)
  const lightOf = (node: string): string =>
    engines.lights.light(engines.engine.inventory().nodeIndex(node)!).effective
  const tick = (): void => engines.engine.tick(nowMs, nowMs)
  const forgottenLines = () => said.filter(({ msg }) => msg.includes('were forgotten'))

  it('is used by new names, while known devices keep their lights and counts under way', async () => {
    const { registry } = engines.engine
    await feed(flood('sw', known))
    expect(await feed(flood('stranger', 500))).toBe(2 * 300)
    expect(evaluation.pool.stats().tablesOfUnknown.devices).toBe(1)
    // Who of them found room is a matter of threads.
    const spoken = [...registry.unknownDevices()].slice(0, 2).map(({ identifiers }) => identifiers[0]!)
    await feed(['sw-3'], 2)
    tick()
    nowMs += 30_000
    tick()
    expect(lightOf('ku-3')).toBe('red')
    const { series } = evaluation.state
    const before = [...registry.all()]
      .filter(at => registry.knownOf(at) >= 0)
      .map(at => [
        at,
        series.program[at],
        series.lastTimeMs[at],
        [...series.conditions.slice(at * 8, at * 8 + 8)]
      ])
    // Nobody of them has been silent for long enough.
    await new Promise(resolve => setTimeout(resolve, 100))
    await feed(spoken)
    expect([registry.unknownCount(), forgottenLines()]).toEqual([200, []])

    nowMs += 31_000
    await vi.waitFor(() => expect(forgottenLines()).toHaveLength(1), { timeout: 10_000 })
    expect(forgottenLines()[0]).toMatchObject({ devices: 198, series: 396, idleS: 60, level: 40 })
    expect([registry.unknownCount(), registry.forgottenCount()]).toEqual([2, 198])
    expect(
      [...registry.all()]
        .filter(at => registry.knownOf(at) >= 0)
        .map(at => [
          at,
          series.program[at],
          series.lastTimeMs[at],
          [...series.conditions.slice(at * 8, at * 8 + 8)]
        ])
    ).toEqual(before)
    expect(lightOf('ku-3')).toBe('red')

    // Those that are left are met by the same series, others and forgotten ones by series of their own.
    const seriesOf = (name: string): number[] =>
      [...registry.all()].filter(at => registry.identifiersOf(registry.deviceOf(at))[0] === name)
    const kept = seriesOf(spoken[0]!)
    expect(await feed([...spoken, ...flood('late', 150), ...flood('again', 5)])).toBe(0)
    expect(seriesOf(spoken[0]!)).toEqual(kept)
    expect(new Set(registry.all()).size).toBe(registry.size())
    expect(registry.unknownCount()).toBe(157)
    nowMs += 1000
    await feed([...flood('late', 150), ...flood('sw', known)])
    for (const at of registry.all())
      if (registry.identifiersOf(registry.deviceOf(at))[0]!.startsWith('late'))
        expect(series.lastTimeMs[at]).toBe(nowMs)
    for (let minute = 0; minute < 6; minute++) {
      nowMs += 30_000
      tick()
      nowMs += 30_000
      await feed(flood('sw', known))
    }
    expect(flood('ku', known).filter(node => lightOf(node) !== 'green')).toEqual([])
  })

  it('comes back again and again, whatever is evaluated meanwhile', async () => {
    const { registry } = engines.engine
    let isOver = false
    const beside = async (): Promise<void> => {
      while (!isOver) {
        await feed(flood('sw', known))
        await new Promise(resolve => setImmediate(resolve))
      }
    }
    const besides = beside()
    for (let turn = 1; turn <= 8; turn++) {
      const before = forgottenLines().length
      expect(await feed(flood(`turn-${turn}`, 195))).toBe(0)
      nowMs += 61_000
      await vi.waitFor(() => expect(forgottenLines()).toHaveLength(before + 1), { timeout: 10_000 })
      expect([registry.unknownCount(), registry.forgottenCount()]).toEqual([0, 195 * turn])
    }
    isOver = true
    await besides
    // Their places, not ever new ones.
    expect(evaluation.state.seriesEnd()).toBeLessThanOrEqual(2 * (195 + known))
    expect(evaluation.state.devicesEnd()).toBe(195 + known)
  })

  it('is given back where there is no inventory, too, of which everybody may use all', async () => {
    await end()
    await begin(nobody)
    const { registry } = engines.engine
    expect(await feed(flood('some', 400))).toBe(0)
    expect(await feed(flood('more', 10))).toBe(20)
    nowMs += 30_000
    await feed(flood('some', 240))
    nowMs += 31_000
    await vi.waitFor(() => expect(forgottenLines()).toHaveLength(1), { timeout: 10_000 })
    expect([registry.unknownCount(), registry.forgottenCount()]).toEqual([240, 160])
    expect(evaluation.pool.stats()).toMatchObject({
      tables: { devices: 0.6 },
      tablesOfUnknown: { series: 0, devices: 0, entities: 0 }
    })
    expect(await feed(flood('more', 160))).toBe(0)
    expect(await feed(['one more'])).toBe(2)
  })

  it('is not given back for one device', async () => {
    const { registry } = engines.engine
    await feed(flood('stranger', 500))
    const [quiet, ...others] = [...registry.unknownDevices()].map(({ identifiers }) => identifiers[0]!)
    nowMs += 30_000
    await feed(others)
    nowMs += 31_000
    await new Promise(resolve => setTimeout(resolve, 150))
    expect([registry.unknownCount(), forgottenLines()]).toEqual([200, []])
    await feed(others.slice(1))
    nowMs += 31_000
    await vi.waitFor(() => expect(registry.unknownCount()).toBe(198), { timeout: 10_000 })
    expect([...registry.unknownDevices()].map(({ identifiers }) => identifiers[0])).not.toContain(quiet)
  })

  it('is not given back while the log is judged again', async () => {
    await feed(flood('stranger', 500))
    const warming = giveBack.warm()
    nowMs += 61_000
    await new Promise(resolve => setTimeout(resolve, 150))
    expect(engines.engine.registry.unknownCount()).toBe(200)
    warming.end({ isWhole: true, sinceMs: startMs })
    await vi.waitFor(() => expect(engines.engine.registry.unknownCount()).toBe(0), { timeout: 10_000 })
  })
})
