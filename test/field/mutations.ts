import type { Light, Severity } from '../../schemas/words.ts'
import { fieldDevice, opticOfTrunk, type FieldDevice } from './network.ts'
import { readWalk, type Reading } from './reading.ts'
import { changeWalk, type Walk, type WalkRow } from './walk.ts'

/** What may befall a device: what it answers then, and the light and the alarms that are right. */
export interface Mutation {
  readonly kind: MutationKind
  /** What it answers from now on; null: it does not answer. */
  readonly walk: Walk | null
  readonly light: Light
  /** The alarms that are open then, and no others. */
  readonly alarms: readonly ExpectedAlarm[]
}

export interface ExpectedAlarm {
  readonly type: string
  readonly severity: Severity
  readonly ru: string
}

export const mutationKinds = [
  'port down',
  'Rx -6 dB',
  'module out',
  'on battery',
  'battery low',
  'fan failed',
  'renumbered',
  'renumbered by one, named',
  'renumbered and down, named',
  'Rx -6 dB, named',
  'rebooted',
  'silent'
] as const
export type MutationKind = (typeof mutationKinds)[number]

export interface MutationCase {
  /** A device of its own with the same walk, of a few ports, so that all cases can be polled side by side. */
  readonly device: FieldDevice
  readonly mutation: Mutation
}

/** Every mutation of every device that there is something of. */
export function casesOf(devices: readonly FieldDevice[], kinds: readonly MutationKind[]): MutationCase[] {
  const cases: MutationCase[] = []
  for (const device of devices)
    for (const kind of kinds) {
      const id = `${device.id}.${kind.replaceAll(/[^a-zA-Z0-9]+/g, '-')}`
      const opticClass = kind === 'Rx -6 dB, named' ? classOfNamed : ''
      const isNamed = kind.endsWith(', named')
      const copy = fieldDevice(id, onlyAFewPorts(device), device.upsMib, cases.length, isNamed, opticClass)
      if (isNamed && copy.trunkName === undefined) continue
      const mutation = mutate(copy, kind)
      if (mutation !== undefined) cases.push({ device: copy, mutation })
    }
  return cases
}

const portsKept = 6
const portTables = ['1.3.6.1.2.1.2.2.1', '1.3.6.1.2.1.31.1.1.1']

/** The walk with the first ports and the trunk port only. */
function onlyAFewPorts({ walk, trunk }: FieldDevice): Walk {
  const ports = walk.below('1.3.6.1.2.1.2.2.1.8').map(({ index }) => index)
  const kept = new Set([...ports.slice(0, portsKept), ...(trunk === undefined ? [] : [trunk])])
  return changeWalk(walk, walk.name, row => {
    const table = portTables.find(one => row.oid.startsWith(`${one}.`))
    if (table === undefined) return row
    return kept.has(row.oid.slice(row.oid.lastIndexOf('.') + 1)) ? row : undefined
  })
}

/** The mutation of a device, or undefined where there is nothing of the kind in it. */
function mutate(device: FieldDevice, kind: MutationKind): Mutation | undefined {
  switch (kind) {
    case 'port down':
      return portDown(device)
    case 'Rx -6 dB':
      return weaker(device)
    case 'module out':
      return moduleOut(device)
    case 'on battery':
      return onBattery(device, false)
    case 'battery low':
      return onBattery(device, true)
    case 'fan failed':
      return fanFailed(device)
    case 'renumbered':
      return renumbered(device)
    case 'renumbered by one, named':
      return followed(device, 1, false)
    case 'renumbered and down, named':
      return followed(device, 100_000, true)
    case 'Rx -6 dB, named':
      return device.role === 'switch' ? weaker(device) : undefined
    case 'rebooted':
      return { kind, walk: reboot(device.walk), light: 'green', alarms: [] }
    case 'silent':
      return { kind, walk: null, light: 'grey', alarms: [] }
  }
}

const ifTable = '1.3.6.1.2.1.2.2.1'
const ifXTable = '1.3.6.1.2.1.31.1.1.1'

const setTo =
  (values: Readonly<Record<string, string>>) =>
  (row: WalkRow): WalkRow =>
    values[row.oid] === undefined ? row : { ...row, value: values[row.oid]! }

const linkDown = (device: FieldDevice): ExpectedAlarm => ({
  type: 'link.down',
  severity: 'critical',
  ru: `Нет линка на магистральном порту ${device.trunkName ?? device.trunk} (${device.id})`
})

