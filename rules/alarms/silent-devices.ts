import type { LocalText } from '../../schemas/words.ts'
import type { Alarm, Evidence } from '../model.ts'
import { createTextRenderer } from '../texts.ts'
import { alarmId } from './identity.ts'
import type { OpenAlarms } from './open-alarms.ts'

export interface Silence {
  readonly device: string
  readonly node: string
  /** When it was last heard; null when it is heard again. */
  readonly sinceMs: number | null
  readonly nowMs: number
  /** Every device of the node is silent: the topology makes the node grey, and no alarm is opened here. */
  readonly whole: boolean
}

/** The alarm type of a silent device whose node still has others that report. */
export const deviceSilent = 'device.silent'

const silentText: LocalText = {
  ru: 'Устройство {device} не отвечает',
  en: 'Device {device} is silent'
}

/** Alarms of devices that are silent while others of their node still report. */
export interface SilentDevices {
  silence(input: Silence): void
  /** Takes up one that was open before. */
  keep(alarm: Alarm): void
  forgetAll(): void
  /** After an inventory reload: see AlarmEngine.relocate. Adds the nodes that alarms moved away from to `left`. */
  relocate(
    nodeOf: (device: string, instance: string) => string | undefined,
    nowMs: number,
    left: Set<string>
  ): void
}

export function createSilentDevices(open: OpenAlarms): SilentDevices {
  const silent = new Map<string, Alarm>()
  const renderText = createTextRenderer()
  return {
    silence({ device, node, sinceMs, nowMs, whole }) {
      const alarm = silent.get(device)
      if (sinceMs === null) {
        if (alarm === undefined) return
        silent.delete(device)
        open.clear(alarm, nowMs)
        return
      }
      if (alarm !== undefined || whole) return
      const key = { resource: device, type: deviceSilent, qualifier: '' }
      const evidence: Evidence = {
        rule: deviceSilent,
        signal: '',
        value: 0,
        limit: null,
        valueName: null,
        eventTimeMs: sinceMs,
        coordinates: null
      }
      const raised: Alarm = {
        ...key,
        id: alarmId(key, sinceMs),
        node,
        device,
        instance: '',
        kind: 'device',
        severity: 'warning',
        isCleared: false,
        raisedAtMs: sinceMs,
        changedAtMs: nowMs,
        clearedAtMs: null,
        text: renderText(silentText, evidence, { device, instance: '', node }),
        evidence
      }
      silent.set(device, raised)
      open.emit(raised, 'raised', nowMs)
    },
    keep(alarm) {
      silent.set(alarm.device, alarm)
      open.keep(alarm)
    },
    forgetAll: () => silent.clear(),
    relocate(nodeOf, nowMs, left) {
      for (const alarm of [...silent.values()]) {
        const node = nodeOf(alarm.device, '')
        if (node === undefined) {
          silent.delete(alarm.device)
          open.clear(alarm, nowMs)
        } else if (node !== alarm.node) {
          left.add(alarm.node)
          const moved = { ...alarm, node, changedAtMs: Math.max(nowMs, alarm.changedAtMs) }
          silent.set(alarm.device, moved)
          open.emit(moved, 'changed', moved.changedAtMs)
        }
      }
    }
  }
}
