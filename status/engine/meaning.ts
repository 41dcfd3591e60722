import { deviceSilent } from '../../rules/alarms/silent-devices.ts'
import type { Alarm } from '../../rules/model.ts'
import { portOfInstance } from '../../schemas/lanes.ts'
import type { CompiledInventory } from '../../topology/compile.ts'
import type { AlarmMeaning } from '../../topology/lights/node-alarms.ts'

/** Rules that hold only while a UPS runs on its battery. */
const onBattery: ReadonlySet<string> = new Set(['ups.on_battery', 'ups.runtime_low', 'ups.charge_low'])
/** Signals that say of a port whether it is up: by itself, or by the will of an engineer. */
const operStatus = 'if.oper_status'
const adminStatus = 'if.admin_status'

/** A service beside the network: who has no cable TV may have everything else. */
const cableTv = 'catv.'

/** What an alarm means to the network, beyond its severity: a loss of mains, a trunk port down. */
export function meaningOf(inventory: CompiledInventory, alarm: Alarm): AlarmMeaning {
  const isMainsLost = onBattery.has(alarm.type)
  const isSilence = alarm.type === deviceSilent
  const nothing = { isMainsLost, isSilence, port: null, isInPart: false }
  const { signal } = alarm.evidence
  if (signal.startsWith(cableTv)) return { ...nothing, isInPart: true }
  if (alarm.kind !== 'link' || (signal !== operStatus && signal !== adminStatus)) return nothing
  const device = inventory.deviceIndex(alarm.device)
  const instance = portOfInstance(alarm.instance)
  const end = device === undefined ? undefined : inventory.linkEnd(device, instance)
  if (end === undefined) return nothing
  return end.ways.length > 0
    ? {
        isMainsLost,
        isSilence,
        port: { device: alarm.device, instance, isByHand: signal === adminStatus },
        isInPart: false
      }
    : { isMainsLost, isSilence, port: null, isInPart: true }
}
