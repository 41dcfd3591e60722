import { readCiscoHealth, readDlinkHealth, readHuaweiHealth } from './reading-health.ts'
import { among, coded, whole, type Add } from './reading-parts.ts'
import type { Walk } from './walk.ts'

/**
 * What a person with the MIBs and the vendors' habits at hand reads off a walk: signal, instance and value. It is the yardstick of
 * the field test, so it shares nothing with the product but the names of signals: no profile, no conversion, no collector file.
 * Where a device has nothing to say of a quantity (a sentinel, a worded text, a zero that contradicts the rest) there is no reading.
 */
export interface Reading {
  readonly signal: string
  readonly instance: string
  readonly value: number
  /** The row it was read of, for whoever looks into a difference. */
  readonly from: string
}

/** Which of a device's MIBs is read, where it answers several that say the same. */
export type UpsMib = 'ups-mib' | 'xppc' | 'apc'

const mib2 = '1.3.6.1.2.1'
const ups = '1.3.6.1.2.1.33.1'
const apc = '1.3.6.1.4.1.318.1.1.1'
const xppc = '1.3.6.1.4.1.935.1.1.1'

export function readWalk(walk: Walk, upsMib: UpsMib | undefined): Reading[] {
  const readings = new Map<string, Reading>()
  const add: Add = (signal, instance, value, from) => {
    if (value === undefined || !Number.isFinite(value) || walk.varied.has(from)) return
    const key = `${signal} ${instance}`
    if (!readings.has(key)) readings.set(key, { signal, instance, value, from })
  }
  readSystem(walk, add)
  if (upsMib === undefined) readPorts(walk, add)
  if (upsMib === 'ups-mib') readUpsMib(walk, add)
  if (upsMib === 'xppc') readXppc(walk, add)
  if (upsMib === 'apc') readPowerNet(walk, add)
  readDlinkDdm(walk, add)
  readDlink1210(walk, add)
  readDlinkSw(walk, add)
  readDlinkRings(walk, add)
  readCisco(walk, add)
  readHuawei(walk, add)
  readCatv(walk, add)
  readDlinkHealth(walk, add)
  readCiscoHealth(walk, add)
  readHuaweiHealth(walk, add)
  return [...readings.values()]
}

/** Which UPS MIBs a walk answers, the one to be preferred first. */
export function upsMibsOf(walk: Walk): UpsMib[] {
  const found: UpsMib[] = []
  if (walk.get(`${apc}.4.1.1.0`) !== undefined) found.push('apc')
  if (walk.below(`${ups}.4.1`).length > 0) found.push('ups-mib')
  if (walk.get(`${xppc}.4.1.1.0`) !== undefined) found.push('xppc')
  return found
}

const times = (value: number | undefined, factor: number): number | undefined =>
  value === undefined ? undefined : value * factor

/** dBm of mW; nothing at all is no light, which is -40 dBm: the step of a module is 0.1 µW. */
function dbm(milliwatts: number | undefined): number | undefined {
  if (milliwatts === undefined || milliwatts < 0) return undefined
  return milliwatts === 0 ? -40 : Math.max(-40, 10 * Math.log10(milliwatts))
}

function readSystem(walk: Walk, add: Add): void {
  const oid = `${mib2}.1.3.0`
  add('device.uptime_s', '', times(whole(walk, oid), 0.01), oid)
}

