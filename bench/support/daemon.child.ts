import { pino } from 'pino'
import { readFileSync } from 'node:fs'
import { constants, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import type { Registry } from 'prom-client'
import { startDaemon } from '../../main.ts'
import { loadConfig } from '../../schemas/config/reading.ts'
import type { DaemonAnswer, DaemonFigures, DaemonRequest } from './daemon.ts'
import { percentile } from './figures.ts'
import { cpuUsByThread, peakRssMib, rssMib } from './process.ts'

/**
 * The whole daemon in a process of its own, for benches. Argument: its configuration file. It answers requests of
 * support/daemon.ts over IPC.
 */
const [file = ''] = process.argv.slice(2)
const config = loadConfig({ file, env: process.env, readFile: path => readFileSync(path, 'utf8') })
const logger = pino({ level: config.log.level })
const loop = monitorEventLoopDelay({ resolution: 5 })
loop.enable()
let pausesMs: number[] = []
const collections = new PerformanceObserver(list => {
  for (const entry of list.getEntries()) {
    // Incremental steps and weak callbacks run beside the program; scavenges and full collections stop it.
    const { kind } = (entry as unknown as { detail: { kind: number } }).detail
    if (kind === constants.NODE_PERFORMANCE_GC_MINOR || kind === constants.NODE_PERFORMANCE_GC_MAJOR)
      pausesMs.push(entry.duration)
  }
})
collections.observe({ entryTypes: ['gc'] })

/** Counters as they were at the last reset, or while nothing had been read since. */
let since = { cpu: process.cpuUsage(), threads: cpuUsByThread(), ms: performance.now(), records: 0, rows: 0 }

const daemon = await startDaemon({
  config,
  logger,
  version: 'bench',
  onFatal: error => {
    console.error(error)
    process.exit(1)
  }
})

async function counter(registry: Registry, name: string): Promise<number> {
  const metric = registry.getSingleMetric(name)
  if (metric === undefined) throw new Error(`bench: the daemon has no metric ${name}; was it renamed?`)
  return (await metric.get()).values.reduce((sum, { value }) => sum + value, 0)
}

const records = (): Promise<number> => counter(daemon.registry, 'svetofor_source_records_total')
const rows = (): Promise<number> => counter(daemon.registry, 'svetofor_clickhouse_rows_total')

async function reset(): Promise<void> {
  since = {
    cpu: process.cpuUsage(),
    threads: cpuUsByThread(),
    ms: performance.now(),
    records: await records(),
    rows: await rows()
  }
  loop.reset()
  trace = []
  // Looking costs CPU, so it begins with the first reset: benches of CPU do without.
  tracer ??= setInterval(() => void tracing(), 5).unref()
  pausesMs = []
}

const traceMax = 20_000

async function figures(): Promise<DaemonFigures> {
  const used = process.cpuUsage(since.cpu)
  const wallMs = performance.now() - since.ms
  return {
    cpuUs: used.user + used.system,
    systemCpuUs: used.system,
    threadCpuUs: Object.fromEntries(
      Object.entries(cpuUsByThread()).map(([name, us]) => [name, us - (since.threads[name] ?? 0)])
    ),
    wallMs,
    records: (await records()) - since.records,
    rows: (await rows()) - since.rows,
    rejects: await counter(daemon.registry, 'svetofor_rejects_total'),
    scanned: await counter(daemon.registry, 'svetofor_records_scanned_total'),
    candidates: await counter(daemon.registry, 'svetofor_candidates_total'),
    seriesKnown: await counter(daemon.registry, 'svetofor_series_known'),
    peakRssMib: peakRssMib('self'),
    rssMib: rssMib('self'),
    loopDelayMsP99: loop.percentile(99) / 1e6,
    loopDelayMsMax: loop.max / 1e6,
    gcPauseMsP99: pausesMs.length === 0 ? 0 : percentile(pausesMs, 0.99),
    gcPauseMsMax: pausesMs.reduce((most, ms) => Math.max(most, ms), 0),
    gcPauses: pausesMs.length,
    stored: trace.slice(-traceMax)
  }
}

/** The stretch from the first batch after the last reset until this many samples are stored. */
async function stored(wanted: number, timeoutMs: number): Promise<DaemonFigures> {
  const untilMs = performance.now() + timeoutMs
  const isIdle = async (): Promise<boolean> =>
    (await records()) === since.records && (await rows()) === since.rows
  while ((await isIdle()) && performance.now() < untilMs) {
    // The clock starts at most 2 ms before the first batch; what came before it is not the pipeline's.
    since = { ...since, cpu: process.cpuUsage(), ms: performance.now() }
    await delay(2)
  }
  // Only for a look, and a dozen files to read: going on at it would be in the figure, and V8 would compile it.
  since = { ...since, threads: cpuUsByThread() }
  // Looking is CPU of the daemon too: a hundred times a second it was 0.6 % of the figure.
  while ((await rows()) - since.rows < wanted) {
    if (performance.now() > untilMs)
      throw new Error(`bench: ${(await rows()) - since.rows} of ${wanted} samples stored in ${timeoutMs} ms`)
    await delay(25)
  }
  return figures()
}

/** Samples stored by when, since the last reset; every five milliseconds, and only where something changed. */
let trace: [ms: number, rows: number][] = []
let tracer: NodeJS.Timeout | undefined
const tracing = async (): Promise<void> => {
  const stored = (await rows()) - since.rows
  if (stored !== (trace.at(-1)?.[1] ?? 0)) trace.push([Date.now(), stored])
}

async function answer(request: DaemonRequest): Promise<DaemonAnswer> {
  switch (request.type) {
    case 'reset':
      await reset()
      return figures()
    case 'figures':
      return figures()
    case 'stored':
      return stored(request.samples, request.timeoutMs)
  }
}

process.on('message', (message: DaemonRequest | { type: 'stop' }) => {
  if (message.type === 'stop') {
    void daemon.stop().finally(() => process.exit(0))
    return
  }
  answer(message).then(
    figures => process.send?.({ figures }),
    (error: unknown) => process.send?.({ error: error instanceof Error ? error.message : String(error) })
  )
})
process.on('disconnect', () => process.exit(0))
process.send?.({ ready: daemon.url })
