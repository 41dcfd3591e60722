import { Registry } from 'prom-client'
import { createAlertingMetrics } from '../../daemon/alerting/alerting.ts'
import { createStandbyMetrics } from '../../daemon/standby-metrics.ts'
import { createShadowMetrics } from '../../daemon/shadow/metrics.ts'
import { createDispatcherMetrics } from '../../ingest/dispatcher-metrics.ts'
import { createDispatcher } from '../../ingest/dispatcher.ts'
import { createDeadLetterMetrics, createSourceMetrics } from '../../ingest/metrics.ts'
import { createWarmUpMetrics } from '../../ingest/warm-up-metrics.ts'
import { createWriterMetrics } from '../../ingest/clickhouse/writer-metrics.ts'
import { createAlarmEngine } from '../../rules/alarms.ts'
import { compileRules } from '../../rules/compile.ts'
import { createProgramTable } from '../../rules/program.ts'
import {
  deviceStateBytes,
  deviceStateOver,
  seriesStateBytes,
  seriesStateOver
} from '../../rules/series-state.ts'
import { createEngineMetrics } from '../../status/engine/metrics.ts'
import { createStatusEngine } from '../../status/engine/engine.ts'
import { createStatusMetrics } from '../../status/http/metrics.ts'
import { createStartingView } from '../../status/starting-view.ts'
import { generateCity } from '../../embedded/simulator/city.ts'
import { compileInventory, inventoryPart } from '../../topology/compile.ts'
import { createLightEngine } from '../../topology/lights.ts'
import { createPoolMetrics } from '../../workers/metrics.ts'

/** A registry with every metric the daemon registers, for the reference page and for checks of queries. */
export function everyMetric(): Registry {
  const registry = new Registry()
  const { nodes, devices } = generateCity({ nodes: 5, seed: 1 })
  const inventory = compileInventory([inventoryPart(nodes, devices)], 1)
  const rules = compileRules([])
  const nothing = (): void => undefined
  const engine = createStatusEngine({
    inventory,
    rules,
    programs: createProgramTable(1),
    series: seriesStateOver(new ArrayBuffer(seriesStateBytes(1)), 1),
    devices: deviceStateOver(new ArrayBuffer(deviceStateBytes(1)), 1),
    alarms: createAlarmEngine(rules),
    lights: createLightEngine(inventory),
    staleness: { defaultIntervalMs: 1, factor: 1, graceMs: 1, collectorDevicesMin: 1 },
    records: { series: nothing, alarms: nothing, lights: nothing, incidents: nothing, resources: nothing },
    startMs: 0
  })
  const some = { open: 1, ended: 1 }
  const shadow = {
    standing: () => ({ state: 'off', detail: '', files: [], sinceMs: null, samples: 0, dropped: 0 }) as const,
    summary: () => ({
      byRule: [{ name: 'ups.on_battery', gained: some, lost: some, changed: some, light: some }],
      lights: 0
    })
  }
  const dispatcher = createDispatcher({
    evaluate: () => Promise.reject(new Error('nothing is evaluated here')),
    deliver: () => undefined,
    failed: nothing,
    pause: nothing,
    resume: nothing,
    nowMs: () => 0,
    concurrency: 1,
    taskBytesMax: 1,
    partitionQueueBytesMax: 1,
    queueBytesMax: 1
  })
  createSourceMetrics(registry, { source: () => null, position: () => null })
  createDeadLetterMetrics(registry)
  createWriterMetrics(registry)
  createDispatcherMetrics(registry, dispatcher)
  createWarmUpMetrics(registry)
  createPoolMetrics(registry, () => ({
    threads: 0,
    tasks: 0,
    tasksInFlight: 0,
    workersDied: 0,
    workersTimedOut: 0,
    poisonRecords: 0,
    seriesKnown: 0,
    seriesMax: 0,
    devicesKnown: 0,
    devicesMax: 0,
    tables: { series: 0, devices: 0, entities: 0, aliases: 0 },
    tablesOfUnknown: { series: 0, devices: 0, entities: 0, aliases: 0 }
  }))
  createEngineMetrics(registry, engine, () => 0)
  createShadowMetrics(registry, shadow)
  createAlertingMetrics(registry)
  createStandbyMetrics(registry, () => ({ isStandby: false, standbys: 0 }))
  const view = createStartingView(
    () => ({ ready: false, parts: {} }),
    () => ({ asOfMs: 0, lateMs: 0 })
  )
  createStatusMetrics(registry, view, { version: '', processMetrics: false })
  return registry
}
