import type { AlarmEngine } from '../../rules/alarms.ts'
import { deviceSilent } from '../../rules/alarms/silent-devices.ts'
import type { CompiledInventory } from '../../topology/compile.ts'
import type { LightEngine } from '../../topology/lights.ts'
import type { SilenceWatch } from './silence.ts'

/** Of so many neighbours at least that fall silent, by so much apart (ms), it is what they hang on. */
const severalMin = 2
const togetherMs = 60_000

/** Carries what the silence watch finds to the lights, and to the alarms of devices that are silent alone. */
export interface SilenceTeller {
  /** `toMs`: what was sent by then has been heard. */
  sweep(toMs: number, nowMs: number): void
  /** The last sweep has found more than one tells. */
  isBehind(): boolean
  /** A device that was silent before a restart is so until it is heard, so that no incident closes by restarting. */
  restore(device: number, sinceMs: number, unheardToMs: number): void
  /** The same for those with an open alarm that says so. */
  restoreAlarmed(): void
}

export interface SilenceTellerOptions {
  readonly inventory: () => CompiledInventory
  readonly silence: SilenceWatch
  readonly alarms: Pick<AlarmEngine, 'silence' | 'open'>
  readonly lights: Pick<LightEngine, 'setDeviceSilence' | 'setCollectorSilence' | 'leaveCollectors' | 'isCut'>
}