function portDown(device: FieldDevice): Mutation | undefined {
  const { trunk, walk } = device
  if (trunk === undefined) return undefined
  return {
    kind: 'port down',
    walk: changeWalk(walk, walk.name, setTo({ [`${ifTable}.8.${trunk}`]: '2' })),
    light: 'red',
    alarms: [linkDown(device)]
  }
}

/** Every row by which a received power is reported, one lane or several, and how it is written with 6 dB less. */
function weakened(walk: Walk, reading: Reading): ((row: WalkRow) => WalkRow) | undefined {
  const factor = 10 ** (-6 / 10)
  const written = (row: WalkRow): string | undefined => {
    const value = row.value.trim()
    if (row.oid.startsWith('1.3.6.1.4.1.2011.5.25.31.1.1.3.1.32.'))
      return value
        .split(',')
        .map(lane => (Number(lane) - (Math.abs(Number(lane)) < 60 ? 6 : 600)).toFixed(2))
        .join(',')
    const number = Number(value)
    if (!Number.isFinite(number)) return undefined
    if (row.oid.startsWith('1.3.6.1.4.1.171.14.72.')) return String(Math.round(number * factor))
    if (row.oid.startsWith('1.3.6.1.4.1.171.'))
      return number < 0 || isDbmUnit(walk) ? (number - 6).toFixed(4) : (number * factor).toFixed(4)
    if (row.oid.startsWith('1.3.6.1.4.1.9.9.91.')) return ciscoWeaker(walk, row, number, factor)
    if (row.oid.startsWith('1.3.6.1.4.1.2011.'))
      return number > 0 ? String(Math.max(1, Math.round(number * factor))) : String(number - 600)
    if (row.oid.startsWith('1.3.6.1.4.1.5591.1.5.')) return String(Math.round(number * factor))
    return String(number - 60)
  }
  const row = walk.get(reading.from)
  const changed = row === undefined ? undefined : written(row)
  return changed === undefined ? undefined : setTo({ [reading.from]: changed })
}

const isDbmUnit = (walk: Walk): boolean => walk.get('1.3.6.1.4.1.171.12.72.1.3.0')?.value === '2'

function ciscoWeaker(walk: Walk, row: WalkRow, number: number, factor: number): string {
  const index = row.oid.slice('1.3.6.1.4.1.9.9.91.1.1.1.1.4.'.length)
  const of = (column: string): number =>
    Number(walk.get(`1.3.6.1.4.1.9.9.91.1.1.1.1.${column}.${index}`)?.value)
  if (of('1') === 6) return String(Math.max(1, Math.round(number * factor)))
  return String(Math.round(number - 6 * 10 ** of('3') * 10 ** (-3 * (of('2') - 9))))
}

/** Limits where neither the module nor an optic class gives any: docs/rules.md. */
const usualLimits = { alarm: -21.5, warn: -21 }
/** Class of the optics where it is tried whether the inventory's holds for them, and its limits. */
const classOfNamed = '10gbase-lr'
const limitsOfClass = { alarm: -16.4, warn: -14.4 }

function weaker(device: FieldDevice): Mutation | undefined {
  const { walk } = device
  const catv = device.readings.find(({ signal }) => signal === 'catv.input_dbm')
  const reading = device.role === 'catv' ? catv : opticOfTrunk(device)
  if (reading === undefined || reading.value <= -34) return undefined
  const change = weakened(walk, reading)
  if (change === undefined) return undefined
  const after = changeWalk(walk, walk.name, change)
  const same = (one: Reading): boolean => one.signal === reading.signal && one.instance === reading.instance
  const value = readWalk(after, device.upsMib).find(same)?.value
  if (value === undefined) return undefined
  const usual = device.opticClass === '' ? usualLimits : limitsOfClass
  const limitOf = (signal: string): number | undefined =>
    device.readings.find(one => one.signal === signal && one.instance === reading.instance)?.value
  const ownAlarm = limitOf('optics.rx_low_alarm_dbm')
  // A module that gives alarm limits and no warning limits has none.
  const ownWarn = limitOf('optics.rx_low_warn_dbm') ?? (ownAlarm === undefined ? undefined : -Infinity)
  const alarm = reading.signal === 'catv.input_dbm' ? -9 : (ownAlarm ?? usual.alarm)
  const warn = reading.signal === 'catv.input_dbm' ? -7 : (ownWarn ?? usual.warn)
  const limit = value < alarm ? alarm : warn
  const isWeak = value < alarm || value < warn
  const type = reading.signal === 'catv.input_dbm' ? 'catv.input' : 'optics.rx'
  const what =
    type === 'catv.input'
      ? `Кабельное ТВ: слабый сигнал на входе приёмника (${device.id})`
      : `Слабый оптический сигнал на порту ${device.trunkName ?? reading.instance} (${device.id})`
  return {
    kind: device.trunkName === undefined ? 'Rx -6 dB' : 'Rx -6 dB, named',
    walk: after,
    light: isWeak ? 'yellow' : 'green',
    alarms: isWeak
      ? [
          {
            type,
            severity: value < alarm ? 'major' : 'warning',
            ru: `${what}: ${shown(value)} дБм, порог ${shown(limit)} дБм`
          }
        ]
      : []
  }
}