function readPorts(walk: Walk, add: Add): void {
  const columns: readonly (readonly [column: string, signal: string, factor: number, most: number])[] = [
    ['2.2.1.8', 'if.oper_status', 1, 7],
    ['2.2.1.7', 'if.admin_status', 1, 3],
    ['31.1.1.1.6', 'if.in_octets', 1, Infinity],
    ['31.1.1.1.10', 'if.out_octets', 1, Infinity],
    ['2.2.1.14', 'if.in_errors', 1, Infinity],
    ['2.2.1.20', 'if.out_errors', 1, Infinity],
    ['2.2.1.13', 'if.in_discards', 1, Infinity],
    ['2.2.1.19', 'if.out_discards', 1, Infinity],
    ['31.1.1.1.15', 'if.speed_mbps', 1, Infinity],
    ['2.2.1.9', 'if.last_change_s', 0.01, Infinity]
  ]
  // An old agent has no ifXTable, and so counters of 32 bits only. Beside it, those are of interfaces that are no ports (Null0).
  const old: typeof columns = [
    ['2.2.1.10', 'if.in_octets', 1, Infinity],
    ['2.2.1.16', 'if.out_octets', 1, Infinity],
    // 4294967295 bit/s says that it is more.
    ['2.2.1.5', 'if.speed_mbps', 1e-6, 4294.967294]
  ]
  const isOld = walk.below(`${mib2}.31.1.1.1.6`).length === 0
  for (const [column, signal, factor, most] of isOld ? [...columns, ...old] : columns) {
    const isCode = signal.endsWith('_status')
    for (const { oid, index } of walk.below(`${mib2}.${column}`))
      add(signal, index, among(times(whole(walk, oid), factor), isCode ? 1 : 0, most), oid)
  }
}

/** 0 minutes beside a charged battery is "not estimated"; so is 0 % beside a battery that is well. */
function judgedTogether(
  minutesOrSeconds: number | undefined,
  charge: number | undefined,
  battery: string | undefined,
  secondsEach: number
): { readonly runtimeS: number | undefined; readonly chargePct: number | undefined } {
  const isLow = battery === 'low' || battery === 'depleted'
  const runtimeS = times(minutesOrSeconds, secondsEach)
  const nearlyEmpty = charge !== undefined && charge > 0 && charge <= 20
  const nearlyOver = runtimeS !== undefined && runtimeS > 0 && runtimeS <= 600
  return {
    runtimeS: runtimeS === 0 && !isLow && !nearlyEmpty ? undefined : runtimeS,
    chargePct: charge === 0 && !isLow && battery !== 'unknown' && !nearlyOver ? undefined : charge
  }
}

/** Index of a table's row without the `.0` that some agents hang on. */
function readUpsMib(walk: Walk, add: Add): void {
  const value = (tail: string): number | undefined => whole(walk, `${ups}.${tail}`)
  const known = (tail: string, most: number): number | undefined => among(value(tail), 0, most)
  const battery = (['', 'unknown', 'normal', 'low', 'depleted'] as const)[value('2.1.0') ?? 0]
  add('ups.battery_status', '', coded('ups.battery_status', battery), `${ups}.2.1.0`)
  const minutes = known('2.3.0', 65_534)
  const { runtimeS, chargePct } = judgedTogether(minutes, known('2.4.0', 100), battery, 60)
  add('ups.runtime_s', '', runtimeS, `${ups}.2.3.0`)
  add('ups.charge_pct', '', chargePct, `${ups}.2.4.0`)
  const onBatteryS = known('2.2.0', 1e9)
  add('ups.on_battery_s', '', onBatteryS, `${ups}.2.2.0`)
  add('ups.battery_v', '', times(known('2.5.0', 10_000), 0.1), `${ups}.2.5.0`)
  add('ups.temp_c', '', among(value('2.7.0') === -1 ? undefined : value('2.7.0'), -60, 200), `${ups}.2.7.0`)
  const test = (['', 'pass', 'warning', 'error', 'aborted', 'inProgress', 'none'] as const)[
    value('7.3.0') ?? 0
  ]
  add('ups.test_result', '', coded('ups.test_result', test), `${ups}.7.3.0`)
  add('ups.alarms', '', known('6.1.0', 1e6), `${ups}.6.1.0`)

  const inputs = walk.below(`${ups}.3.3.1.3`).map(({ oid, index }) => {
    const raw = whole(walk, oid)
    // In volts; Huawei answers in tenths.
    const volts = among(raw !== undefined && raw > 1000 ? raw / 10 : raw, 0, 1000)
    add('ups.input_v', index, volts, oid)
    if (index === '1' || index === '1.0') add('ups.input_v', '', volts, oid)
    return volts
  })
  for (const { oid, index } of walk.below(`${ups}.4.4.1.5`)) {
    const load = among(whole(walk, oid), 0, 1000)
    add('ups.load_pct', index, load, oid)
    if (index === '1' || index === '1.0') add('ups.load_pct', '', load, oid)
  }
  const [inputV] = inputs
  const mainsAreThere = inputV === undefined || inputV > 90
  const source = sourceOfUpsMib(value('4.1.0'), {
    isTested: test === 'inProgress' && mainsAreThere,
    // A rectifier feeds from its battery for 0 seconds with days left; nobody is on battery for 0 seconds at a full charge with the mains there.
    isNotOnBattery:
      onBatteryS === 0 &&
      ((mainsAreThere && runtimeS !== undefined && runtimeS >= 86_400) ||
        (inputV !== undefined && inputV >= 180 && inputV <= 260 && (chargePct ?? 0) >= 95))
  })
  add('ups.output_source', '', coded('ups.output_source', source), `${ups}.4.1.0`)
  for (const { oid, index, value: alarm } of walk.below(`${ups}.6.2.1.2`)) {
    const known = /^\.?1\.3\.6\.1\.2\.1\.33\.1\.6\.3\.(\d+)$/.exec(alarm)?.[1]
    if (known !== undefined) add('ups.alarm', index, among(Number(known), 1, 24), oid)
  }
}

