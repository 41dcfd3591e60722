import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createRandom } from '../../embedded/simulator/random.ts'
import type { Arrivals } from './arrivals.ts'
import { createChaosCity, longestHoldMs } from './city.ts'
import { compare, isSame, type Figures } from './compare.ts'
import { commitFault, faultsInTurn, pickFault, type FaultKind } from './faults.ts'
import { findLate } from './lateness.ts'
import { readLog, type LoggedRecord } from './log-reader.ts'
import { computeReference } from './reference.ts'
import { database, partitions, startStage, type Stage } from './stage.ts'

export interface ChaosOptions {
  readonly cycles: number
  readonly seed: number
  readonly kinds: readonly FaultKind[]
  readonly nodes: number
  /** Two daemons, of which one stands by. */
  readonly standby?: boolean
  readonly say: (line: string) => void
  /** No further fault is begun after so long; Infinity where it is left out. */
  readonly minutesMax?: number
  /** Keeps the folder of a run without differences, too. */
  readonly keep?: boolean
}

export interface ChaosResult {
  readonly figures: Figures
  readonly isSame: boolean
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>
  readonly daemonStarts: number
  readonly daemonEndedByItself: number
  /** Daemons that ended because another one had taken over. */
  readonly daemonStoodDown: number
  /** How long a standby took to be ready, from the end of the other (ms). */
  readonly takeOversMs: readonly number[]
  readonly seconds: number
  /** Where logs, data and differences are; undefined where the run was removed. */
  readonly folder: string | undefined
}

const warmUpMs = 4_000
/** How long the daemon may take to store something new after a fault, and everything at the end. */
const goesOnMsMax = 180_000
const settledMsMax = 240_000
/** Transitions are stored so soon after they were found. */
const rowsStoredMs = 2_000

/**
 * Breaks things for so many cycles while the network reports, waits until all is stored and every hold has ended, and compares
 * what is stored and shown with the undisturbed run over the same log.
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { cycles, seed, kinds, nodes, say, minutesMax = Infinity } = options
  const startedMs = performance.now()
  const folder = await mkdtemp(join(tmpdir(), `svetofor-chaos-${seed}-`))
  await mkdir(folder, { recursive: true })
  const random = createRandom(seed)
  const turns = faultsInTurn(kinds, random)
  const faults: Partial<Record<FaultKind, number>> = {}
  let stage: Stage | undefined
  try {
    stage = await startStage({ folder, nodes, seed, standby: options.standby === true, say })
    const { daemon } = stage
    await goesOn(stage, 0)
    await delay(warmUpMs)
    for (let cycle = 1; cycle <= cycles; cycle++) {
      if (performance.now() - startedMs > minutesMax * 60_000) {
        say(`${cycle - 1} of ${cycles} cycles in ${minutesMax} minutes: no more are begun`)
        break
      }
      const kind = turns.next().value
      faults[kind] = (faults[kind] ?? 0) + 1
      const before = await storedRecords(stage)
      const atMs = performance.now()
      await commitFault(kind, stage, random)
      // A reload interrupts nothing; of what does, it must recover before the next is of interest.
      await goesOn(stage, before)
      say(
        `${String(cycle).padStart(4)}/${cycles} ${kind.padEnd(15)} ${((performance.now() - atMs) / 1000).toFixed(1)} s`
      )
      await delay(random.between(0, 2_500))
    }
    const { records } = await stage.endProducer()
    // Holds are under way now, and nobody reports any more: what ends them is the daemon alone.
    const last = kinds.filter(kind => ['kill-daemon', 'restart-daemon', 'take-over', 'leave'].includes(kind))
    if (last.length > 0 && cycles > 0) await commitFault(pickFault(last, random), stage, random)
    const log = await readLog(stage.brokers, stage.topic)
    if (log.length < records)
      throw new Error(`Kafka holds ${log.length} of ${records} records that it acknowledged`)
    await settle(stage, log)
    const city = createChaosCity(nodes)
    const arrivals = await stage.endWatch()
    const late = findLate(log, arrivals, stage.outages)
    const { figures, differences } = await compare(
      await computeReference(city, log),
      { client: stage.clickhouseClient, database, url: await daemon.url() },
      {
        late,
        reference: isStored => computeReference(city, log, { endedTo: late.endedTo, isStored })
      }
    )
    const same = isSame(figures)
    const counts = daemon.counts()
    const isKept = !same || options.keep === true
    const result: ChaosResult = {
      figures,
      isSame: same,
      faults,
      daemonStarts: counts.starts,
      daemonEndedByItself: counts.endedByItself,
      daemonStoodDown: counts.stoodDown,
      takeOversMs: counts.takeOversMs,
      seconds: Math.round((performance.now() - startedMs) / 1000),
      folder: isKept ? folder : undefined
    }
    if (isKept) {
      await writeFile(join(folder, 'differences.txt'), differences.join('\n') + '\n')
      await writeFile(join(folder, 'records.txt'), recordsOf(differences, log, arrivals).join('\n') + '\n')
      await writeFile(
        join(folder, 'result.json'),
        JSON.stringify({ cycles, seed, kinds, nodes, ...result }, null, 2)
      )
    }
    await stage.close()
    if (!isKept) await rm(folder, { recursive: true, force: true })
    return result
  } catch (error) {
    await stage?.close()
    throw new Error(
      `the run with seed ${seed} could not be finished; its logs are in ${folder}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error }
    )
  }
}

/** What the devices said of which something differs, in their order, and when Kafka took it after the event (ms). */
function recordsOf(
  differences: readonly string[],
  log: readonly LoggedRecord[],
  arrivals: Arrivals
): string[] {
  const names = new Set(differences.flatMap(line => line.match(/\b(?:ups|sw)-\d+/g) ?? []))
  return log.flatMap(({ partition, offset, timestampMs, value }) => {
    const text = value.toString('utf8')
    const device = /"source":"([^"]+)"/.exec(text)?.[1] ?? ''
    if (!names.has(device)) return []
    const { notBeforeMs, byMs } = arrivals(partition, offset) ?? { notBeforeMs: NaN, byMs: NaN }
    const taken = `${notBeforeMs - timestampMs} to ${byMs - timestampMs} ms`
    return `${device} ${new Date(timestampMs).toISOString()} ${partition}/${offset} taken after ${taken}: ${text}`
  })
}