/** As Russian texts show numbers: two places at most, behind a comma. */
const shown = (value: number): string => String(Math.round(value * 100) / 100).replace('.', ',')

/** The cage of the trunk port is empty: no link, and what the switch says of an empty cage. */
function moduleOut(device: FieldDevice): Mutation | undefined {
  const { walk, trunk } = device
  const optic = opticOfTrunk(device)
  if (trunk === undefined || optic === undefined) return undefined
  const isLegacy =
    optic.from.startsWith('1.3.6.1.4.1.171.12.') || optic.from.startsWith('1.3.6.1.4.1.171.10.')
  const entity = /\.(\d+)$/.exec(optic.from)?.[1] ?? ''
  const isOfModule = ({ oid }: WalkRow): boolean =>
    oid.endsWith(`.${entity}`) &&
    ['1.3.6.1.4.1.171.', '1.3.6.1.4.1.9.9.91.', '1.3.6.1.4.1.2011.5.25.31.'].some(base =>
      oid.startsWith(base)
    )
  return {
    kind: 'module out',
    walk: changeWalk(walk, walk.name, row => {
      if (row.oid === `${ifTable}.8.${trunk}`) return { ...row, value: '6' }
      if (!isOfModule(row)) return row
      return isLegacy ? { ...row, value: '  -' } : undefined
    }),
    light: 'red',
    alarms: [linkDown(device)]
  }
}

const ups = '1.3.6.1.2.1.33.1'
const apc = '1.3.6.1.4.1.318.1.1.1'
const xppc = '1.3.6.1.4.1.935.1.1.1'

function onBattery(device: FieldDevice, isLow: boolean): Mutation | undefined {
  const { walk, upsMib } = device
  if (upsMib === undefined) return undefined
  const minutes = isLow ? 3 : 40
  const charge = isLow ? 9 : 80
  const inputs = Object.fromEntries(walk.below(`${ups}.3.3.1.3`).map(({ oid }) => [oid, '0']))
  const values: Record<typeof upsMib, Record<string, string>> = {
    'ups-mib': {
      ...inputs,
      [`${ups}.4.1.0`]: '5',
      [`${ups}.2.1.0`]: isLow ? '3' : '2',
      [`${ups}.2.2.0`]: '600',
      [`${ups}.2.3.0`]: String(minutes),
      [`${ups}.2.4.0`]: String(charge),
      [`${ups}.6.1.0`]: '1'
    },
    xppc: {
      [`${xppc}.4.1.1.0`]: '3',
      [`${xppc}.2.1.1.0`]: isLow ? '3' : '2',
      [`${xppc}.2.1.2.0`]: '600',
      [`${xppc}.2.2.4.0`]: String(minutes * 60),
      [`${xppc}.2.2.1.0`]: String(charge),
      [`${xppc}.3.2.1.0`]: '0'
    },
    apc: {
      [`${apc}.4.1.1.0`]: '3',
      [`${apc}.2.1.1.0`]: isLow ? '3' : '2',
      [`${apc}.2.1.2.0`]: '60000',
      [`${apc}.2.2.3.0`]: String(minutes * 6000),
      [`${apc}.2.2.1.0`]: String(charge),
      [`${apc}.2.3.1.0`]: String(charge * 10),
      [`${apc}.3.2.1.0`]: '0',
      [`${apc}.3.3.1.0`]: '0',
      [`${apc}.3.2.5.0`]: '4'
    }
  }
  const after = changeWalk(walk, walk.name, setTo(values[upsMib]))
  // What a make does not answer at all it does not answer now.
  const told = new Set(readWalk(after, upsMib).map(({ signal }) => signal))
  const alarms: ExpectedAlarm[] = [
    { type: 'ups.on_battery', severity: 'warning', ru: 'Нет сети 220 В, узел работает от батареи ИБП' }
  ]
  if (isLow) {
    if (told.has('ups.battery_status'))
      alarms.push({
        type: 'ups.battery_low',
        severity: 'critical',
        ru: 'Батарея ИБП разряжена, узел скоро отключится'
      })
    if (told.has('ups.runtime_s'))
      alarms.push({
        type: 'ups.runtime_low',
        severity: 'critical',
        ru: `Узел работает от батареи, осталось ${minutes} мин`
      })
    if (told.has('ups.charge_pct'))
      alarms.push({
        type: 'ups.charge_low',
        severity: 'major',
        ru: `Узел работает от батареи, заряд ${charge} %`
      })
  }
  return { kind: isLow ? 'battery low' : 'on battery', walk: after, light: 'yellow', alarms }
}