function sourceOfUpsMib(
  code: number | undefined,
  { isTested, isNotOnBattery }: { isTested: boolean; isNotOnBattery: boolean }
): string | undefined {
  const name = (['', 'other', 'none', 'normal', 'bypass', 'battery', 'booster', 'reducer'] as const)[
    code ?? 0
  ]
  if (name !== 'battery') return name
  return isTested ? 'test' : isNotOnBattery ? 'normal' : 'battery'
}

function readXppc(walk: Walk, add: Add): void {
  const value = (tail: string): number | undefined => whole(walk, `${xppc}.${tail}`)
  const known = (tail: string, most: number): number | undefined => among(value(tail), 0, most)
  const source = (
    [
      '',
      'other',
      'normal',
      'battery',
      'booster',
      'sleeping',
      'bypass',
      'rebooting',
      'standby',
      'reducer'
    ] as const
  )[value('4.1.1.0') ?? 0]
  add('ups.output_source', '', coded('ups.output_source', source), `${xppc}.4.1.1.0`)
  const battery = (['', 'unknown', 'normal', 'low'] as const)[value('2.1.1.0') ?? 0]
  add('ups.battery_status', '', coded('ups.battery_status', battery), `${xppc}.2.1.1.0`)
  const { runtimeS, chargePct } = judgedTogether(known('2.2.4.0', 65_534), known('2.2.1.0', 100), battery, 1)
  add('ups.runtime_s', '', runtimeS, `${xppc}.2.2.4.0`)
  add('ups.charge_pct', '', chargePct, `${xppc}.2.2.1.0`)
  add('ups.on_battery_s', '', known('2.1.2.0', 1e9), `${xppc}.2.1.2.0`)
  add('ups.battery_v', '', times(known('2.2.2.0', 10_000), 0.1), `${xppc}.2.2.2.0`)
  add('ups.temp_c', '', times(among(value('2.2.3.0'), 0, 2000), 0.1), `${xppc}.2.2.3.0`)
  const replace = (['', 'no', 'yes'] as const)[value('2.2.5.0') ?? 0]
  add('ups.replace_battery', '', coded('ups.replace_battery', replace), `${xppc}.2.2.5.0`)
  add('ups.input_v', '', times(known('3.2.1.0', 10_000), 0.1), `${xppc}.3.2.1.0`)
  add('ups.load_pct', '', known('4.2.3.0', 1000), `${xppc}.4.2.3.0`)
}

