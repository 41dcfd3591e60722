import { afterEach, describe, expect, it } from 'vitest'
import { baselineNumbers, baselineParts } from '../rules/measures/baselines.ts'
import { createProgramTable } from '../rules/program.ts'
import type { KeptSamples } from '../rules/measures/rates.ts'
import type { EvaluationResult, EvaluationTask } from '../schemas/evaluation.ts'
import { readProfileFiles, shippedProfiles } from '../schemas/records/profile-files.ts'
import { assignProgram } from '../rules/judge.ts'
import { eachCandidate, newEntities } from '../schemas/findings.ts'
import type { FaultAsked } from './evaluator-setup.ts'
import { createEvaluationPool, type EvaluationPool, type TaskFault } from './pool.ts'
import { createSharedMemory, openSharedState } from './memory/shared-state.ts'
import { rangeOf, telegraf } from '../bench/support/records.ts'

const nowMs = 1_700_000_600_000
const port = (device: number, at: number, descr = 'eth0'): string =>
  telegraf(
    'interface',
    { agent_host: `10.7.1.${device}`, host: 'col1', ifDescr: descr, ifIndex: '25' },
    { ifOperStatus: 1, ifAdminStatus: 1, ifInErrors: at },
    1_700_000_000 + at
  )
const ports = (count: number, first = 0): string[] =>
  Array.from({ length: count }, (_, i) => port(i % 50, first + i))

const pools: EvaluationPool[] = []
afterEach(async () => {
  await Promise.all(pools.splice(0).map(pool => pool.close(1000)))
})

async function pool(threads: number, faults: FaultAsked[] = [], taskTimeoutMs = 20_000) {
  const seen: TaskFault[] = []
  const shared = createSharedMemory({
    seriesMax: 10_000,
    devicesMax: 1000,
    keyBytesMax: 1_000_000,
    programsMax: 16
  })
  const programs = createProgramTable(shared.kernel.programs)
  const made = await createEvaluationPool({
    threads,
    rowBytesMax: 1 << 26,
    taskTimeoutMs,
    profiles: await readProfileFiles([shippedProfiles]),
    policy: { futureMsMax: 60_000, pastMsMax: 1e9, depthMax: 32, valueBytesMax: 1 << 20 },
    limits: { verifyCrc: true, decompressedBytesMax: 1 << 26, deadLetterBytesMax: 1 << 16 },
    shared,
    faults,
    onFault: fault => seen.push(fault)
  })
  pools.push(made)
  return { made, seen, shared, programs }
}

const task = (...values: string[][]): EvaluationTask => ({
  ranges: values.map((v, partition) =>
    rangeOf(v, { partition, firstOffset: 1000 * partition, perBatch: 40 })
  ),
  nowMs
})

const withoutSlab = ({ block: { slab, ...block }, ...result }: EvaluationResult) => {
  expect(slab).toBeDefined()
  return { ...result, block }
}