/** Where a make tells of its fans, and the code it has for one that does not turn. */
const fanTables = [
  ['1.3.6.1.4.1.171.12.11.1.7.1.3', '2'],
  ['1.3.6.1.4.1.171.14.5.1.1.2.1.4', '2'],
  ['1.3.6.1.4.1.9.9.13.1.4.1.3', '3'],
  ['1.3.6.1.4.1.2011.5.25.31.1.1.10.1.7', '2']
] as const

/** The first fan of a switch stands still. */
function fanFailed({ id, walk }: FieldDevice): Mutation | undefined {
  for (const [column, failed] of fanTables) {
    const fan = walk.below(column)[0]
    if (fan !== undefined)
      return {
        kind: 'fan failed',
        walk: changeWalk(walk, walk.name, setTo({ [fan.oid]: failed })),
        light: 'yellow',
        alarms: [
          {
            type: 'device.fan',
            severity: 'minor',
            ru: `Отказал вентилятор ${id}: устройство скоро перегреется`
          }
        ]
      }
  }
  return undefined
}

/** The walk with another ifIndex for every port, so much more. */
function withOtherNumbers(walk: Walk, more: number): Walk {
  const isOfPorts = (oid: string): boolean => oid.startsWith(`${ifTable}.`) || oid.startsWith(`${ifXTable}.`)
  const moved = (row: WalkRow): WalkRow => {
    if (!isOfPorts(row.oid)) return row
    const at = row.oid.lastIndexOf('.') + 1
    const index = Number(row.oid.slice(at)) + more
    const isIndex = row.oid.startsWith(`${ifTable}.1.`)
    return { ...row, oid: `${row.oid.slice(0, at)}${index}`, ...(isIndex ? { value: String(index) } : {}) }
  }
  return changeWalk(walk, walk.name, moved)
}

/** As after a reboot with a module more: the trunk port of an inventory that goes by ifIndex is not reported any more. */
function renumbered({ id, walk, trunk }: FieldDevice): Mutation | undefined {
  if (trunk === undefined) return undefined
  return {
    kind: 'renumbered',
    walk: withOtherNumbers(walk, 100_000),
    light: 'yellow',
    alarms: [
      {
        type: 'link.not_reported',
        severity: 'warning',
        ru: `Нет данных о магистральном порте ${trunk}, хотя устройство ${id} отвечает`
      }
    ]
  }
}

/** The same where the inventory has the name of the port: nothing is told, and where its link is down, it is of that port. */
function followed(device: FieldDevice, more: number, isDown: boolean): Mutation {
  const moved = withOtherNumbers(device.walk, more)
  const state = `${ifTable}.8.${Number(device.trunk) + more}`
  return {
    kind: isDown ? 'renumbered and down, named' : 'renumbered by one, named',
    walk: isDown ? changeWalk(moved, moved.name, setTo({ [state]: '2' })) : moved,
    light: isDown ? 'red' : 'green',
    alarms: isDown ? [linkDown(device)] : []
  }
}

/** Half a minute after its start: its counters begin at 0, and no port has changed since. */
function reboot(walk: Walk): Walk {
  const counter32 = 65
  const counter64 = 70
  return changeWalk(walk, walk.name, row => {
    if (row.oid === '1.3.6.1.2.1.1.3.0') return { ...row, value: '3000' }
    if (row.oid.startsWith(`${ifTable}.9.`)) return { ...row, value: '0' }
    return row.type === counter32 || row.type === counter64 ? { ...row, value: '0' } : row
  })
}