/** Rings: a state and a role for each; the older MIB begins at 1, and says of the owner whether it is one. */
function readDlinkRings(walk: Walk, add: Add): void {
  const states = ['deactivated', 'nonOperational', 'init', 'idle', 'protection']
  const columns = [
    ['14.78.1.5.1.18', 'erps.state', states],
    ['14.78.1.5.1.12', 'erps.role', ['none', 'owner', 'neighbor']],
    ['12.78.3.1.1.13', 'erps.state', [undefined, 'init', 'init', 'idle', 'protection']],
    ['12.78.3.1.1.15', 'erps.role', [undefined, 'owner', 'none', 'none']]
  ] as const
  for (const [column, signal, names] of columns)
    for (const { oid, index } of walk.below(`1.3.6.1.4.1.171.${column}`))
      add(signal, index, coded(signal, names[whole(walk, oid) ?? -1]), oid)
}

const powerNetSources: readonly (string | undefined)[] = [
  undefined,
  'other',
  'normal',
  'battery',
  'booster',
  'sleeping',
  'bypass',
  'none',
  'rebooting',
  'bypass',
  'failureBypass',
  'sleeping',
  'reducer',
  'eco',
  'standby',
  'test',
  'failureBypass'
]

function readPowerNet(walk: Walk, add: Add): void {
  const value = (tail: string): number | undefined => whole(walk, `${apc}.${tail}`)
  const known = (tail: string, most: number): number | undefined => among(value(tail), 0, most)
  /** A precise object that is 0 may be one that the card does not have; the plain one is 0 as well if that is true. */
  const exactly = (tenths: string, most: number): number | undefined =>
    times(among(known(tenths, most * 10), 1, most * 10), 0.1)
  /** The precise object in tenths, else the plain one. */
  const precise = (signal: string, tenths: string, plain: string, most: number): number | undefined => {
    const exact = exactly(tenths, most)
    const used = exact ?? known(plain, most)
    add(signal, '', used, `${apc}.${exact === undefined ? plain : tenths}`)
    return used
  }
  const battery = (['', 'unknown', 'normal', 'low', 'fault', 'absent'] as const)[value('2.1.1.0') ?? 0]
  add('ups.battery_status', '', coded('ups.battery_status', battery), `${apc}.2.1.1.0`)
  add('ups.on_battery_s', '', times(known('2.1.2.0', 4_294_967_294), 0.01), `${apc}.2.1.2.0`)
  const charge = exactly('2.3.1.0', 100) ?? known('2.2.1.0', 100)
  const { runtimeS, chargePct } = judgedTogether(known('2.2.3.0', 4_294_967_294), charge, battery, 0.01)
  add('ups.runtime_s', '', runtimeS, `${apc}.2.2.3.0`)
  add('ups.charge_pct', '', chargePct, `${apc}.2.2.1.0`)
  const replace = (['', 'no', 'yes'] as const)[value('2.2.4.0') ?? 0]
  add('ups.replace_battery', '', coded('ups.replace_battery', replace), `${apc}.2.2.4.0`)
  precise('ups.temp_c', '2.3.2.0', '2.2.2.0', 200)
  precise('ups.battery_v', '2.3.4.0', '2.2.8.0', 1000)
  const inputV = precise('ups.input_v', '3.3.1.0', '3.2.1.0', 1000)
  precise('ups.load_pct', '4.3.3.0', '4.2.3.0', 1000)
  const mainsAreThere = inputV === undefined || inputV > 90
  const flags = walk.get(`${apc}.11.1.1.0`)?.value ?? ''
  const flagged = flags[28] === '1' || flags[9] === '1' ? 'inProgress' : undefined
  const test = flagged ?? (['', 'pass', 'error', 'none', 'inProgress'] as const)[value('7.2.3.0') ?? 0]
  add('ups.test_result', '', coded('ups.test_result', test), `${apc}.7.2.3.0`)
  const causeCode = value('3.2.5.0')
  const cause = causeCode === 9 && !mainsAreThere ? 4 : causeCode
  add('ups.transfer_cause', '', among(cause, 1, 10), `${apc}.3.2.5.0`)
  const code = value('4.1.1.0') ?? 0
  let source = powerNetSources[code]
  if (source === 'battery' && mainsAreThere && (cause === 9 || test === 'inProgress')) source = 'test'
  if (source === 'test' && !mainsAreThere) source = 'battery'
  add('ups.output_source', '', coded('ups.output_source', source), `${apc}.4.1.1.0`)
  add('ups.comm_status', '', among(value('8.1.0'), 1, 2), `${apc}.8.1.0`)
}

