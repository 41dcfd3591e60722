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

/** What the log leaves open where records came late: whether a hold had ended before its end could be contradicted. */
export interface Choices {
  /** Holds of its device that end up to here (event time, ms) may have ended before this record was seen; -Infinity where none may. */
  readonly endedTo: (record: LoggedRecord) => number
  /** Whether a transition of this device at this moment is stored: which of the two it was. */
  readonly isStored: (device: string, atMs: number) => boolean
}

export const placeKey = (partition: number, offset: number): string => `${partition}/${offset}`

const seriesMax = 10_000
const programsMax = 4096
/** Holds end by the log's own time: every one has ended so long after its last record. */
const restMs = 3_600_000
const policy = { futureMsMax: 3_600_000, pastMsMax: 1e12, depthMax: 32, valueBytesMax: 1 << 20 }

/**
 * The undisturbed run, in process: every record is read by the reference decoder and judged by the rules' own kernel, and holds
 * end by event time alone. Nothing of the way through the daemon is in it: no threads, no tasks, no clock, no storage. With
 * `choices`, holds that nothing in the log could have kept from ending have ended, if that is what is stored.
 */
export async function computeReference(
  city: ChaosCity,
  log: readonly LoggedRecord[],
  choices?: Choices
): Promise<Reference> {
  const store = createInventoryStore()
  const inventory = compileInventory([parseInventoryYaml('inventory.yaml', city.inventoryYaml, store)], 1)
  const rules = compileRules([{ file: 'rules.yaml', text: city.rulesYaml }])
  const profiles = compileProfiles(await readProfileFiles([shippedProfiles]))
  const decoder = createDecoder(profiles, policy)
  const programs = createProgramTable(programsMax)
  const state = seriesStateOver(new ArrayBuffer(seriesStateBytes(seriesMax)), seriesMax)
  /** By device, because records of one come late while those of another do not. */
  const alarms = Array.from({ length: inventory.deviceCount }, () => createAlarmEngine(rules))
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

  const endHolds = (device: number, timeMs: number, record: LoggedRecord): void => {
    const endedToMs = choices?.endedTo(record) ?? -Infinity
    if (endedToMs <= timeMs) return
    const engine = alarms[device]!
    for (;;) {
      const endMs = engine.nextDeadlineMs()
      if (endMs === null || endMs > endedToMs) return
      if (endMs > timeMs && choices?.isStored(inventory.deviceId(device), endMs) !== true) return
      engine.tick(endMs)
    }
  }

  for (const record of log) {
    const { partition, offset, timestampMs, value } = record
    const decoded = decoder.decode(value, timestampMs, timestampMs)
    if (!decoded.ok) throw new Error(`a record of the run cannot be read: ${decoded.detail}`)
    let count = 0
    const told = new Set<number>()
    for (const { measurement, identifiers, instance, timeMs, slots, values } of decoded.groups) {
      const device = inventory.deviceByIdentifier(identifiers[0] ?? '')
      if (device === undefined) throw new Error(`${identifiers.join()} is no device of the run`)
      lastMs = Math.max(lastMs, timeMs)
      told.add(device)
      endHolds(device, timeMs, record)
      const engine = alarms[device]!
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
            engine.apply({
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
    for (const device of told) transitions.push(...alarms[device]!.drain())
    samples.set(placeKey(partition, offset), count)
    sampleCount += count
  }
  for (const engine of alarms) {
    engine.tick(lastMs + restMs)
    transitions.push(...engine.drain())
  }

  const lights = createLightEngine(inventory, { settleMs: 0, powerSettleMs: 0 })
  for (let node = 0; node < inventory.nodeCount; node++)
    lights.setAlarms(
      node,
      summariseAlarms(
        inventory.devicesOfNode(node).flatMap(device => alarms[device]!.byNode(inventory.nodeId(node))),
        alarm => meaningOf(inventory, alarm, () => true)
      )
    )
  lights.update(lastMs + restMs)
  return {
    samples,
    sampleCount,
    sums,
    transitions,
    open: alarms.flatMap(engine => [...engine.open()].map(alarm => alarm.id)).sort(),
    lights: new Map(
      Array.from({ length: inventory.nodeCount }, (_, node) => [
        inventory.nodeId(node),
        lights.light(node).effective
      ])
    )
  }
}
