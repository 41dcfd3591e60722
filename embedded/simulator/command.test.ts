import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compileInventory, devicesOf } from '../../topology/compile.ts'
import { parseInventoryLines, parseInventoryYaml } from '../../topology/load.ts'
import { cityAtRate, faultSentence, readScenario, startCitySimulator, writeInventory } from './command.ts'
import { recordsPerSecond } from './rate.ts'
import type { SimulatedRecord } from './readings.ts'
import { quietScenario } from './scenario.ts'
import { createMemorySink } from './sink.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'svetofor-simulator-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

const city = cityAtRate({ nodes: 200, seed: 1, ratePerS: 2_000 })

describe('the city at a rate', () => {
  it('gives as many records a second as asked for', () => {
    expect(recordsPerSecond(city.devices, 60)).toBeCloseTo(2_000, 3)
    let records = 0
    const startMs = 1_800_000_000_000
    const simulator = startCitySimulator({
      city,
      scenario: quietScenario,
      seed: 1,
      startMs,
      durationMs: 10_000,
      flatOut: true,
      sink: createMemorySink(batch => {
        records += batch.length
      })
    })
    return simulator.done.then(sent => {
      expect(sent).toBe(records)
      expect(records).toBeGreaterThan(19_000)
      expect(records).toBeLessThan(21_000)
    })
  })
})

describe('the inventory of the city', () => {
  it('is a valid inventory, as YAML and as NDJSON', async () => {
    const yaml = join(folder, 'network.yaml')
    await writeInventory(yaml, city)
    const fromYaml = compileInventory([parseInventoryYaml(yaml, await readFile(yaml, 'utf8'))], 1)
    expect(fromYaml.nodeCount).toBe(city.nodes.length)
    expect(fromYaml.deviceCount).toBe(city.devices.length)
    expect(fromYaml.deviceByIdentifier(city.devices[0]?.identifiers[0] ?? '')).toBe(0)
    const ndjson = join(folder, 'network.ndjson')
    await writeInventory(ndjson, city)
    const lines = (await readFile(ndjson, 'utf8')).split('\n').filter(line => line !== '')
    const fromLines = compileInventory([await parseInventoryLines(ndjson, lines, 'ndjson')], 1)
    expect([...devicesOf(fromLines)]).toEqual([...devicesOf(fromYaml)])
  })
})

describe('a run', () => {
  const records: SimulatedRecord[] = []
  const sink = createMemorySink(batch => {
    records.push(...batch)
  })

  it('stops after the records asked for', async () => {
    const run = startCitySimulator({
      city,
      scenario: quietScenario,
      seed: 1,
      sink,
      recordsMax: 137,
      durationMs: 60_000,
      flatOut: true
    })
    expect(await run.done).toBe(137)
    expect(records).toHaveLength(137)
  })

  it('follows the clock, stops when told, and sends nothing after', async () => {
    records.length = 0
    const startMs = Date.now()
    const run = startCitySimulator({ city, scenario: quietScenario, seed: 1, startMs, sink })
    await sleep(500)
    const sent = await run.stop()
    expect(sent).toBe(records.length)
    expect(sent).toBeGreaterThan(100)
    for (const record of records) expect(record.timestampMs).toBeLessThanOrEqual(Date.now())
    await sleep(200)
    expect(records).toHaveLength(sent)
  })

  it('fails with the reason when the sink does', async () => {
    const run = startCitySimulator({
      city,
      scenario: quietScenario,
      seed: 1,
      sink: createMemorySink(() => {
        throw new Error('the disk is full')
      })
    })
    await expect(run.done).rejects.toThrow('the disk is full')
  })
})

describe('scenarios', () => {
  it('are found by name and by path, and what is not there is explained', async () => {
    expect((await readScenario('demo')).events.length).toBeGreaterThan(8)
    expect((await readScenario('quiet')).events).toEqual([])
    await expect(readScenario('nothing')).rejects.toThrow(/use one of quiet, demo/)
    await expect(readScenario('./nowhere.yaml')).rejects.toThrow(/path of a file/)
  })

  it('tell what happens in a sentence', () => {
    const news = {
      phase: 'begins' as const,
      fault: 'mains_cut' as const,
      nodeId: 'ku-7',
      nodeName: 'КУ-7',
      what: 'ku-7-ups1 carries the node',
      nodesBelow: 10,
      atMs: 0,
      endsAtMs: 90_000
    }
    expect(faultSentence(news)).toBe(
      'mains cut at КУ-7 (ku-7), ku-7-ups1 carries the node, 10 nodes below; lasts 90 s'
    )
    expect(faultSentence({ ...news, phase: 'nowhere', what: '{"tier":"area"}' })).toBe(
      'mains cut: no node of this city is {"tier":"area"}'
    )
    expect(faultSentence({ ...news, phase: 'ends' })).toBe('mains cut at КУ-7 (ku-7) is over')
  })
})
