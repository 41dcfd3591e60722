import { once } from 'node:events'
import { PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { createStatusServer } from '../../status/http/server.ts'
import { tiers } from '../../schemas/words.ts'
import { percentile } from '../support/figures.ts'
import { createLargeNetwork, type LargeNetwork } from '../support/large-network.ts'
import type { Bench } from '../support/stage.ts'
import { mainThreadCpu } from '../support/thread-cpu.ts'

const sizes = [200_000, 1_000_000]
const asksEach = 40

/**
 * How long the main thread is held by one request for a level of the tree, a page of nodes, incidents or the summary: quiet, with
 * 1,000 incidents, and with every second building out. Requests do not leave the process.
 */
export const lists: Bench = async options => {
  const figures: Record<string, number> = {}
  for (const nodes of options.size === undefined ? sizes : [options.size]) {
    const network = await createLargeNetwork(nodes)
    const buildings = nodesOfTier(network, 'building')
    const every = (n: number): number[] => buildings.filter((_, i) => i % n === 0)
    await measure(network, `${nodes}_quiet`, figures, options.say)
    network.fail(every(Math.ceil(buildings.length / 1000)), 'red')
    await measure(network, `${nodes}_1000`, figures, options.say)
    network.fail(every(2), 'yellow')
    await measure(network, `${nodes}_half`, figures, options.say)
  }
  return figures
}

const nodesOfTier = ({ inventory }: LargeNetwork, tier: string): number[] =>
  Array.from({ length: inventory.nodeCount }, (_, node) => node).filter(
    node => inventory.tierOf(node) === tier
  )

async function measure(
  { view, inventory }: LargeNetwork,
  name: string,
  figures: Record<string, number>,
  say: (line: string) => void
): Promise<void> {
  const server = await createStatusServer({
    view,
    history: { nodeHistory: () => Promise.resolve([]), latestReadings: () => Promise.resolve([]) },
    registry: new Registry(),
    logger: pino({ enabled: false }),
    host: '127.0.0.1',
    port: 0,
    tokens: [],
    version: 'bench',
    processMetrics: false
  })
  const first = (tier: string): string =>
    inventory.nodeId(nodesOfTier({ inventory } as LargeNetwork, tier)[0]!)
  const [core, district, area, campus, building] = tiers.map(first)
  const paths = [
    'nodes?top=true',
    `nodes?parent=${core}`,
    `nodes?parent=${district}&trouble=true`,
    `nodes?parent=${area}&limit=1000`,
    `nodes?parent=${campus}`,
    `nodes?path=${building}`,
    'nodes?limit=1000',
    'nodes?light=red&limit=1000',
    'nodes?tier=building&light=green&limit=1000',
    `nodes?under=${district}&trouble=true&limit=1000`,
    'nodes?name=15&limit=10',
    `nodes/${core}`,
    `nodes/${campus}`,
    'incidents?open=true&limit=100',
    `incidents?under=${district}&kind=link&sort=newest&limit=100`,
    'summary',
    'tree'
  ]
  // Answers of inject take their turns on this thread, too: the longest piece is what is between two turns.
  let pieces: Piece[] = []
  let lastMs = performance.now()
  // And what this thread used meanwhile: on a machine that others use, the clock counts their turns.
  const cpuMs = mainThreadCpu()
  let lastCpuMs = cpuMs()
  let isOver = false
  const note = (): void => {
    const nowMs = performance.now()
    const usedMs = cpuMs()
    pieces.push({ fromMs: lastMs, toMs: nowMs, cpuMs: usedMs - lastCpuMs })
    lastCpuMs = usedMs
    lastMs = performance.now()
  }
  let collections: PerformanceEntry[] = []
  let heard: () => void = () => undefined
  const observer = new PerformanceObserver(list => {
    collections.push(...list.getEntries())
    heard()
  })
  observer.observe({ entryTypes: ['gc'] })
  const collectionsSoFar = async (): Promise<void> => {
    const askedMs = performance.now()
    collectYoung()
    while (!collections.some(({ startTime }) => startTime >= askedMs))
      await new Promise<void>(resolve => (heard = resolve))
  }
  const beat = (): void => {
    note()
    if (!isOver) setImmediate(beat)
  }
  const ms = (values: readonly number[], share: number): number =>
    percentile(Float64Array.from(values), share)
  // What making the network and failing it left behind is not of the requests.
  collect()
  for (const path of paths) {
    // As a stream, or its being put together for the test would be counted.
    const ask = async (): Promise<number> => {
      const { statusCode, stream } = await server.app.inject({
        url: `/api/v1/${path}`,
        payloadAsStream: true
      })
      const parts = stream()
      parts.resume()
      await once(parts, 'end')
      return statusCode
    }
    const times = path.includes('name=') || path === 'tree' ? 5 : asksEach
    for (let i = 0; i < 10; i++) if (times === asksEach) await ask()
    const held: number[] = []
    /** Without collection and the turns of other processes: those fall to whoever happens to be at work. */
    const own: number[] = []
    for (let i = 0; i < times; i++) {
      isOver = false
      note()
      pieces = []
      setImmediate(beat)
      const statusCode = await ask()
      note()
      isOver = true
      if (statusCode !== 200) throw new Error(`lists: ${path} was answered by ${statusCode}`)
      const asked = [...pieces]
      held.push(Math.max(...asked.map(({ fromMs, toMs }) => toMs - fromMs)))
      // Its entries come turns later, so one is made to come behind all that are waited for.
      await collectionsSoFar()
      own.push(Math.max(...asked.map(piece => ownMs(piece, collections))))
      collections = []
    }
    say(
      `${name} ${path}: held p50 ${ms(held, 0.5).toFixed(2)} ms, longest ${ms(held, 1).toFixed(2)} ms; its own work p50 ${ms(own, 0.5).toFixed(2)} ms, longest ${ms(own, 1).toFixed(2)} ms`
    )
    for (const [key, share] of Object.entries({ p50: 0.5, longest: 1 })) {
      const figure = `held_${key}_ms_${name}`
      figures[figure] = Math.max(figures[figure] ?? 0, ms(held, share))
      const ownFigure = `held_${key}_own_ms_${name}`
      figures[ownFigure] = Math.max(figures[ownFigure] ?? 0, ms(own, share))
    }
  }
  observer.disconnect()
  await server.close()
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as (how?: { type: 'minor' }) => void
const collectYoung = (): void => collect({ type: 'minor' })

/** What is between two turns of the main thread: by the clock, and what the thread used of its core. */
interface Piece {
  readonly fromMs: number
  readonly toMs: number
  readonly cpuMs: number
}

/**
 * What a piece itself worked (ms). Its time by the clock less collection counts the turns of other processes too, and what the thread
 * used counts collection: the work is at most the smaller one.
 */
function ownMs({ fromMs, toMs, cpuMs }: Piece, collections: readonly PerformanceEntry[]): number {
  const collected = collections.reduce(
    (sum, { startTime, duration }) =>
      sum + Math.max(0, Math.min(toMs, startTime + duration) - Math.max(fromMs, startTime)),
    0
  )
  return Math.min(toMs - fromMs - collected, cpuMs)
}