/** Records behind the stored positions, of all partitions; -1 while ClickHouse holds none. */
async function storedRecords(stage: Stage): Promise<number> {
  try {
    const ends = await storedEnds(stage)
    return [...ends.values()].reduce((sum, end) => sum + end, 0)
  } catch {
    return -1
  }
}

async function storedEnds(stage: Stage): Promise<Map<number, number>> {
  const result = await stage.clickhouseClient.query({
    query: `SELECT partition, max(offset) + 1 AS end FROM ${database}.samples WHERE series = 0 GROUP BY partition`,
    format: 'JSONEachRow'
  })
  const rows = await result.json<{ partition: number; end: string }>()
  return new Map(rows.map(({ partition, end }) => [partition, Number(end)]))
}

async function goesOn(stage: Stage, before: number): Promise<void> {
  const untilMs = performance.now() + goesOnMsMax
  while ((await storedRecords(stage)) <= before) {
    if (performance.now() > untilMs)
      throw new Error(`nothing more was stored within ${goesOnMsMax} ms after a fault`)
    await delay(100)
  }
}

/** Waits until everything is stored, and the daemon says that it knows all up to behind the end of every hold. */
async function settle(
  stage: Stage,
  log: readonly { partition: number; offset: number; timestampMs: number }[]
): Promise<void> {
  const wanted = new Map<number, number>()
  let lastMs = 0
  for (const { partition, offset, timestampMs } of log) {
    wanted.set(partition, Math.max(wanted.get(partition) ?? 0, offset + 1))
    lastMs = Math.max(lastMs, timestampMs)
  }
  const untilMs = performance.now() + settledMsMax
  for (;;) {
    const ends = await storedEnds(stage).catch(() => new Map<number, number>())
    const open = [...wanted].filter(([partition, end]) => (ends.get(partition) ?? 0) < end)
    const asOfMs = await knownToMs(await stage.daemon.url())
    if (open.length === 0 && asOfMs > lastMs + longestHoldMs) break
    if (performance.now() > untilMs)
      throw new Error(
        `not settled within ${settledMsMax} ms: all is known up to ${new Date(asOfMs).toISOString()}, the last record is of ${new Date(lastMs).toISOString()}; ${open.map(([partition, end]) => `partition ${partition} up to ${end}, has ${ends.get(partition) ?? 0}`).join('; ')} (of ${partitions})`
      )
    await delay(200)
  }
  await delay(rowsStoredMs)
}

/** Up to when the daemon has judged everything, by its own word; 0 while it gives none. */
async function knownToMs(url: string): Promise<number> {
  try {
    const answer = await fetch(`${url}/api/v1/nodes?limit=1`, { signal: AbortSignal.timeout(5_000) })
    await answer.arrayBuffer()
    return answer.ok ? Date.parse(answer.headers.get('svetofor-as-of') ?? '') || 0 : 0
  } catch {
    return 0
  }
}