export function createSilenceTeller(options: SilenceTellerOptions): SilenceTeller {
  const { silence, alarms, lights } = options
  let isBehind = false
  /** Ids of devices that a collector has lost, and that are silent to the lights with others, since when (ms; null for not known). */
  const silentWithOthers = new Map<string, number | null>()

  const isUnheard = (device: number): boolean => silence.isSilent(device) || silence.isLost(device)

  /** Since when a node is silent, or told to be (ms); undefined while it is heard, null where its collector has lost all of it. */
  const silentSince = (inventory: CompiledInventory, node: number): number | null | undefined => {
    let sinceMs: number | null = null
    for (const device of inventory.devicesOfNode(node)) {
      if (!isUnheard(device)) return undefined
      const toldMs = silentWithOthers.get(inventory.deviceId(device))
      const deviceMs = silence.isSilent(device) ? silence.lastSeenMs(device) : toldMs
      if (deviceMs !== undefined) sinceMs = Math.max(sinceMs ?? 0, deviceMs ?? 0)
    }
    return sinceMs
  }

  /**
   * A collector has lost all of a node, so that its own silence says nothing. But where several hang on it alone that others hear, and all of
   * them fell silent together since, it is dark itself: since when, or undefined.
   */
  const darkBelowSince = (inventory: CompiledInventory, node: number): number | undefined => {
    const devices = inventory.devicesOfNode(node)
    if (devices.length === 0 || !devices.every(device => silence.isLost(device))) return undefined
    const { childStart, childList, parentStart } = inventory
    let firstMs = Infinity
    let lastMs = -Infinity
    /** Until when each of them may have been well: one poll may have been lost by chance. */
    let wellMs = Infinity
    let count = 0
    for (let at = childStart[node]!; at < childStart[node + 1]!; at++) {
      const child = childList[at]!
      if (parentStart[child + 1]! - parentStart[child]! > 1) continue
      const sinceMs = silentSince(inventory, child)
      if (sinceMs === undefined) return undefined
      if (sinceMs === null) continue
      let intervalMs = 0
      for (const device of inventory.devicesOfNode(child))
        intervalMs = Math.max(intervalMs, silence.intervalMs(device))
      count++
      firstMs = Math.min(firstMs, sinceMs)
      lastMs = Math.max(lastMs, sinceMs)
      wellMs = Math.min(wellMs, sinceMs + 2 * intervalMs)
    }
    const heardMs = Math.max(...devices.map(device => silence.lastSeenMs(device) ?? 0))
    const isTogether = lastMs <= wellMs + togetherMs && wellMs >= heardMs
    return count >= severalMin && isTogether ? firstMs : undefined
  }

  /**
   * What a collector has lost is not silent. But where the other devices of its node fall silent afterwards, nothing is heard of that node at
   * all, and so it is dark, whatever its lost device would say.
   */
  const tellLost = (node: number): boolean => {
    const inventory = options.inventory()
    const devices = inventory.devicesOfNode(node)
    const isDark = devices.some(device => silence.isSilent(device)) && devices.every(isUnheard)
    const belowMs = isDark ? undefined : darkBelowSince(inventory, node)
    let hasChanged = false
    for (const device of devices) {
      const id = inventory.deviceId(device)
      const isSilent = (isDark || belowMs !== undefined) && silence.isLost(device)
      if (isSilent === silentWithOthers.has(id)) continue
      hasChanged = true
      const sinceMs = isSilent ? (belowMs ?? silence.lastSeenMs(device)) : null
      if (isSilent) silentWithOthers.set(id, sinceMs)
      else silentWithOthers.delete(id)
      // Whether it is silent by itself is told by itself.
      if (!silence.isSilent(device)) lights.setDeviceSilence(device, sinceMs)
    }
    return hasChanged
  }

  /** The same of those above these, each once, for as long as what is told of one means something for the next. */
  const tellLostAbove = (nodes: ReadonlySet<number>): void => {
    const inventory = options.inventory()
    const { home } = inventory
    const above = new Set<number>()
    for (const node of nodes) if (home[node]! >= 0) above.add(home[node]!)
    // In a storm nearly all stand below what no collector has lost.
    const isLost = (node: number): boolean =>
      inventory.devicesOfNode(node).some(device => silence.isLost(device))
    for (const node of above) for (let at = node; at >= 0 && isLost(at) && tellLost(at); at = home[at]!);
  }

  /** A silent device is an alarm only while others of its node report: all of them silent is a grey node. */
  const tellAlarms = (node: number, nowMs: number): void => {
    const inventory = options.inventory()
    const devices = inventory.devicesOfNode(node)
    const whole = devices.every(isUnheard)
    for (const device of devices) {
      const sinceMs = silence.isSilent(device) ? (silence.lastSeenMs(device) ?? nowMs) : null
      alarms.silence({
        device: inventory.deviceId(device),
        node: inventory.nodeId(node),
        sinceMs,
        nowMs,
        whole
      })
    }
  }

  const restore = (device: number, sinceMs: number, unheardToMs: number): void => {
    silence.restore(device, unheardToMs)
    lights.setDeviceSilence(device, sinceMs)
  }

  return {
    sweep(toMs, nowMs) {
      const inventory = options.inventory()
      const changed = silence.sweep(toMs)
      isBehind = changed.more
      const touchedNodes = new Set<number>()
      for (const { device, sinceMs } of changed.devices) {
        lights.setDeviceSilence(device, sinceMs, sinceMs !== null && silence.lastSeenMs(device) === null)
        touchedNodes.add(inventory.nodeOfDevice(device))
      }
      for (const device of changed.foundAgain) {
        const node = inventory.nodeOfDevice(device)
        const isTold = (other: number): boolean =>
          silence.isSilent(other) || silentWithOthers.has(inventory.deviceId(other))
        if (inventory.devicesOfNode(node).some(isTold)) touchedNodes.add(node)
      }
      // Who is lost no longer, because its collector is back, is not named.
      if (changed.collectors.length > 0) {
        for (const id of silentWithOthers.keys()) {
          const device = inventory.deviceIndex(id)
          if (device !== undefined) touchedNodes.add(inventory.nodeOfDevice(device))
        }
      }
      for (const node of touchedNodes) {
        tellLost(node)
        tellAlarms(node, nowMs)
      }
      tellLostAbove(touchedNodes)
      for (const { collector, devices, sinceMs } of changed.collectors) {
        // A node of which another collector still hears something is not in the dark, and one that is cut off is explained.
        const members = new Set(devices)
        const isNotHeard = (device: number): boolean => members.has(device) || silence.isSilent(device)
        const nodes = [...new Set(devices.map(device => inventory.nodeOfDevice(device)))]
        const reached = nodes.filter(node => !lights.isCut(node))
        // Where most of its nodes are cut off, that is why it has nothing to tell.
        if (sinceMs !== null && reached.length * 2 < nodes.length) continue
        const dark = reached.filter(node => inventory.devicesOfNode(node).every(isNotHeard))
        lights.setCollectorSilence(collector, dark, sinceMs, sinceMs !== null && nodes.length > 0)
      }
      for (const device of changed.foundAgain) lights.leaveCollectors(inventory.nodeOfDevice(device))
    },
    isBehind: () => isBehind,
    restore,
    restoreAlarmed() {
      for (const alarm of alarms.open()) {
        const index = alarm.type === deviceSilent ? options.inventory().deviceIndex(alarm.device) : undefined
        // It is raised as of when the device was heard last, and was found out when its limit had passed.
        if (index !== undefined) restore(index, alarm.raisedAtMs, alarm.raisedAtMs + silence.limitMs(index))
      }
    }
  }
}