/** A decimal number in a text; "  -", "Port 8 is not a SFP port." and "" are none. */
function decimal(text: string | undefined): number | undefined {
  const trimmed = text?.trim() ?? ''
  return /^[+-]?\d+(\.\d+)?$/.test(trimmed) ? Number(trimmed) : undefined
}

/** D-Link's powers: mW unless the unit object says dBm; a negative number cannot be mW. */
function dlinkPower(text: string | undefined, isDbm: boolean): number | undefined {
  const number = decimal(text)
  if (number === undefined) return undefined
  return isDbm || number < 0 ? among(Math.max(number, -40), -40, 30) : dbm(number)
}

function readDdmTables(
  walk: Walk,
  add: Add,
  status: string,
  thresholds: string | undefined,
  isDbm: boolean
): void {
  for (const [column, signal] of [
    ['6', 'optics.rx_dbm'],
    ['5', 'optics.tx_dbm']
  ] as const)
    for (const { oid, index, value } of walk.below(`${status}.${column}`))
      add(signal, index, dlinkPower(value, isDbm), oid)
  for (const [column, signal] of [
    ['2', 'optics.temp_c'],
    ['3', 'optics.voltage_v'],
    ['4', 'optics.bias_ma']
  ] as const)
    for (const { oid, index, value } of walk.below(`${status}.${column}`))
      // No module works below 1 V.
      add(signal, index, among(decimal(value), column === '3' ? 1 : -1e6, 1e6), oid)
  if (thresholds === undefined) return
  for (const [column, signal] of [
    ['2', 'optics.rx_high_alarm_dbm'],
    ['3', 'optics.rx_low_alarm_dbm'],
    ['4', 'optics.rx_high_warn_dbm'],
    ['5', 'optics.rx_low_warn_dbm']
  ] as const)
    for (const { oid, index, value } of walk.below(`${thresholds}.${column}`)) {
      // Index is port.type, and 5 is the received power.
      const port = /^(\d+)\.5$/.exec(index)?.[1]
      if (port !== undefined) add(signal, port, dlinkPower(value, isDbm), oid)
    }
}

function readDlinkDdm(walk: Walk, add: Add): void {
  const base = '1.3.6.1.4.1.171.12.72'
  readDdmTables(walk, add, `${base}.2.1.1.1`, `${base}.3.1.1.1`, whole(walk, `${base}.1.3.0`) === 2)
}

/** DES-1210 and DGS-1210: the same tables below the number of their model. */
function readDlink1210(walk: Walk, add: Add): void {
  const models = new Set(
    walk.rows.flatMap(
      ({ oid }) => /^(1\.3\.6\.1\.4\.1\.171\.10\.7[56]\.\d+\.\d+)\.105\.2\.1\.1\.1\./.exec(oid)?.[1] ?? []
    )
  )
  for (const model of models) readDdmTables(walk, add, `${model}.105.2.1.1.1`, undefined, false)
}

function readDlinkSw(walk: Walk, add: Add): void {
  const base = '1.3.6.1.4.1.171.14.72.1.4.1.1'
  for (const [column, signal] of [
    ['25', 'optics.rx_dbm'],
    ['19', 'optics.tx_dbm'],
    ['27', 'optics.rx_high_alarm_dbm'],
    ['28', 'optics.rx_high_warn_dbm'],
    ['29', 'optics.rx_low_warn_dbm'],
    ['30', 'optics.rx_low_alarm_dbm']
  ] as const)
    for (const { oid, index } of walk.below(`${base}.${column}`))
      add(signal, index, dbm(times(whole(walk, oid), 0.0001)), oid)
  for (const { oid, index } of walk.below(`${base}.26`))
    add('optics.rx_state', index, among(whole(walk, oid), 0, 4), oid)
}