describe('the pool', () => {
  it('gives the same from threads as in process', async () => {
    const given = task(ports(300), ports(200, 300))
    const [inProcess, threaded] = [await pool(0), await pool(2)]
    const expected = withoutSlab(await inProcess.made.evaluate(given))
    expect(expected.block.rows).toBe(1500)
    expect(expected.counts).toMatchObject({ records: 500, samples: 1500, 'format.telegraf': 500 })
    expect(withoutSlab(await threaded.made.evaluate(given))).toEqual(expected)
    // The bytes are still the sender's.
    expect(given.ranges[0]!.bytes.length).toBeGreaterThan(0)
    // Fetched bytes lie in shared memory.
    const ranges = given.ranges.map(range => {
      const bytes = new Uint8Array(new SharedArrayBuffer(range.bytes.length + 7), 7)
      bytes.set(range.bytes)
      return { ...range, bytes }
    })
    for (const { made } of [inProcess, threaded])
      expect(withoutSlab(await made.evaluate({ ...given, ranges })).block).toEqual(expected.block)
    expect(inProcess.seen).toEqual([])
  })

  it.each([0, 2])('with %i threads keeps room for devices that the inventory knows', async threads => {
    const { made, shared } = await pool(threads)
    const { knownNames } = openSharedState(shared)
    for (const _ of knownNames.prepare(['10.7.1.1'], 1));
    knownNames.use()
    const strangers = (first: number): string[] =>
      Array.from({ length: 800 }, (_, i) =>
        telegraf(
          'interface',
          { agent_host: `stranger-${first + i}`, host: 'col1', ifDescr: 'eth0', ifIndex: '25' },
          { ifOperStatus: 1, ifAdminStatus: 1 },
          1_700_000_000
        )
      )
    const flooded = await Promise.all(
      [0, 1, 2].map(n => made.evaluate(task(strangers(n * 1600), strangers(n * 1600 + 800))))
    )
    const unjudged = flooded.reduce((sum, { counts }) => sum + (counts['seriesOverflow'] ?? 0), 0)
    // Half of a thousand devices.
    expect(unjudged).toBe((4800 - 500) * 2)
    expect(made.stats().tablesOfUnknown.devices).toBe(1)
    expect(made.stats().tables.devices).toBe(0.5)
    const { counts, newSeries } = await made.evaluate(task([port(1, 0)]))
    expect(counts['seriesOverflow'] ?? 0).toBe(0)
    expect([...newEntities(newSeries)].map(({ identifiers }) => identifiers[0])).toEqual(['10.7.1.1'])
  })

  it.each([0, 1])('with %i threads tells whose clock is ahead, and by how much', async threads => {
    const { made } = await pool(threads)
    // It is 600 s, and a clock may be a minute wrong; Kafka took the records at 0 s.
    const { ahead, newSeries } = await made.evaluate(task([port(1, 600), port(2, 4200), port(3, 100)]))
    const device = [...newEntities(newSeries)].find(
      ({ identifiers }) => identifiers[0] === '10.7.1.2'
    )!.device
    expect([...(ahead ?? [])]).toEqual([device, 4_200_000])
  })

  it.each([0, 1])('with %i threads puts rows into memory that was given back', async threads => {
    const { made } = await pool(threads)
    const few = await made.evaluate(task(ports(1)))
    // Far more rows than a first task lets expect: the worker makes memory for them, and it is kept.
    const many = await made.evaluate(task(ports(300)))
    const memory = many.block.slab!.memory
    expect(many.block.offset.buffer).toEqual(memory)
    few.block.slab!.release()
    many.block.slab!.release()
    const again = await made.evaluate(task(ports(300, 300)))
    expect(again.block.slab!.memory).toBe(memory)
    expect(again.block.rows).toBe(900)
  })

  it.each([
    [0, 'throw', 20_000],
    [1, 'throw', 20_000],
    [2, 'exit', 20_000],
    [1, 'hang', 1500]
  ] as const)(
    'with %i threads gives up a record that makes them %s, and nothing else',
    async (threads, how, timeoutMs) => {
      const { made, seen } = await pool(threads, [{ marker: 'poison-me', how }], timeoutMs)
      // Once before, so that the time limit does not run while the threads start.
      await made.evaluate(task(ports(1)))
      const values = ports(100)
      values[57] = port(7, 57, 'poison-me')
      const result = await made.evaluate(task(ports(30), values, ports(30)))
      expect(result.rejects.map(r => [r.partition, r.offset, r.reason])).toEqual([[1, 1057, 'poison']])
      expect(new TextDecoder().decode(result.rejects[0]!.value)).toBe(values[57])
      expect(result.block.rows).toBe((30 + 99 + 30) * 3)
      expect(result.ranges).toEqual([
        {
          topic: 'telemetry',
          partition: 0,
          firstOffset: 0,
          lastOffset: 29,
          records: 30,
          rowStart: 0,
          rowEnd: 90
        },
        {
          topic: 'telemetry',
          partition: 1,
          firstOffset: 1000,
          lastOffset: 1099,
          records: 100,
          rowStart: 90,
          rowEnd: 387
        },
        {
          topic: 'telemetry',
          partition: 2,
          firstOffset: 2000,
          lastOffset: 2029,
          records: 30,
          rowStart: 387,
          rowEnd: 477
        }
      ])
      const offsets = new BigUint64Array(result.block.offset.slice().buffer)
      expect(new Set(offsets).size).toBe(159)
      expect(offsets.includes(1057n)).toBe(false)
      expect(seen.map(f => [f.kind, f.offset, f.poison])).toEqual([
        [how === 'hang' ? 'timed out' : 'died', 1057, false],
        [how === 'hang' ? 'timed out' : 'died', 1057, true]
      ])
      expect(made.stats()).toMatchObject({ poisonRecords: 1, tasksInFlight: 0 })
      // The pool works on.
      expect((await made.evaluate(task(ports(10)))).rejects).toEqual([])
    },
    30_000
  )

  describe('when a task is cut off after it was judged and before anybody heard of it', () => {
    const link = (at: number, isUp: boolean, descr = 'eth0'): string =>
      telegraf(
        'interface',
        { agent_host: '10.7.1.9', host: 'col1', ifDescr: descr, ifIndex: '25' },
        { ifOperStatus: isUp ? 1 : 2, ifInErrors: at },
        1_700_000_000 + at
      )
    const oneOf = (values: string[], firstOffset: number): EvaluationTask => ({
      ranges: [rangeOf(values, { firstOffset, perBatch: 40 })],
      nowMs
    })

    /** What three tasks tell, and the state they leave: the link is met; goes down, up, down; comes back. */
    async function told(threads: number, faults: FaultAsked[], timeoutMs: number, keeps: KeptSamples) {
      const { made, seen, shared, programs } = await pool(threads, faults, timeoutMs)
      const limits = { raiseLimit: 0, clearLimit: 0, clearCount: 1 }
      const program = programs.addProgram({
        conditions: [
          { condition: 0, op: 'in', raiseCount: 1, mask: 1 << 2, ...limits },
          { condition: 1, op: 'in', raiseCount: 3, mask: 1 << 2, ...limits },
          // The errors of these records grow by one a second at most.
          {
            condition: 2,
            op: 'above',
            measure: keeps === 'counter' ? 'per_second' : 'step',
            mask: 0,
            raiseLimit: 0.5,
            clearLimit: 0.4,
            raiseCount: 2,
            clearCount: 1
          }
        ],
        keeps,
        overMs: 3_600_000
      })
      const { series } = openSharedState(shared)
      const met = await made.evaluate(oneOf([link(0, true)], 0))
      for (const entity of newEntities(met.newSeries))
        for (const at of entity.series) assignProgram(programs.table, series, at, program)
      const flips: unknown[] = []
      const note = (result: EvaluationResult): void => {
        eachCandidate(result, ({ offset, condition, on, value }) =>
          flips.push([offset, condition, on, value])
        )
      }
      const changes = [true, false, false, true, false, false].map((isUp, i) =>
        link(10 + i, isUp, i === 5 ? 'cut-me' : 'eth0')
      )
      note(await made.evaluate(oneOf(changes, 1)))
      const between = [...series.conditions.slice(0, 64)]
      note(await made.evaluate(oneOf([link(20, false), link(30, true), link(31, true)], 100)))
      return {
        flips,
        between,
        conditions: [...series.conditions.slice(0, 64)],
        rates: [...series.rates.slotOf.slice(0, 8), ...series.rates.numbers.slice(0, 64)],
        baselines: [0, 1, 2, 3].map(slot => [
          ...series.baselines.numbers.slice(slot * baselineNumbers, slot * baselineNumbers + baselineParts)
        ]),
        faults: seen.map(f => f.kind)
      }
    }

    it.each([
      [0, 'throw', 'died', 'counter'],
      [1, 'throw', 'died', 'counter'],
      [1, 'exit', 'died', 'baseline'],
      [1, 'hang', 'timed out', 'baseline']
    ] as const)(
      'with %i threads by %s, the same is told as if nothing had happened',
      async (threads, how, kind, keeps) => {
        const undisturbed = await told(0, [], 20_000, keeps)
        expect(undisturbed.flips.length).toBeGreaterThan(4)
        expect(undisturbed.baselines.flat().some(number => number !== 0)).toBe(keeps === 'baseline')
        const onceJudged = new SharedArrayBuffer(4)
        const cut = await told(threads, [{ marker: 'cut-me', how, onceJudged }], 3000, keeps)
        expect(new Int32Array(onceJudged)[0]).toBe(1)
        expect(cut).toEqual({ ...undisturbed, faults: [kind] })
      },
      60_000
    )
  })

  it('holds tasks while something is changed exclusively', async () => {
    const { made } = await pool(1)
    const order: string[] = []
    const before = made.evaluate(task(ports(200))).then(() => order.push('before'))
    const change = made.exclusive(() => {
      order.push(`change with ${made.stats().tasksInFlight} in flight`)
    })
    const after = made.evaluate(task(ports(10))).then(() => order.push('after'))
    await Promise.all([before, change, after])
    expect(order).toEqual(['before', 'change with 0 in flight', 'after'])
  })

  it('takes new profiles without losing a task, and keeps the old ones when they are wrong', async () => {
    const { made } = await pool(1)
    const known = await made.evaluate(task(ports(20)))
    await expect(made.reloadProfiles([{ file: 'x.yaml', text: 'profile: [' }])).rejects.toThrow()
    expect((await made.evaluate(task(ports(20)))).newSeries).toEqual(known.newSeries)
    const running = Promise.all(Array.from({ length: 5 }, () => made.evaluate(task(ports(50)))))
    const shipped = await readProfileFiles([shippedProfiles])
    await made.reloadProfiles(shipped.filter(({ file }) => !file.includes('xppc')))
    expect((await running).map(r => r.counts['records'])).toEqual([50, 50, 50, 50, 50])
    // The series are the same ones after the reload.
    expect((await made.evaluate(task(ports(20)))).newSeries).toEqual(known.newSeries)
  })
})
