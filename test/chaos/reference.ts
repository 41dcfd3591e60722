import { createAlarmEngine } from '../../rules/alarms.ts'
import { compileRules } from '../../rules/compile.ts'
import { assignProgram, evaluateSample } from '../../rules/judge.ts'
import type { AlarmTransition } from '../../rules/model.ts'
import { createProgramTable } from '../../rules/program.ts'
import { seriesStateBytes, seriesStateOver } from '../../rules/series-state.ts'
import { createDecoder } from '../../schemas/records/decode.ts'
import { readProfileFiles, shippedProfiles } from '../../schemas/records/profile-files.ts'
import { compileProfiles } from '../../schemas/records/profile.ts'
import { signals } from '../../schemas/signals.ts'
import type { Light } from '../../schemas/words.ts'
import { compileInventory } from '../../topology/compile.ts'
import { meaningOf } from '../../status/engine/meaning.ts'
import { createLightEngine } from '../../topology/lights.ts'
import { summariseAlarms } from '../../topology/lights/node-alarms.ts'
import { parseInventoryYaml } from '../../topology/load.ts'
import { createInventoryStore } from '../../topology/store.ts'
import type { ChaosCity } from './city.ts'
import type { LoggedRecord } from './log-reader.ts'

/** What an undisturbed run over the same log gives. */
export interface Reference {
  /** Samples of each record, by partition and offset. */
  readonly samples: ReadonlyMap<string, number>
  readonly sampleCount: number
  /** By the signal's name: the sum of its values. */
  readonly sums: ReadonlyMap<string, number>
  readonly transitions: readonly AlarmTransition[]
  readonly open: readonly string[]
  readonly lights: ReadonlyMap<string, Light>
}

export const placeKey = (partition: number, offset: number): string => `${partition}/${offset}`

const seriesMax = 10_000
const programsMax = 4096
/** Holds end by the log's own time: every one has ended so long after its last record. */
const restMs = 3_600_000
const policy = { futureMsMax: 3_600_000, pastMsMax: 1e12, depthMax: 32, valueBytesMax: 1 << 20 }

/**
 * The undisturbed run, in process: every record is read by the reference decoder and judged by the rules' own kernel, and holds
 * end by event time alone. Nothing of the way through the daemon is in it: no threads, no tasks, no clock, no storage.
 */
export async function computeReference(city: ChaosCity, log: readonly LoggedRecord[]): Promise<Reference> {
  const store = createInventoryStore()
  const inventory = compileInventory([parseInventoryYaml('inventory.yaml', city.inventoryYaml, store)], 1)
  const rules = compileRules([{ file: 'rules.yaml', text: city.rulesYaml }])
  const profiles = compileProfiles(await readProfileFiles([shippedProfiles]))
  const decoder = createDecoder(profiles, policy)
  const programs = createProgramTable(programsMax)
  const state = seriesStateOver(new ArrayBuffer(seriesStateBytes(seriesMax)), seriesMax)
  const alarms = createAlarmEngine(rules)
  const seriesNumbers = new Map<string, number>()
  const samples = new Map<string, number>()
  const sums = new Map<string, number>()
  const transitions: AlarmTransition[] = []
  let sampleCount = 0
  let lastMs = 0

  const seriesOf = (device: number, instance: string, signal: number): number => {
    const key = `${device}/${instance}/${signal}`
    let series = seriesNumbers.get(key)
    if (series === undefined) {
      seriesNumbers.set(key, (series = seriesNumbers.size))
      const { role, vendor, model } = inventory.makeOf(device)
      const port = inventory.port(device, instance)
      const program = rules.programFor({
        signal,
        vendor,
        model,
        role,
        tier: inventory.tierOf(inventory.nodeOfDevice(device)),
        port: port?.role ?? '',
        opticClass: port?.opticClass ?? ''
      })
      assignProgram(programs.table, state, series, programs.addProgram(program))
    }
    return series
  }

  for (const { partition, offset, timestampMs, value } of log) {
    const decoded = decoder.decode(value, timestampMs, timestampMs)
    if (!decoded.ok) throw new Error(`a record of the run cannot be read: ${decoded.detail}`)
    let count = 0
    for (const { measurement, identifiers, instance, timeMs, slots, values } of decoded.groups) {
      const device = inventory.deviceByIdentifier(identifiers[0] ?? '')
      if (device === undefined) throw new Error(`${identifiers.join()} is no device of the run`)
      lastMs = Math.max(lastMs, timeMs)
      for (const [i, slot] of slots.entries()) {
        const { signal } = profiles.measurements[measurement]!.slots[slot]!
        const name = signals[signal]!.name
        const reading = values[i]!
        count++
        sums.set(name, (sums.get(name) ?? 0) + reading)
        evaluateSample(
          programs.table,
          state,
          seriesOf(device, instance, signal),
          reading,
          timeMs,
          (condition, on, limit) =>
            alarms.apply({
              condition,
              on,
              node: inventory.nodeId(inventory.nodeOfDevice(device)),
              device: inventory.deviceId(device),
              instance,
              value: reading,
              limit: Number.isNaN(limit) ? null : limit,
              timeMs,
              coordinates: { topic: '', partition, offset }
            })
        )
      }
    }
    samples.set(placeKey(partition, offset), count)
    sampleCount += count
    transitions.push(...alarms.drain())
  }
  alarms.tick(lastMs + restMs)
  transitions.push(...alarms.drain())

  const lights = createLightEngine(inventory, { settleMs: 0, powerSettleMs: 0 })
  for (let node = 0; node < inventory.nodeCount; node++)
    lights.setAlarms(
      node,
      summariseAlarms(alarms.byNode(inventory.nodeId(node)), alarm => meaningOf(inventory, alarm, () => true))
    )
  lights.update(lastMs + restMs)
  return {
    samples,
    sampleCount,
    sums,
    transitions,
    open: [...alarms.open()].map(alarm => alarm.id).sort(),
    lights: new Map(
      Array.from({ length: inventory.nodeCount }, (_, node) => [
        inventory.nodeId(node),
        lights.light(node).effective
      ])
    )
  }
}
