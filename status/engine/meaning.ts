import { deviceSilent } from '../../rules/alarms/silent-devices.ts'
import { absentName, type Alarm } from '../../rules/model.ts'
import { portOfInstance } from '../../schemas/lanes.ts'
import type { CompiledInventory } from '../../topology/compile.ts'
import type { AlarmMeaning } from '../../topology/lights/node-alarms.ts'

/** Rules that hold only while a UPS runs on its battery. */
const onBattery: ReadonlySet<string> = new Set([
  'ups.on_battery',
  'ups.runtime_low',
  'ups.charge_low',
  'ups.on_bad_battery'
])
/** Rules that hold when the power of a switch goes. */
const lastWords: ReadonlySet<string> = new Set(['power.dying_gasp', 'power.peer_dying_gasp'])
/** Holds when the mains are back, until the battery is charged again. */
const leftByCut = 'ups.battery_low_on_mains'
/** Signals that say of a port whether it is up: by itself, or by the will of an engineer. */
const operStatus = 'if.oper_status'
const adminStatus = 'if.admin_status'
/** What it says of a ring. */
const ringState = 'erps.state'

/** A service beside the network: who has no cable TV may have everything else. */
const cableTv = 'catv'

/** It says that its UPS runs on battery. */
export const saysMainsLost = ({ type }: Pick<Alarm, 'type'>): boolean => onBattery.has(type)

/**
 * What an alarm means to the network, beyond its severity: a loss of mains, a trunk port down.
 *
 * @param isLinkTold whether a device tells of its trunk ports when they are down, so that it would have said so
 */
export function meaningOf(
  inventory: CompiledInventory,
  alarm: Alarm,
  isLinkTold: (device: string) => boolean
): AlarmMeaning {
  const isLastWord = lastWords.has(alarm.type)
  const isMainsLost = isLastWord || saysMainsLost(alarm)
  const isSilence = alarm.type === deviceSilent
  // A battery that is nearly flat and a weak level are dangers to what works; whose only switch has lost its power is out. Where
  // nobody says that the link is up, a level is all that is known of it; too much light is no loss of it.
  const isRisk =
    (alarm.kind === 'power' && !(isLastWord && isOnlySwitch(inventory, alarm.node))) ||
    (alarm.kind === 'optics' && (alarm.qualifier === 'high' || isLinkTold(alarm.device)))
  const nothing = {
    isMainsLost,
    isSilence,
    port: null,
    isInPart: false,
    isRisk,
    ...(alarm.type === leftByCut && { isLeftByCut: true })
  }
  const { signal, valueName } = alarm.evidence
  // A port that is not reported is not known to be down.
  if (valueName === absentName) return nothing
  if (signal.startsWith(cableTv)) return { ...nothing, isInPart: true, service: cableTv }
  if (alarm.kind === 'link' && signal === ringState) return { ...nothing, isOfRing: true }
  if (alarm.kind !== 'link' || (signal !== operStatus && signal !== adminStatus)) return nothing
  const device = inventory.deviceIndex(alarm.device)
  const instance = portOfInstance(alarm.instance)
  const end = device === undefined ? undefined : inventory.linkEnd(device, instance)
  if (end === undefined) return nothing
  return end.ways.length > 0
    ? { ...nothing, port: { device: alarm.device, instance, isByHand: signal === adminStatus } }
    : { ...nothing, isInPart: true }
}

/** Whether the node has no other switch, which may work on. */
function isOnlySwitch(inventory: CompiledInventory, node: string): boolean {
  const index = inventory.nodeIndex(node)
  const devices = index === undefined ? [] : inventory.devicesOfNode(index)
  return devices.filter(device => inventory.makeOf(device).role === 'switch').length <= 1
}