/**
 * What a sensor of Cisco measures and of which port, by its name only: "Te1/1 Receive Power Sensor", "power Rx 0/11/CPU0/18",
 * "HundredGigE0/0/0/20-Rx Lane 3 Power", "subslot 0/0 transceiver 10 Rx Power Sensor", "FS Rx Power Sensor 1/1".
 */
function ciscoSensor(name: string): { readonly signal: string; readonly instance: string } | undefined {
  const kinds: readonly (readonly [RegExp, string])[] = [
    [/Receive Power|Rx (?:Lane (?:\d+ )?)?Power|^power Rx /, 'optics.rx_dbm'],
    [/Transmit Power|Tx (?:Lane (?:\d+ )?)?Power|^power Tx /, 'optics.tx_dbm'],
    [/Module Temp|[Tt]ransceiver (?:\d+ )?Temperature|-Temperature Sensor/, 'optics.temp_c'],
    [/Supply Voltage|Transceiver Voltage|-Voltage Sensor/, 'optics.voltage_v'],
    [/Bias Current/, 'optics.bias_ma']
  ]
  const signal = kinds.find(([pattern]) => pattern.test(name))?.[1]
  if (signal === undefined) return undefined
  const last = /^(?:FS|power) .*?(\d+\/\S+)$/.exec(name)?.[1]
  const slot = /^subslot (\S+ transceiver \d+) /.exec(name)?.[1]
  const words = 'Lane|Transceiver|Receive|Transmit|Rx|Tx|Module|Supply|Bias|Laser|Temperature|Voltage'
  const first = new RegExp(`^(.+?)[ -](?:${words})\\b`).exec(name)?.[1]
  const port = last ?? slot ?? first
  const lane = /\bLane (\d+)/.exec(name)?.[1]
  if (port === undefined) return undefined
  return { signal, instance: lane === undefined ? port : `${port} lane ${lane}` }
}

function readCisco(walk: Walk, add: Add): void {
  const base = '1.3.6.1.4.1.9.9.91.1.1.1.1'
  for (const { oid, index } of walk.below(`${base}.4`)) {
    const sensor = ciscoSensor(walk.get(`${mib2}.47.1.1.1.1.7.${index}`)?.value ?? '')
    const value = whole(walk, oid)
    const [type, scale, precision, status] = ['1', '2', '3', '5'].map(column =>
      whole(walk, `${base}.${column}.${index}`)
    )
    if (sensor === undefined || value === undefined || type === undefined || scale === undefined) continue
    if ((status ?? 1) !== 1 || Math.abs(value) >= 1e9 || precision === undefined) continue
    // Scale 9 is the unit itself, each step a thousand.
    const real = value * 10 ** (3 * (scale - 9) - precision)
    if (sensor.signal.endsWith('_dbm')) {
      if (type === 14 && value !== 0)
        add(sensor.signal, sensor.instance, among(Math.max(real, -40), -40, 30), oid)
      if (type === 6) add(sensor.signal, sensor.instance, dbm(real * 1000), oid)
    } else if (sensor.signal === 'optics.temp_c' && type === 8 && real >= -60 && real <= 200)
      add(sensor.signal, sensor.instance, real, oid)
    else if (sensor.signal === 'optics.voltage_v' && (type === 3 || type === 4) && real >= 1)
      add(sensor.signal, sensor.instance, real, oid)
    else if (sensor.signal === 'optics.bias_ma' && type === 5)
      add(sensor.signal, sensor.instance, real * 1000, oid)
  }
}

/**
 * Huawei's modules. -1 says that an entity is no module, and an empty cage may answer 0 everywhere. S57xx and S127xx give the scalar in
 * µW where it is above 0; CE and NE, and all of YunShan OS, in 0.01 dBm whatever its sign. Lanes are in 0.01 dBm, of NE and YunShan OS
 * in dBm; the weakest counts. Bias is in µA, there in mA.
 */
