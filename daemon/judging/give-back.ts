import type { Logger } from 'pino'
import type { Forgotten, SeriesRegistry } from '../../status/engine/series-registry.ts'
import type { StatusEngine } from '../../status/engine/engine.ts'
import type { Warming } from '../../status/engine/warming.ts'
import { forgetDevices, forgotten, known, unknown, unmet } from '../../workers/memory/forget.ts'
import type { SharedState, TablesUsed } from '../../workers/memory/shared-state.ts'
import type { EvaluationPool } from '../../workers/pool.ts'

/**
 * Gives back the room of devices that the inventory does not know and that have not been heard for long, once unknown devices have nearly used up
 * what they may use (docs/adr/0009). Evaluation is held for that long, so it is done seldom, and only where it helps.
 */
export interface GiveBack {
  /** As StatusEngine.warm: while a stretch of log is judged again nothing is given back, for its end goes over the series that were met in it. */
  warm(): Warming
  stop(): Promise<void>
}

export interface GiveBackOptions extends ForgettingOptions {
  readonly engine: Pick<StatusEngine, 'registry' | 'warm'>
  readonly pool: Pick<EvaluationPool, 'exclusive' | 'stats'>
  readonly logger: Logger
  /** Told of what must not happen: then the tables cannot be trusted. */
  readonly fail: (error: unknown) => void
  /** How often it is looked whether room is short (ms). */
  readonly everyMs?: number
}

export interface ForgettingOptions {
  readonly engine: Pick<StatusEngine, 'registry'>
  readonly pool: Pick<EvaluationPool, 'exclusive'>
  readonly state: SharedState
  /** Devices that were not heard for so long are forgotten. */
  readonly idleMs: number
  readonly nowMs: () => number
}

/** Evaluation is held once in this time at most. */
const everyMsDefault = 60_000
/** Room is short from here on. */
const usedMin = 0.9
/** Less than this part of what unknown devices may use of a table is not worth it. */
const shareMin = 0.01
/** So long (ms) the main thread may do nothing else. */
const turnMsMax = 20

export function createGiveBack(options: GiveBackOptions): GiveBack {
  const { engine, pool, idleMs, logger, fail } = options
  let warming = 0
  let giving: Promise<void> | undefined

  const give = async (): Promise<void> => {
    if (!isWorthIt(options)) return
    const { heldMs, ...gone } = await forgetIdle(options, () => warming === 0)
    if (gone.devices === 0) return
    logger.warn(
      { ...gone, idleS: idleMs / 1000, heldMs: Math.round(heldMs) },
      'devices that the inventory does not know and that were not heard for long were forgotten: others have their room now'
    )
  }

  const timer = setInterval(() => {
    if (giving !== undefined || warming > 0 || !isShort(pool.stats())) return
    giving = give()
      .catch(fail)
      .finally(() => (giving = undefined))
  }, options.everyMs ?? everyMsDefault)

  return {
    warm() {
      warming++
      const under = engine.warm()
      return {
        take: result => under.take(result),
        end(read) {
          warming--
          under.end(read)
        }
      }
    },
    async stop() {
      clearInterval(timer)
      await giving
    }
  }

  function isShort({
    tables,
    tablesOfUnknown
  }: {
    tables: TablesUsed
    tablesOfUnknown: TablesUsed
  }): boolean {
    return [...Object.values(tables), ...Object.values(tablesOfUnknown)].some(used => used >= usedMin)
  }
}

const idleTest = ({ engine, state, idleMs, nowMs }: ForgettingOptions): ((device: number) => boolean) => {
  const { lastSeenMs } = state.devices
  const beforeMs = nowMs() - idleMs
  return device => engine.registry.isStranger(device) && lastSeenMs[device]! < beforeMs
}

function isWorthIt(options: ForgettingOptions): boolean {
  const { registry } = options.engine
  const { devicesMax, seriesMax } = options.state.limits
  const isIdle = idleTest(options)
  let devices = 0
  let series = 0
  for (let device = 0, end = registry.devicesEnd(); device < end; device++) {
    if (!isIdle(device)) continue
    devices++
    series += registry.seriesOf(device)
  }
  return devices > 0 && Math.max(devices / devicesMax, series / seriesMax) >= shareMin / 2
}

/**
 * Forgets all of them that are idle, in turns of the main thread, while nothing is evaluated: for `heldMs`. Nobody where it may not be, once all
 * that was under evaluation is taken.
 */
export function forgetIdle(
  options: ForgettingOptions,
  mayBe: () => boolean = () => true
): Promise<Forgotten & { readonly heldMs: number }> {
  const { pool, engine, state } = options
  return pool.exclusive(async () => {
    if (!mayBe()) return { devices: 0, series: 0, heldMs: 0 }
    const startedMs = performance.now()
    const fates = fatesOf(engine.registry, state, idleTest(options))
    const gone = await inTurns(engine.registry.forget(device => fates[device] === forgotten))
    await inTurns(forgetDevices(state, fates))
    return { ...gone, heldMs: performance.now() - startedMs }
  })
}

function fatesOf(
  registry: SeriesRegistry,
  { devicesEnd, knownNames }: SharedState,
  isIdle: (device: number) => boolean
): Uint8Array {
  const fates = new Uint8Array(devicesEnd())
  // Without an inventory there is nobody to keep room for.
  const ofStrangers = knownNames.has([]) ? known : unknown
  for (let device = 0; device < fates.length; device++) {
    if (isIdle(device)) fates[device] = forgotten
    else if (registry.isStranger(device)) fates[device] = ofStrangers
    else fates[device] = registry.isMet(device) ? known : unmet
  }
  return fates
}

async function inTurns<T>(steps: Generator<void, T>): Promise<T> {
  let fromMs = performance.now()
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    if (performance.now() - fromMs < turnMsMax) continue
    await new Promise(resolve => setImmediate(resolve))
    fromMs = performance.now()
  }
}
