import type { AlarmEngine } from '../../rules/alarms.ts'
import { explainDevice, type KnownSeries } from '../../rules/explain.ts'
import { knownBaseline } from '../../rules/measures/baselines.ts'
import { knownRate } from '../../rules/measures/rates.ts'
import type { RuleExplanation } from '../../rules/explained.ts'
import { portOfInstance } from '../../schemas/lanes.ts'
import { signalIds } from '../../schemas/signals.ts'
import type { LatestReading } from '../../schemas/history.ts'
import { portKey } from '../../topology/ports.ts'
import { placeAttributesOf } from './assign.ts'
import type { StatusEngine } from './engine.ts'
import type { NodeExplanation } from '../view.ts'

/**
 * Why the rules of a node raised or did not. What speaks for a node are its own devices, and the ports of its parents that lead
 * to it. The engine keeps what is on and how long, but no readings: these are given.
 */
export interface Explaining {
  /** Devices whose readings are needed; undefined for a node the inventory does not have. */
  devicesFor(id: string): readonly string[] | undefined
  explain(id: string, readings: readonly LatestReading[], nowMs: number): NodeExplanation | undefined
}

export function createExplaining(engine: StatusEngine, alarms: AlarmEngine): Explaining {
  /** Devices of the node with all they tell, and those of its parents with the ports that lead to it. */
  const speakersOf = (node: number): { device: number; ports: ReadonlySet<string> | null }[] => {
    const inventory = engine.inventory()
    const id = inventory.nodeId(node)
    const own = inventory.devicesOfNode(node).map(device => ({ device, ports: null }))
    const above = inventory.parentsOf(node).flatMap(parent =>
      inventory.devicesOfNode(parent).flatMap(device => {
        const { ports } = inventory.device(device)
        const leading = ports.filter(({ role, peer }) => role === 'downlink' && peer === id)
        return leading.length === 0 ? [] : [{ device, ports: new Set(leading.map(portKey)) }]
      })
    )
    return [...own, ...above]
  }

  /** Series of a device in the shared state, by `signal/instance` as they are told; where a number has had several ports, the one heard last. */
  const sharedSeriesOf = (device: number): ReadonlyMap<string, number> => {
    const { registry, series: state } = engine
    const found = new Map<string, number>()
    for (const index of registry.indicesOf(device))
      registry.eachOfDevice(index, series => {
        const key = `${registry.signal(series)}/${registry.toldInstance(series)}`
        const other = found.get(key)
        if (other === undefined || state.lastTimeMs[series]! >= state.lastTimeMs[other]!)
          found.set(key, series)
      })
    return found
  }

  /** Of readings of one signal and port, which has had several numbers or is told by several sources, the newest. */
  const newestOf = (all: readonly KnownSeries[]): readonly KnownSeries[] => {
    const newest = new Map<string, KnownSeries>()
    for (const each of all) {
      const key = `${each.signal}/${each.instance}`
      if ((each.last?.timeMs ?? 0) >= (newest.get(key)?.last?.timeMs ?? 0)) newest.set(key, each)
    }
    return [...newest.values()]
  }

  return {
    devicesFor(id) {
      const inventory = engine.inventory()
      const node = inventory.nodeIndex(id)
      return node === undefined ? undefined : speakersOf(node).map(({ device }) => inventory.deviceId(device))
    },
    explain(id, readings, nowMs) {
      const inventory = engine.inventory()
      const node = inventory.nodeIndex(id)
      if (node === undefined) return undefined
      const rules: RuleExplanation[] = []
      for (const { device, ports } of speakersOf(node)) {
        const deviceId = inventory.deviceId(device)
        const shared = sharedSeriesOf(device)
        const told = readings.flatMap(({ device: of, signal, instance: as, last }): KnownSeries[] => {
          const number = signalIds.get(signal)
          if (of !== deviceId || number === undefined) return []
          const known = shared.get(`${number}/${as}`)
          const instance = known === undefined ? as : engine.registry.instance(known)
          if (ports !== null && !ports.has(portOfInstance(instance))) return []
          return [
            {
              signal: number,
              instance,
              last,
              ...(known === undefined
                ? {}
                : {
                    rateOf: rate => knownRate(engine.series.rates, known, rate),
                    baselineOf: (change, learning) =>
                      knownBaseline(engine.series.baselines, known, change, learning)
                  })
            }
          ]
        })
        const found = explainDevice({
          compiled: engine.rules(),
          device: deviceId,
          attributesOf: instance => placeAttributesOf(inventory, device, instance),
          series: newestOf(told),
          standingOf: (scope, instance) =>
            scope === 'over-node'
              ? alarms.standing(scope, '', id)
              : alarms.standing(scope, deviceId, instance),
          nowMs
        })
        // A port towards a child speaks for the child, and of a parent only the ports that lead here are asked.
        const isOthers = (instance: string): boolean => {
          const port = inventory.port(device, instance)
          return port?.role === 'downlink' && port.peer !== '' && port.peer !== id
        }
        rules.push(
          ...found.filter(({ scope, instance, rule: name }) =>
            // What is about the node is told with the first of its devices.
            scope === 'over-node' && rules.some(({ rule }) => rule === name)
              ? false
              : ports === null
                ? !isOthers(instance)
                : scope === 'instance' || scope === 'over-port'
          )
        )
      }
      const { silence } = engine
      return {
        id,
        name: inventory.nodeName(node),
        rules,
        devices: inventory.devicesOfNode(node).map(device => ({
          id: inventory.deviceId(device),
          lastHeardMs: silence.lastSeenMs(device),
          intervalMs: silence.intervalMs(device),
          limitMs: silence.limitMs(device),
          isSilent: silence.isSilent(device),
          clockOffsetMs: engine.clocks.offsetMs(device)
        }))
      }
    }
  }
}