function readHuawei(walk: Walk, add: Add): void {
  const base = '1.3.6.1.4.1.2011.5.25.31.1.1.3.1'
  const description = walk.get(`${mib2}.1.1.0`)?.value ?? ''
  const isNew = /YunShan|\bNE\d/.test(description)
  const isDbm = isNew || /\bCE\d/.test(description)
  const weakestLane = (oid: string): number | undefined => {
    const values = (walk.get(oid)?.value ?? '').split(',').flatMap(part => {
      const value = /^-inf$/i.test(part.trim()) ? -4000 : decimal(part)
      return value === undefined || value === -1 ? [] : [isNew ? value : value / 100]
    })
    return values.length === 0 ? undefined : among(Math.max(Math.min(...values), -40), -40, 30)
  }
  for (const { index } of walk.below(`${base}.8`)) {
    const cell = (column: string): number | undefined => {
      const value = whole(walk, `${base}.${column}.${index}`)
      return value === -1 ? undefined : value
    }
    const alias = walk.get(`${mib2}.47.1.3.2.1.2.${index}.0`)?.value
    const port = /\.(\d+)$/.exec(alias ?? '')?.[1] ?? index
    for (const [lane, scalar, signal] of [
      ['32', '8', 'optics.rx_dbm'],
      ['33', '9', 'optics.tx_dbm']
    ] as const) {
      const weakest = weakestLane(`${base}.${lane}.${index}`)
      const raw = cell(scalar)
      const isEmpty = raw === undefined || (raw === 0 && (isNew || !isDbm))
      const level = isEmpty ? undefined : raw > 0 && !isDbm ? dbm(raw / 1000) : Math.max(raw / 100, -40)
      if (weakest !== undefined) add(signal, port, weakest, `${base}.${lane}.${index}`)
      else add(signal, port, among(level, -40, 30), `${base}.${scalar}.${index}`)
    }
    const volts = among(cell('6'), 1, 20_000)
    const temperature = cell('5')
    const bias = cell('7')
    const isFed = volts !== undefined && volts >= 1000
    if (temperature !== -255 && (temperature !== 0 || isFed))
      add('optics.temp_c', port, among(temperature, -60, 200), `${base}.5.${index}`)
    add('optics.voltage_v', port, times(volts, 0.001), `${base}.6.${index}`)
    if (bias !== 0 || isFed)
      add('optics.bias_ma', port, times(among(bias, 0, 1e7), isNew ? 1 : 0.001), `${base}.7.${index}`)
    for (const [column, signal] of [
      ['13', 'optics.rx_low_alarm_dbm'],
      ['14', 'optics.rx_high_alarm_dbm'],
      ['20', 'optics.rx_low_warn_dbm'],
      ['21', 'optics.rx_high_warn_dbm']
    ] as const)
      add(signal, port, among(times(cell(column), 0.01), -40, 30), `${base}.${column}.${index}`)
  }
}

function readCatv(walk: Walk, add: Add): void {
  for (const { oid, index } of walk.below('1.3.6.1.4.1.5591.1.11.1.2.1.1.1.1.2'))
    add('catv.input_dbm', index, among(times(whole(walk, oid), 0.1), -40, 30), oid)
  for (const { oid, index } of walk.below('1.3.6.1.4.1.5591.1.5.5.1.2'))
    add('catv.input_dbm', index, dbm(times(among(whole(walk, oid), 0, 65_534), 0.1)), oid)
  // 0.1 dBmV; 0 dBmV are 60 dBµV.
  for (const { oid, index } of walk.below('1.3.6.1.4.1.5591.1.5.11.1.4'))
    add('catv.rf_dbuv', index, times(among(whole(walk, oid), 0, 65_534), 0.1)! + 60, oid)
  for (const { oid, index } of walk.below('1.3.6.1.4.1.17409.1.10.5.1.2'))
    add('catv.input_dbm', index, among(times(whole(walk, oid), 0.1), -40, 30), oid)
  for (const { oid, index } of walk.below('1.3.6.1.4.1.17409.1.10.11.1.4'))
    add('catv.rf_dbuv', index, among(times(whole(walk, oid), 0.1), 0, 150), oid)
}
