import { createWriteStream } from 'node:fs'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { packageRoot } from '../../schemas/package-root.ts'
import { generateCity, type City } from './city.ts'
import { inventoryNdjson, inventoryYaml } from '../../topology/write.ts'
import { encoderFor, type Format } from './encode-other.ts'
import { devicesAtRate, recordsPerSecond } from './rate.ts'
import { runSimulator, type SimulatorRun } from './run.ts'
import { parseScenario, quietScenario, type Fault, type FaultNews, type Scenario } from './scenario.ts'
import { createSimulation, type Simulation } from './simulation.ts'
import { connectKafkaSink, type RecordSink } from './sink.ts'

const scenarioFolder = join(packageRoot, 'embedded', 'simulator', 'scenarios')
const defaultIntervalS = 60

/** Reads a shipped scenario by its name (`demo`, `quiet`) or any by its path. Rejects with what to do. */
export async function readScenario(nameOrFile: string): Promise<Scenario> {
  if (nameOrFile === quietScenario.name) return quietScenario
  const shipped = !/[./\\]/.test(nameOrFile)
  const file = shipped ? join(scenarioFolder, `${nameOrFile}.yaml`) : nameOrFile
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const names = (await readdir(scenarioFolder)).map(name => name.replace(/\.yaml$/, ''))
    const known = [quietScenario.name, ...names].join(', ')
    throw new Error(`simulator: no scenario ${nameOrFile}: use one of ${known}, or the path of a file`, {
      cause: error
    })
  }
  return parseScenario(file, text)
}

/** A city whose devices are polled so often that they give `ratePerS` records a second; 0 leaves a minute. */
export function cityAtRate(options: {
  readonly nodes: number
  readonly seed: number
  readonly ratePerS: number
  readonly equipment?: 'full' | 'light'
}): City {
  const city = generateCity({
    nodes: options.nodes,
    seed: options.seed,
    ...(options.equipment === undefined ? {} : { equipment: options.equipment })
  })
  if (options.ratePerS === 0) return city
  return { ...city, devices: devicesAtRate(city.devices, options.ratePerS, defaultIntervalS) }
}

/** Writes the city as an inventory file: YAML for a `.yaml` name, else NDJSON, streamed. */
export async function writeInventory(file: string, city: City): Promise<void> {
  // An inventory gives whole seconds; a device that is polled more often is still not silent sooner.
  const devices = city.devices.map(d => ({ ...d, intervalS: Math.max(1, Math.ceil(d.intervalS)) }))
  if (/^\.ya?ml$/.test(extname(file))) await writeFile(file, inventoryYaml(city.nodes, devices))
  else await pipeline(Readable.from(inventoryNdjson(city.nodes, devices)), createWriteStream(file))
}

export interface CitySimulatorOptions {
  readonly city: City
  readonly scenario: Scenario
  readonly seed: number
  readonly sink: RecordSink
  readonly format?: Format
  readonly profile?: 'light' | 'full'
  readonly startMs?: number
  readonly recordsMax?: number
  readonly durationMs?: number
  readonly flatOut?: boolean
  readonly onFault?: (news: FaultNews) => void
  readonly onSent?: (records: number) => void
}

/** Plays a city by the wall clock into a sink: what `svetofor simulate` and the demonstration run. */
export function startCitySimulator(
  options: CitySimulatorOptions
): SimulatorRun & { readonly simulation: Simulation } {
  const startMs = options.startMs ?? Date.now()
  const simulation = createSimulation({
    nodes: options.city.nodes,
    devices: options.city.devices,
    scenario: options.scenario,
    seed: options.seed,
    startMs,
    intervalMs: defaultIntervalS * 1000,
    encode: encoderFor(options.format ?? 'telegraf'),
    profile: options.profile ?? 'light',
    ...(options.onFault === undefined ? {} : { onFault: options.onFault })
  })
  const run = runSimulator({
    simulation,
    sink: options.sink,
    startMs,
    recordsMax: options.recordsMax ?? 0,
    durationMs: options.durationMs ?? 0,
    flatOut: options.flatOut ?? false,
    ...(options.onSent === undefined ? {} : { onSent: options.onSent })
  })
  return { ...run, simulation }
}

