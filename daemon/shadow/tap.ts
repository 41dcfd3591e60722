import type { AlarmEngine } from '../../rules/alarms.ts'
import type { AlarmTransition } from '../../rules/model.ts'
import type { NewEntity } from '../../schemas/evaluation.ts'
import { packNewSeries } from '../../schemas/findings.ts'
import type { StatusEngine } from '../../status/engine/engine.ts'
import type { LightEngine } from '../../topology/lights.ts'
import type { LiveEvents, LiveLight, ShadowJudge, ShadowSeeds } from './judge.ts'

/** Who is shown what the live engine is given and does. */
export interface ShadowTarget extends Pick<ShadowJudge, 'series' | 'take' | 'tick' | 'holdSilence' | 'live'> {
  /** Indices of series and devices mean others from now on: it must begin anew. */
  forgotten(): void
}

export interface ShadowTap {
  /** The live engine, as the rest of the daemon uses it. */
  readonly engine: StatusEngine
  /** From now on the target is shown what comes; it is told of the series that are known already by and by. */
  open(target: ShadowTarget): void
  close(): void
  /** How the live engine stands now. */
  seeds(): ShadowSeeds
}

/** Series told of at once: each costs about a microsecond. */
const seriesMax = 10_000

/** While nobody is shown anything, the live engine costs what it costs by itself. */
export function createShadowTap(
  live: StatusEngine,
  alarms: Pick<AlarmEngine, 'open'>,
  lights: Pick<LightEngine, 'light'>
): ShadowTap {
  const { registry } = live
  let target: ShadowTarget | undefined
  const told = registry.cursor()
  let isForgotten = false
  registry.whenForgotten(() => (isForgotten = true))
  let isSilenceHeld = false
  let events: { alarms: AlarmTransition[]; lights: LiveLight[] } = { alarms: [], lights: [] }
  let unsubscribe: () => void = () => undefined

  /** The next series that the live engine has noted, those of one port together. */
  const nextSeries = (): NewEntity[] => {
    const entities: NewEntity[] = []
    const end = Math.min(registry.size(), told.at + seriesMax)
    while (told.at < end) {
      const first = registry.at(told.at)
      const device = registry.deviceOf(first)
      const series: number[] = []
      const signals: number[] = []
      for (let at = first; told.at < end && registry.isSamePlace(first, at); at = registry.at(++told.at)) {
        series.push(at)
        signals.push(registry.signal(at))
      }
      entities.push({
        identifiers: registry.identifiersOf(device),
        collector: registry.collectorOf(device),
        instance: registry.toldInstance(first),
        names: registry.names(first),
        profile: registry.profile(first),
        device,
        series,
        signals
      })
    }
    return entities
  }

  const tellSeries = (to: ShadowTarget, nowMs: number): void => {
    if (told.at < registry.size()) to.series(packNewSeries(nextSeries()), nowMs)
  }

  const tellEvents = (to: ShadowTarget): void => {
    if (events.alarms.length + events.lights.length === 0) return
    const happened: LiveEvents = events
    events = { alarms: [], lights: [] }
    to.live(happened)
  }

  return {
    engine: {
      ...live,
      take(result, nowMs) {
        live.take(result, nowMs)
        // Nothing is taken while devices are being forgotten.
        if (isForgotten) target?.forgotten()
        isForgotten = false
        if (target === undefined) return
        tellSeries(target, nowMs)
        if (result.block.rows > 0 || result.gone !== undefined) target.take(result, nowMs)
        tellEvents(target)
      },
      tick(nowMs, watermarkMs) {
        live.tick(nowMs, watermarkMs)
        if (target === undefined || isForgotten) return
        tellSeries(target, nowMs)
        target.tick(nowMs, watermarkMs)
        tellEvents(target)
      },
      holdSilence(held, nowMs) {
        live.holdSilence(held, nowMs)
        if (held === isSilenceHeld) return
        isSilenceHeld = held
        target?.holdSilence(held, nowMs)
      }
    },
    open(next) {
      unsubscribe()
      target = next
      told.at = 0
      isForgotten = false
      events = { alarms: [], lights: [] }
      unsubscribe = live.subscribe(event => {
        if (event.type === 'alarm') events.alarms.push(event.data)
        if (event.type !== 'light') return
        const { node, from, to, atMs } = event.data
        if (from !== to) events.lights.push({ node, from, to, atMs })
      })
    },
    close() {
      unsubscribe()
      target = undefined
    },
    seeds() {
      const inventory = live.inventory()
      const notGreen: ShadowSeeds['lights'][number][] = []
      for (let node = 0; node < inventory.nodeCount; node++) {
        const { own, effective, sinceMs } = lights.light(node)
        if (own !== 'green' || effective !== 'green')
          notGreen.push({ node: inventory.nodeId(node), own, effective, sinceMs: sinceMs ?? 0 })
      }
      return { alarms: [...alarms.open()], lights: notGreen, isSilenceHeld }
    }
  }
}
