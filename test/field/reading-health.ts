import { among, coded, whole, type Add } from './reading-parts.ts'
import type { Walk } from './walk.ts'

/** What switches say of themselves, read off a walk as in reading.ts: processor, memory, heat, fans and power supplies. */

type States = readonly (string | undefined)[]

/** A column of codes, by the names of a signal. */
function readStates(walk: Walk, add: Add, column: string, signal: string, names: States): void {
  for (const { oid, index } of walk.below(column))
    add(signal, index, coded(signal, names[whole(walk, oid) ?? -1]), oid)
}

function readNumbers(
  walk: Walk,
  add: Add,
  column: string,
  signal: string,
  least: number,
  most: number
): void {
  for (const { oid, index } of walk.below(column))
    add(signal, index, among(whole(walk, oid), least, most), oid)
}

export function readDlinkHealth(walk: Walk, add: Add): void {
  const dlink = '1.3.6.1.4.1.171'
  const percent = (signal: string, oid: string): void => add(signal, '', among(whole(walk, oid), 0, 100), oid)
  percent('device.cpu_pct', `${dlink}.12.1.1.6.3.0`)
  for (const model of ['10.75.15.2', '10.76.28.1']) {
    percent('device.cpu_pct', `${dlink}.${model}.100.1.3.0`)
    percent('device.memory_pct', `${dlink}.${model}.100.2.3.0`)
  }
  readNumbers(walk, add, `${dlink}.12.1.1.9.1.4`, 'device.memory_pct', 0, 100)
  readNumbers(walk, add, `${dlink}.12.11.1.8.1.2`, 'device.temp_c', -60, 200)
  const turning = ['normal', 'normal', 'normal', 'normal']
  readStates(walk, add, `${dlink}.12.11.1.7.1.3`, 'device.fan_state', [
    'absent',
    'normal',
    'failed',
    ...turning
  ])
  const supply = ['absent', 'warning', 'warning', 'normal', 'failed', 'absent', 'absent']
  readStates(walk, add, `${dlink}.12.11.1.6.1.3`, 'device.psu_state', supply)
  const newer = `${dlink}.14.5.1`
  readNumbers(walk, add, `${newer}.7.1.5`, 'device.cpu_pct', 0, 100)
  readNumbers(walk, add, `${newer}.1.1.1.4`, 'device.temp_c', -60, 200)
  readStates(walk, add, `${newer}.1.1.1.7`, 'device.temp_state', [undefined, 'normal', 'critical'])
  readStates(walk, add, `${newer}.1.2.1.4`, 'device.fan_state', [undefined, 'normal', 'failed'])
  readStates(walk, add, `${newer}.1.3.1.6`, 'device.psu_state', [undefined, 'normal', 'failed', 'absent'])
}

export function readCiscoHealth(walk: Walk, add: Add): void {
  const cisco = '1.3.6.1.4.1.9.9'
  readNumbers(walk, add, `${cisco}.109.1.1.1.1.8`, 'device.cpu_pct', 0, 100)
  // What only the older object says.
  readNumbers(walk, add, `${cisco}.109.1.1.1.1.5`, 'device.cpu_pct', 0, 100)
  const sensor = ['normal', 'warning', 'critical', 'shutdown', 'absent', 'absent']
  readStates(walk, add, `${cisco}.13.1.3.1.6`, 'device.temp_state', [undefined, ...sensor])
  for (const { oid, index } of walk.below(`${cisco}.13.1.3.1.3`)) {
    const isThere = (whole(walk, `${cisco}.13.1.3.1.6.${index}`) ?? 0) <= 4
    const value = among(whole(walk, oid), -60, 200)
    add('device.temp_c', index, value === 0 && !isThere ? undefined : value, oid)
  }
  const part = [undefined, 'normal', 'warning', 'failed', 'failed', 'absent', 'warning']
  readStates(walk, add, `${cisco}.13.1.4.1.3`, 'device.fan_state', part)
  readStates(walk, add, `${cisco}.13.1.5.1.3`, 'device.psu_state', part)
}

/** Rows of entities without a processor or a sensor say 0, and a fan or a supply that is not there says anything. */
export function readHuaweiHealth(walk: Walk, add: Add): void {
  const huawei = '1.3.6.1.4.1.2011.5.25.31.1.1'
  for (const { oid, index } of walk.below(`${huawei}.1.1.5`)) {
    const memory = among(whole(walk, `${huawei}.1.1.7.${index}`), 1, 100)
    const busy = among(whole(walk, oid), 0, 100)
    add('device.cpu_pct', index, busy === 0 && memory === undefined ? undefined : busy, oid)
    add('device.memory_pct', index, memory, `${huawei}.1.1.7.${index}`)
  }
  for (const { oid, index } of walk.below(`${huawei}.1.1.11`)) {
    const value = whole(walk, oid)
    add('device.temp_c', index, value === 0 || value === -1 ? undefined : among(value, -60, 200), oid)
  }
  const states = (table: string, present: string, state: string, signal: string, names: States): void => {
    for (const { oid, index } of walk.below(`${huawei}.${table}.1.${state}`)) {
      const isAbsent = whole(walk, `${huawei}.${table}.1.${present}.${index}`) === 2
      add(signal, index, coded(signal, isAbsent ? 'absent' : names[whole(walk, oid) ?? 0]), oid)
    }
  }
  states('10', '6', '7', 'device.fan_state', [undefined, 'normal', 'failed'])
  states('18', '5', '6', 'device.psu_state', [undefined, 'normal', 'failed', 'normal'])
}