const faultWords: Readonly<Record<Fault, string>> = {
  mains_cut: 'mains cut',
  fibre_cut: 'fibre cut',
  dirty_optic: 'optic going dirty',
  weak_catv: 'weak cable TV signal',
  switch_dead: 'switch dead',
  ups_self_test: 'UPS self-test (no fault)',
  worn_battery: 'worn battery',
  dead_collector: 'collector dead',
  subscriber_storm: 'storm of subscriber ports'
}

/** One line for the person who watches. */
export function faultSentence(news: FaultNews): string {
  if (news.phase === 'nowhere') return `${faultWords[news.fault]}: no node of this city is ${news.what}`
  const where = `${news.nodeName} (${news.nodeId})`
  if (news.phase === 'ends') return `${faultWords[news.fault]} at ${where} is over`
  const what = news.what === '' ? '' : `, ${news.what}`
  const below = news.nodesBelow === 0 ? '' : `, ${news.nodesBelow} nodes below`
  const forS = Math.round((news.endsAtMs - news.atMs) / 1000)
  return `${faultWords[news.fault]} at ${where}${what}${below}; lasts ${forS} s`
}

/** The options of `svetofor simulate`, as the command line gives them. */
export interface SimulateCommand {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly nodes: number
  readonly seed: number
  /** Records a second; 0: every device once a minute. */
  readonly rate: number
  readonly format: Format
  /** Name of a shipped scenario or path of a file. */
  readonly scenario: string
  /** Stop after so many records; 0 for never. */
  readonly count: number
  /** Stop after this (ms); 0 for never. */
  readonly durationMs: number
  /** Every access port as well, as a collector that polls everything. */
  readonly fullPorts: boolean
  /** Do not wait for the clock (needs a count or a duration). */
  readonly flatOut: boolean
  /** Write the city's inventory here first. */
  readonly inventory: string | null
  readonly inventoryOnly: boolean
}

/** Runs `svetofor simulate` until it is done or the signal comes; resolves with the number of records sent. */
export async function simulateCommand(
  command: SimulateCommand,
  io: { readonly say: (line: string) => void; readonly signal: AbortSignal }
): Promise<number> {
  const scenario = await readScenario(command.scenario)
  const city = cityAtRate({ nodes: command.nodes, seed: command.seed, ratePerS: command.rate })
  if (command.inventory !== null) {
    await writeInventory(command.inventory, city)
    io.say(`inventory of ${city.nodes.length} nodes and ${city.devices.length} devices: ${command.inventory}`)
    if (command.inventoryOnly) return 0
  }
  const rate = recordsPerSecond(city.devices, defaultIntervalS)
  io.say(
    `${city.nodes.length} nodes, ${city.devices.length} devices, about ${Math.round(rate)} records/s of ` +
      `${command.format} into ${command.topic} at ${command.brokers.join(',')}; scenario ${scenario.name}`
  )
  const sink = await connectKafkaSink({ brokers: command.brokers, topic: command.topic })
  const simulator = startCitySimulator({
    city,
    scenario,
    seed: command.seed,
    sink,
    format: command.format,
    profile: command.fullPorts ? 'full' : 'light',
    recordsMax: command.count,
    durationMs: command.durationMs,
    flatOut: command.flatOut,
    onFault: news => io.say(faultSentence(news))
  })
  const stop = (): void => void simulator.stop().catch(() => undefined)
  io.signal.addEventListener('abort', stop, { once: true })
  if (io.signal.aborted) stop()
  try {
    const sent = await simulator.done
    io.say(`${sent} records sent`)
    return sent
  } finally {
    io.signal.removeEventListener('abort', stop)
  }
}
