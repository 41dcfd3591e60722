import { beforeAll, describe, expect, it } from 'vitest'
import { createDecoder, type Decoder } from './decode.ts'
import type { Decoded } from './decoded.ts'
import { compileProfiles } from './profile.ts'
import type { ProfileSet } from './plan.ts'
import { readProfileFiles, shippedProfiles } from './profile-files.ts'
import { codeName, signals } from '../signals.ts'

/** The shipped profiles against values read off real devices (MIB walks, collectors' own documentation). */

const nowMs = Date.UTC(2026, 0, 15)
const atS = nowMs / 1000 - 30
let set: ProfileSet
let decoder: Decoder
const exercised = new Set<string>()

beforeAll(async () => {
  set = compileProfiles(await readProfileFiles([shippedProfiles]))
  decoder = createDecoder(set, {
    futureMsMax: 60_000,
    pastMsMax: 10 * 365 * 86_400_000,
    depthMax: 32,
    valueBytesMax: 1_048_576
  })
})

function decode(document: unknown): Decoded {
  return decoder.decode(new TextEncoder().encode(JSON.stringify(document)), 0, nowMs)
}

/** The only group of a record: readings by signal (enumerations by name), and the fields without a reading. */
function read(document: unknown): {
  profile: string
  identifiers: readonly string[]
  collector: string
  instance: string
  values: Record<string, number | string>
  none: string[]
} {
  const decoded = decode(document)
  if (!decoded.ok) throw new Error(`${decoded.reason}: ${decoded.detail}`)
  const group = decoded.groups[0]
  const plan = set.measurements[group?.measurement ?? -1]
  if (group === undefined || plan === undefined || decoded.groups.length > 1)
    throw new Error(`${decoded.groups.length} groups`)
  exercised.add(`${plan.profile}/${plan.name}`)
  const values: Record<string, number | string> = {}
  for (const [i, slot] of group.slots.entries()) {
    const signal = signals[plan.slots[slot]?.signal ?? -1]
    const value = group.values[i]
    if (signal === undefined || value === undefined) throw new Error('slot without a signal')
    expect(values).not.toHaveProperty([signal.name])
    values[signal.name] = codeName(signal, value) ?? Number(value.toFixed(4))
  }
  const none = group.noReadings.map(slot => plan.slots[slot]?.field ?? '')
  const { identifiers, collector, instance } = group
  return { profile: plan.profile, identifiers, collector, instance, values, none }
}

function metric(name: string, fields: Record<string, unknown>, tags: Record<string, string> = {}): unknown {
  return { fields, name, tags: { source: '10.7.1.5', host: 'col1', ...tags }, timestamp: atS }
}

const values = (name: string, fields: Record<string, unknown>, tags: Record<string, string> = {}) =>
  read(metric(name, fields, tags)).values

describe('UPS-MIB', () => {
  it('reads a healthy unit', () => {
    const got = read(
      metric('ups', {
        upsOutputSource: 3,
        upsBatteryStatus: 2,
        upsSecondsOnBattery: 0,
        upsEstimatedMinutesRemaining: 42,
        upsEstimatedChargeRemaining: 100,
        upsBatteryVoltage: 546,
        upsInputVoltage: 231,
        upsOutputPercentLoad: 17,
        upsAlarmsPresent: 0
      })
    )
    expect(got).toEqual({
      profile: 'ups-mib',
      identifiers: ['10.7.1.5'],
      collector: 'col1',
      instance: '',
      none: [],
      values: {
        'ups.output_source': 'normal',
        'ups.battery_status': 'normal',
        'ups.on_battery_s': 0,
        'ups.runtime_s': 2520,
        'ups.charge_pct': 100,
        'ups.battery_v': 54.6,
        'ups.input_v': 231,
        'ups.load_pct': 17,
        'ups.alarms': 0
      }
    })
  })

  it('takes 0 minutes at 100 % on mains for unknown (Phoenixtec, EastPower, Ingrasys)', () => {
    const got = read(
      metric('ups', {
        upsOutputSource: 3,
        upsBatteryStatus: 2,
        upsEstimatedMinutesRemaining: 0,
        upsEstimatedChargeRemaining: 100
      })
    )
    expect(got.none).toEqual(['upsEstimatedMinutesRemaining'])
    expect(got.values).not.toHaveProperty(['ups.runtime_s'])
  })

  it('takes 0 minutes at its word when the battery is low by status or charge, and not otherwise', () => {
    expect(values('ups', { upsOutputSource: 5, upsEstimatedMinutesRemaining: 0 })).toEqual({
      'ups.output_source': 'battery'
    })
    const onBattery = { upsOutputSource: 5, upsBatteryStatus: 2, upsEstimatedMinutesRemaining: 0 }
    expect(values('ups', { ...onBattery, upsEstimatedChargeRemaining: 96 })).not.toHaveProperty([
      'ups.runtime_s'
    ])
    expect(values('ups', { ...onBattery, upsEstimatedChargeRemaining: 12 })).toMatchObject({
      'ups.runtime_s': 0
    })
    expect(values('ups', { upsBatteryStatus: 3, upsEstimatedMinutesRemaining: 0 })).toMatchObject({
      'ups.runtime_s': 0
    })
    expect(read(metric('ups', { upsEstimatedMinutesRemaining: 0 })).none).toEqual([
      'upsEstimatedMinutesRemaining'
    ])
  })

  it('knows a self-test by its result, but for a UPS without mains at its input', () => {
    const testing = { upsOutputSource: 5, upsTestResultsSummary: 5 }
    expect(values('ups', testing)).toEqual({ 'ups.output_source': 'test', 'ups.test_result': 'inProgress' })
    expect(values('ups', { ...testing, upsInputVoltage: 231 })).toMatchObject({ 'ups.output_source': 'test' })
    expect(values('ups', { ...testing, upsInputVoltage: 0 })).toMatchObject({
      'ups.output_source': 'battery'
    })
    expect(values('ups', { upsOutputSource: 5, upsTestResultsSummary: 1 })).toMatchObject({
      'ups.output_source': 'battery'
    })
  })

  it('knows Huawei: -1 for minutes, charge and temperature, input voltage in tenths', () => {
    const got = read(
      metric('ups', {
        upsOutputSource: 3,
        upsEstimatedMinutesRemaining: -1,
        upsEstimatedChargeRemaining: -1,
        upsBatteryTemperature: -1,
        upsInputVoltage: 2369
      })
    )
    expect(got.values).toEqual({ 'ups.output_source': 'normal', 'ups.input_v': 236.9 })
    expect(got.none).toEqual([
      'upsEstimatedMinutesRemaining',
      'upsEstimatedChargeRemaining',
      'upsBatteryTemperature'
    ])
  })

  it('reads names, named codes and codes alike, and nothing outside the enumeration', () => {
    for (const battery of [5, '5', 'battery', 'Battery', 'battery(5)', ' battery(5) '])
      expect(values('ups', { upsOutputSource: battery })).toEqual({ 'ups.output_source': 'battery' })
    for (const nothing of [0, 8, 5.5, '', 'on', 'foo(9)', true, null, {}, [5]])
      expect(read(metric('ups', { upsOutputSource: nothing })).none).toEqual(['upsOutputSource'])
  })

  it('keeps the lines of a three-phase unit apart', () => {
    const got = read(metric('ups_input', { upsInputVoltage: 228 }, { upsInputLineIndex: '2' }))
    expect(got.instance).toBe('2')
    expect(got.values).toEqual({ 'ups.input_v': 228 })
  })
})

describe('PowerNet-MIB (APC)', () => {
  it('tells a bypass by failure from one that was ordered', () => {
    const source = (code: number) => values('apcups', { upsBasicOutputStatus: code })['ups.output_source']
    expect([6, 9, 10, 16].map(source)).toEqual(['bypass', 'bypass', 'failureBypass', 'failureBypass'])
  })

  it('knows a self-test by cause, result, flag or state, but for a UPS without mains at its input', () => {
    const flags = (on: number) => Array.from({ length: 64 }, (_, i) => (i + 1 === on ? '1' : '0')).join('')
    const said: readonly Record<string, unknown>[] = [
      { upsBasicOutputStatus: 3, upsAdvInputLineFailCause: 9 },
      { upsBasicOutputStatus: 3, upsAdvTestDiagnosticsResults: 4 },
      { upsBasicOutputStatus: 3, upsBasicStateOutputState: flags(29) },
      { upsBasicOutputStatus: 15 }
    ]
    for (const fields of said) {
      expect(values('apcups', fields)).toMatchObject({ 'ups.output_source': 'test' })
      expect(values('apcups', { ...fields, upsAdvInputLineVoltage: 0 })).toMatchObject({
        'ups.output_source': 'battery'
      })
    }
    expect(values('apcups', { upsBasicOutputStatus: 3, upsBasicStateOutputState: flags(2) })).toEqual({
      'ups.output_source': 'battery'
    })
  })

  it('reads 3 as on battery and TimeTicks as seconds', () => {
    expect(
      values('apcups', {
        upsBasicOutputStatus: 3,
        upsBasicBatteryStatus: 2,
        upsBasicBatteryTimeOnBattery: 4500,
        upsAdvBatteryRunTimeRemaining: 252_000,
        upsAdvBatteryReplaceIndicator: 1,
        upsAdvInputLineFailCause: 4,
        upsCommStatus: 1
      })
    ).toEqual({
      'ups.output_source': 'battery',
      'ups.battery_status': 'normal',
      'ups.on_battery_s': 45,
      'ups.runtime_s': 2520,
      'ups.replace_battery': 'no',
      'ups.transfer_cause': 'blackout',
      'ups.comm_status': 'ok'
    })
  })

  it('tells a self-test from a power cut, by status and by the cause of the transfer', () => {
    expect(values('apcups', { upsBasicOutputStatus: 15 })).toEqual({ 'ups.output_source': 'test' })
    expect(values('apcups', { upsBasicOutputStatus: 3, upsAdvInputLineFailCause: 9 })).toMatchObject({
      'ups.output_source': 'test'
    })
    expect(values('apcups', { upsBasicOutputStatus: 2, upsAdvInputLineFailCause: 9 })).toMatchObject({
      'ups.output_source': 'normal'
    })
  })

  it('takes 4294967295 for absent', () => {
    expect(read(metric('apcups', { upsAdvBatteryRunTimeRemaining: 4_294_967_295 })).none).toEqual([
      'upsAdvBatteryRunTimeRemaining'
    ])
  })

  it('prefers the precise value, and falls back to the plain one', () => {
    expect(values('apcups', { upsAdvBatteryCapacity: 99, upsHighPrecBatteryCapacity: 987 })).toEqual({
      'ups.charge_pct': 98.7
    })
    const got = read(metric('apcups', { upsAdvBatteryCapacity: 99, upsHighPrecBatteryCapacity: -1 }))
    expect(got.values).toEqual({ 'ups.charge_pct': 99 })
    expect(got.none).toEqual(['upsHighPrecBatteryCapacity'])
  })

  it('believes the plain value where the precise one is 0', () => {
    const precise = {
      upsHighPrecBatteryCapacity: 0,
      upsHighPrecBatteryTemperature: 0,
      upsHighPrecBatteryActualVoltage: 0,
      upsHighPrecInputLineVoltage: 0,
      upsHighPrecOutputLoad: 0
    }
    expect(
      values('apcups', {
        ...precise,
        upsAdvBatteryCapacity: 99,
        upsAdvBatteryTemperature: 25,
        upsAdvBatteryActualVoltage: 54,
        upsAdvInputLineVoltage: 227,
        upsAdvOutputLoad: 31
      })
    ).toEqual({
      'ups.charge_pct': 99,
      'ups.temp_c': 25,
      'ups.battery_v': 54,
      'ups.input_v': 227,
      'ups.load_pct': 31
    })
    // A mains cut: both say so.
    expect(
      values('apcups', {
        upsBasicOutputStatus: 3,
        upsAdvInputLineFailCause: 9,
        upsHighPrecInputLineVoltage: 0,
        upsAdvInputLineVoltage: 0
      })
    ).toEqual({ 'ups.output_source': 'battery', 'ups.transfer_cause': 'blackout', 'ups.input_v': 0 })
  })
})

it('XPPC-MIB: reads a Phoenixtec on mains (runtime 0, replace 0, 2390 tenths of a volt)', () => {
  const got = read(
    metric('xppc', {
      upsBaseOutputStatus: 2,
      upsBaseBatteryStatus: 2,
      upsSmartBatteryCapacity: 100,
      upsSmartBatteryRunTimeRemaining: 0,
      upsSmartBatteryReplaceIndicator: 0,
      upsSmartInputLineVoltage: 2390,
      upsSmartBatteryVoltage: 274
    })
  )
  expect(got.profile).toBe('xppc')
  expect(got.values).toEqual({
    'ups.output_source': 'normal',
    'ups.battery_status': 'normal',
    'ups.charge_pct': 100,
    'ups.input_v': 239,
    'ups.battery_v': 27.4
  })
  expect(got.none).toEqual(['upsSmartBatteryRunTimeRemaining', 'upsSmartBatteryReplaceIndicator'])
  expect(
    values('xppc', { upsBaseOutputStatus: 3, upsBaseBatteryStatus: 3, upsSmartBatteryRunTimeRemaining: 0 })
  ).toEqual({ 'ups.output_source': 'battery', 'ups.battery_status': 'low', 'ups.runtime_s': 0 })
})

describe('apcupsd', () => {
  const apcupsd = (fields: Record<string, unknown>) =>
    read({ fields, name: 'apcupsd', tags: { host: 'col1', ups_name: 'ku7' }, timestamp: atS }).values

  it('reads bits, among others it does not know, and no voltage where there is no voltmeter', () => {
    expect(apcupsd({ status_flags: 0x05000008, input_voltage: 0, time_on_battery_ns: 0 })).toEqual({
      'ups.output_source': 'normal',
      'ups.battery_status': 'normal',
      'ups.replace_battery': 'no',
      'ups.alarm': 'none',
      'ups.comm_status': 'ok',
      'ups.on_battery_s': 0
    })
    expect(apcupsd({ status_flags: 0x10 | 0x40 | 0x80 | 0x100 })).toEqual({
      'ups.output_source': 'battery',
      'ups.battery_status': 'low',
      'ups.replace_battery': 'yes',
      'ups.alarm': 'none',
      'ups.comm_status': 'lost'
    })
    expect(apcupsd({ status_flags: 0x08 | 0x20 })['ups.alarm']).toBe('outputOverload')
    const testing = { status_flags: 0x10, last_transfer: 'Automatic or explicit self test' }
    expect(apcupsd(testing)['ups.output_source']).toBe('test')
    expect(apcupsd({ ...testing, last_transfer: 'Low line voltage' })['ups.output_source']).toBe('battery')
  })
})

it('knows the port and the kind of a threshold by the index of its row, and the port of a Huawei module by its alias', () => {
  const row = (index: string) =>
    decode(metric('ddm_threshold', { swDdmLowAlarm: '0.0100', swDdmHighAlarm: '1.2600' }, { index }))
  expect(read(metric('ddm_threshold', { swDdmLowAlarm: '0.0100' }, { index: '25.5' }))).toMatchObject({
    instance: '25',
    values: { 'optics.rx_low_alarm_dbm': -20 }
  })
  // Other kinds of value have other limits.
  expect(row('25.4')).toMatchObject({ ok: true, groups: [], unmapped: 1 })
  const module = metric(
    'huawei_optics',
    { hwEntityOpticalRxPower: 331 },
    { index: '16847118', entPhysicalName: 'GigabitEthernet0/0/1', entAliasMapping: '.1.3.6.1.2.1.2.2.1.1.6' }
  )
  expect(read(module)).toMatchObject({ instance: '6', values: { 'optics.rx_dbm': -4.8017 } })
})

it('reads the rings of both generations of D-Link alike', () => {
  const index = '4.107.117.45.49.1'
  const newer = { dErpsInstInstanceState: 4, dErpsInstOperRplNodeRole: 1 }
  const older = { swERPSMgmtRAPSRingState: 1, swERPSMgmtRAPSRPLOwnerOperStatus: 2 }
  expect(read(metric('erps_dlinksw', newer, { index }))).toMatchObject({
    profile: 'dlink-erps',
    instance: index,
    values: { 'erps.state': 'protection', 'erps.role': 'owner' }
  })
  expect(read(metric('erps_dlink', older, { index: '100' }))).toMatchObject({
    instance: '100',
    values: { 'erps.state': 'init', 'erps.role': 'none' }
  })
})

it("reads the rows of a UPS's own table of alarms; a vendor's own are no reading", () => {
  const row = (descr: string) => read(metric('ups_alarms', { upsAlarmDescr: descr }, { index: '7' }))
  expect(row('.1.3.6.1.2.1.33.1.6.3.13')).toMatchObject({
    instance: '7',
    values: { 'ups.alarm': 'chargerFailed' }
  })
  expect(row('1.3.6.1.2.1.33.1.6.3.1').values).toEqual({ 'ups.alarm': 'batteryBad' })
  expect(row('UPS-MIB::upsAlarmTestInProgress').values).toEqual({ 'ups.alarm': 'testInProgress' })
})

describe('NUT upsd', () => {
  const upsd = (fields: Record<string, unknown>) =>
    read({ fields, name: 'upsd', tags: { host: 'col1', ups_name: 'ku7', serial: 'AS1' }, timestamp: atS })

  it("reads Telegraf's own example", () => {
    const got = upsd({
      battery_charge_percent: 100,
      input_voltage: 230.4,
      load_percent: 9.7,
      status_flags: 8,
      time_left_ns: 600_000_000_000,
      ups_status: 'OL'
    })
    expect(got.identifiers).toEqual(['ku7', 'AS1'])
    expect(got.none).toEqual([])
    expect(got.values).toEqual({
      'ups.output_source': 'normal',
      'ups.battery_status': 'normal',
      'ups.replace_battery': 'no',
      'ups.alarm': 'none',
      'ups.alarms': 0,
      'ups.charge_pct': 100,
      'ups.runtime_s': 600,
      'ups.input_v': 230.4,
      'ups.load_pct': 9.7
    })
  })

  it.each([
    [16, 'OB', 'battery', 'normal', 'no'],
    [16 + 64, 'OB LB', 'battery', 'low', 'no'],
    [8 + 128, 'OL RB', 'normal', 'normal', 'yes'],
    [8 + 2, 'OL TRIM', 'reducer', 'normal', 'no'],
    [8 + 4, 'OL BOOST', 'booster', 'normal', 'no'],
    [16 + 1, 'CAL OB', 'test', 'normal', 'no'],
    [8, 'OL CHRG', 'normal', 'normal', 'no'],
    [8 + 32, 'OL OVER', 'normal', 'normal', 'no']
  ])('reads flags %i and words %s alike', (flags, words, source, battery, replace) => {
    const expected = {
      'ups.output_source': source,
      'ups.battery_status': battery,
      'ups.replace_battery': replace,
      'ups.alarm': words.includes('OVER') ? 'outputOverload' : 'none'
    }
    expect(upsd({ status_flags: flags }).values).toEqual(expected)
    // Only the words know of an alarm.
    const spoken = { ...expected, 'ups.alarms': 0 }
    expect(upsd({ ups_status: words }).values).toEqual(spoken)
    expect(upsd({ status_flags: flags, ups_status: words }).values).toEqual(spoken)
  })

  it('believes a test only beside OB, with mains at the input: the words know it, the flags do not', () => {
    const source = (fields: Record<string, unknown>) => upsd(fields).values['ups.output_source']
    const testing = { status_flags: 16, ups_status: 'OB DISCHRG TEST' }
    expect(source(testing)).toBe('test')
    expect(source({ ...testing, input_voltage: 230 })).toBe('test')
    expect(source({ ...testing, input_voltage: 0 })).toBe('battery')
    expect(source({ status_flags: 8, ups_status: 'OL TEST' })).toBe('normal')
    expect(source({ status_flags: 16, ups_status: 'OB DISCHRG' })).toBe('battery')
    expect(source({ ups_status: 'OL DISCHRG', input_voltage: 232 })).toBe('normal')
  })

  it('reads nothing out of no flags and of words it does not know', () => {
    expect(upsd({ status_flags: 0, ups_status: 'WAIT' }).values).toEqual({})
    expect(upsd({ ups_status: 'Driver not connected' }).none).toHaveLength(5)
  })

  it('counts the word ALARM, and asks input and charge where it discharges on mains', () => {
    expect(upsd({ ups_status: 'ALARM OL RB' }).values).toMatchObject({
      'ups.alarms': 1,
      'ups.output_source': 'normal',
      'ups.replace_battery': 'yes'
    })
    const source = (fields: Record<string, unknown>) =>
      upsd({ ups_status: 'OL DISCHRG', ...fields }).values['ups.output_source']
    expect(source({ input_voltage: 0 })).toBe('battery')
    expect(source({ input_voltage: 231 })).toBe('normal')
    expect(source({ battery_charge_percent: 100 })).toBe('normal')
    expect(source({ battery_charge_percent: 83 })).toBe('other')
  })
})

describe('IF-MIB', () => {
  it("reads Telegraf's own example, keyed by ifIndex and not by a description with the firmware in it", () => {
    const got = read({
      fields: {
        ifAdminStatus: 1,
        ifInErrors: 0,
        ifLastChange: 9_088_763,
        ifOperStatus: 1,
        ifSpeed: 1_000_000_000,
        ifType: 6
      },
      name: 'interface',
      tags: {
        agent_host: '10.7.1.5',
        host: 'col1',
        ifDescr: 'D-Link DES-3200-18 R4.04.004 Port 1 ',
        ifIndex: '25',
        sysName: 'du-123'
      },
      timestamp: atS
    })
    expect(got.identifiers).toEqual(['10.7.1.5', 'du-123'])
    expect(got.instance).toBe('25')
    expect(got.values).toEqual({
      'if.oper_status': 'up',
      'if.admin_status': 'up',
      'if.in_errors': 0,
      'if.speed_mbps': 1000,
      'if.last_change_s': 90_887.63
    })
  })

  it.each([
    [2, 'down'],
    [6, 'notPresent'],
    [7, 'lowerLayerDown'],
    ['testing', 'testing'],
    ['testing(3)', 'testing']
  ])('reads ifOperStatus %s', (status, expected) => {
    expect(values('interface', { ifOperStatus: status }, { ifIndex: '1' })).toEqual({
      'if.oper_status': expected
    })
  })

  it('takes the 64-bit counters where both are there', () => {
    const fields = { ifInOctets: 7, ifHCInOctets: 4_294_967_303, ifSpeed: 4_294_967_295, ifHighSpeed: 10_000 }
    expect(values('interface', fields, { ifIndex: '1' })).toEqual({
      'if.in_octets': 4_294_967_303,
      'if.speed_mbps': 10_000
    })
  })

  it('takes the index from a field where no tag has it, and rejects a port without one', () => {
    expect(read(metric('interface', { ifOperStatus: 1, ifIndex: 26 })).instance).toBe('26')
    expect(decode(metric('interface', { ifOperStatus: 1 }))).toMatchObject({
      ok: false,
      reason: 'wrong_shape'
    })
  })

  it('reads uptime', () => {
    expect(values('snmp', { sysUpTime: 8_640_000 })).toEqual({ 'device.uptime_s': 86_400 })
  })
})

describe('D-Link DDM-MGMT-MIB', () => {
  it('reads mW, and dBm where the switch or the sign says so', () => {
    expect(
      values(
        'ddm',
        {
          swDdmRxPower: '0.0932',
          swDdmTxPower: '0.0583',
          swDdmTemperature: '45.2305',
          swDdmVoltage: '3.2477',
          swDdmBiasCurrent: '31.584'
        },
        { index: '1' }
      )
    ).toEqual({
      'optics.rx_dbm': -10.3058,
      'optics.tx_dbm': -12.3433,
      'optics.temp_c': 45.2305,
      'optics.voltage_v': 3.2477,
      'optics.bias_ma': 31.584
    })
    expect(values('ddm', { swDdmRxPower: '-10.2826' }, { index: '25' })).toEqual({
      'optics.rx_dbm': -10.2826
    })
    expect(values('ddm', { swDdmRxPower: '0.5', swDdmPowerUnit: 2 }, { index: '25' })).toEqual({
      'optics.rx_dbm': 0.5
    })
    expect(values('ddm', { swDdmRxPower: '0.5' }, { index: '25', swDdmPowerUnit: 'mw(1)' })).toEqual({
      'optics.rx_dbm': -3.0103
    })
  })

  it('reads no light out of 0 mW and -Inf', () => {
    for (const dark of ['0', '0.0000', 0, '-Inf'])
      expect(values('ddm', { swDdmRxPower: dark }, { index: '25' })).toEqual({ 'optics.rx_dbm': -40 })
  })

  it('reads nothing from a port without a module', () => {
    for (const nothing of ['  -', '', 'Port 8 is not a SFP port.', 'N/A', 'Inf', 'NaN', '0x10', '1e999'])
      expect(read(metric('ddm', { swDdmRxPower: nothing }, { index: '8' })).none).toEqual(['swDdmRxPower'])
    // In mW a power cannot be negative, and an unknown unit is not guessed.
    expect(read(metric('ddm', { swDdmRxPower: '-5', swDdmPowerUnit: 1 }, { index: '8' })).none).toHaveLength(
      1
    )
    expect(read(metric('ddm', { swDdmRxPower: '0.1', swDdmPowerUnit: 7 }, { index: '8' })).none).toHaveLength(
      1
    )
  })

  it('reads DES-1210, whose unit is mw(0)', () => {
    expect(values('ddm', { ddmRxPower: '0.0099', ddmPowerUnit: 0 }, { index: '9' })).toEqual({
      'optics.rx_dbm': -20.0436
    })
    expect(read(metric('ddm', { ddmRxPower: '' }, { index: '9' })).none).toEqual(['ddmRxPower'])
  })

  it('reads the limits of received power, and of nothing else', () => {
    const limits = {
      swDdmHighAlarm: '1.26',
      swDdmLowAlarm: '0.0099',
      swDdmHighWarning: '1.0',
      swDdmLowWarning: '0.0126'
    }
    expect(values('ddm_threshold', limits, { ifIndex: '25', type: '5' })).toEqual({
      'optics.rx_high_alarm_dbm': 1.0037,
      'optics.rx_low_alarm_dbm': -20.0436,
      'optics.rx_high_warn_dbm': 0,
      'optics.rx_low_warn_dbm': -18.9963
    })
    expect(decode(metric('ddm_threshold', limits, { ifIndex: '25', type: '4' }))).toMatchObject({
      ok: true,
      unmapped: 1
    })
  })
})

it('DLINKSW-DDM-MIB: reads 0.1 µW, its limits and its own judgement', () => {
  expect(
    values(
      'ddm_dlinksw',
      {
        dDdmIfInfoCurrentRxPower: 4660,
        dDdmIfInfoCurrentTxPower: 0,
        dDdmIfInfoRxPowerState: 3,
        dDdmIfInfoLowAlarmRxPower: 100,
        dDdmIfInfoLowWarnRxPower: 200,
        dDdmIfInfoHighWarnRxPower: 10_000,
        dDdmIfInfoHighAlarmRxPower: 12_589,
        dDdmIfInfoCurrentTemperature: 41_500,
        dDdmIfInfoCurrentVoltage: 331,
        dDdmIfInfoCurrentBiasCurrent: 17
      },
      { ifIndex: '27' }
    )
  ).toEqual({
    'optics.rx_dbm': -3.3161,
    'optics.tx_dbm': -40,
    'optics.rx_state': 'lowWarning',
    'optics.rx_low_alarm_dbm': -20,
    'optics.rx_low_warn_dbm': -16.9897,
    'optics.rx_high_warn_dbm': 0,
    'optics.rx_high_alarm_dbm': 0.9999,
    'optics.temp_c': 41.5,
    'optics.voltage_v': 3.31,
    'optics.bias_ma': 17
  })
})

describe('CISCO-ENTITY-SENSOR-MIB', () => {
  const sensor = (name: string, fields: Record<string, unknown>) =>
    read(
      metric(
        'cisco_optics',
        { entSensorPrecision: 1, entSensorStatus: 1, ...fields },
        { entPhysicalName: name, index: '1013' }
      )
    )

  it('scales by precision and scale, in dBm and in watts', () => {
    const got = sensor('Te1/1 Receive Power Sensor', {
      entSensorValue: -53,
      entSensorScale: 9,
      entSensorType: 14
    })
    expect(got.instance).toBe('Te1/1')
    expect(got.values).toEqual({ 'optics.rx_dbm': -5.3 })
    expect(
      sensor('Te1/1 Transmit Power Sensor', {
        entSensorValue: 5,
        entSensorScale: 'milli',
        entSensorType: 'watts(6)'
      }).values
    ).toEqual({ 'optics.tx_dbm': -3.0103 })
    expect(
      sensor('Te1/1 Module Temperature Sensor', { entSensorValue: 305, entSensorType: 'celsius' }).values
    ).toEqual({ 'optics.temp_c': 30.5 })
    expect(sensor('Te1/1 Supply Voltage Sensor', { entSensorValue: 33, entSensorType: 4 }).values).toEqual({
      'optics.voltage_v': 3.3
    })
    expect(
      sensor('Te1/1 Bias Current Sensor', { entSensorValue: 65, entSensorType: 5, entSensorScale: 8 }).values
    ).toEqual({ 'optics.bias_ma': 6.5 })
  })

  it('knows the port by the names of each line, and the lanes of a module', () => {
    const rx = { entSensorValue: -53, entSensorScale: 9, entSensorType: 14 }
    const names = [
      // A subslot has many modules.
      ['subslot 0/0 transceiver 0 Rx Power Sensor', '0/0 transceiver 0'],
      ['subslot 0/0 transceiver 11 Rx Power Sensor', '0/0 transceiver 11'],
      ['Hu1/0/49 Rx Lane 3 Power Sensor', 'Hu1/0/49 lane 3'],
      ['GigabitEthernet0/0/0/1-Rx Power', 'GigabitEthernet0/0/0/1'],
      ['TenGigE0/0/0/1-Rx Lane Power', 'TenGigE0/0/0/1'],
      ['HundredGigE0/0/0/20-Rx Lane 3 Power', 'HundredGigE0/0/0/20 lane 3'],
      ['0/0-PORT-2-Rx Lane 1 Power', '0/0-PORT-2 lane 1'],
      ['FS Rx Power Sensor 1/1', '1/1'],
      ['power Rx 0/11/CPU0/18', '0/11/CPU0/18'],
      ['Ethernet1/49 Lane 3 Transceiver Receive Power Sensor', 'Ethernet1/49 lane 3'],
      ['Ethernet1/7 Transceiver Receive Power Sensor', 'Ethernet1/7']
    ] as const
    for (const [name, instance] of names)
      expect(sensor(name, rx)).toMatchObject({ instance, values: { 'optics.rx_dbm': -5.3 } })
    for (const name of ['power Tx 0/11/CPU0/18', 'FS Tx Power Sensor 1/1', 'Hu1/0/49 Tx Lane 3 Power Sensor'])
      expect(sensor(name, rx).values).toEqual({ 'optics.tx_dbm': -5.3 })
    for (const [name, instance] of [
      ['Ethernet1/7 Transceiver Temperature Sensor', 'Ethernet1/7'],
      ['subslot 0/0 transceiver 2 Temperature Sensor', '0/0 transceiver 2'],
      ['TenGigE0/0/0/1-Module Temp', 'TenGigE0/0/0/1'],
      ['GigabitEthernet0/0/0/1-Temperature Sensor', 'GigabitEthernet0/0/0/1']
    ] as const)
      expect(sensor(name, { entSensorValue: 305, entSensorType: 8 })).toMatchObject({
        instance,
        values: { 'optics.temp_c': 30.5 }
      })
    for (const [name, instance] of [
      ['Ethernet1/7 Transceiver Voltage Sensor', 'Ethernet1/7'],
      ['GigabitEthernet0/0/0/1-Voltage Sensor', 'GigabitEthernet0/0/0/1']
    ] as const)
      expect(sensor(name, { entSensorValue: 33, entSensorType: 4 })).toMatchObject({
        instance,
        values: { 'optics.voltage_v': 3.3 }
      })
    expect(
      sensor('GigabitEthernet0/0/0/1-Laser Bias Current', {
        entSensorValue: 65,
        entSensorType: 5,
        entSensorScale: 8
      })
    ).toMatchObject({ instance: 'GigabitEthernet0/0/0/1', values: { 'optics.bias_ma': 6.5 } })
  })

  it('takes 0 W for no light, and 0 dBm for nothing to say', () => {
    const name = 'power Rx 0/11/CPU0/18'
    expect(sensor(name, { entSensorValue: 0, entSensorScale: 8, entSensorType: 6 }).values).toEqual({
      'optics.rx_dbm': -40
    })
    expect(sensor(name, { entSensorValue: 0, entSensorScale: 9, entSensorType: 14 }).none).toHaveLength(1)
  })

  it('reads nothing from overflow, a sensor that is not ok, a type that does not fit, or no precision', () => {
    const name = 'Te1/1 Receive Power Sensor'
    for (const fields of [
      { entSensorValue: 1_000_000_000 },
      { entSensorValue: -1_000_000_000 },
      { entSensorValue: -53, entSensorStatus: 2 },
      { entSensorValue: -53, entSensorStatus: 'unavailable' },
      { entSensorValue: -53, entSensorType: 8 },
      { entSensorValue: -53, entSensorPrecision: null },
      { entSensorValue: -53, entSensorScale: 'enormous' },
      { entSensorValue: 'n/a' }
    ])
      expect(sensor(name, fields).none).toEqual(['entSensorValue'])
  })
})

describe('HUAWEI-ENTITY-EXTENT-MIB', () => {
  const huawei = (fields: Record<string, unknown>) => read(metric('huawei_optics', fields, { ifIndex: '12' }))

  it('reads positive µW and negative 0.01 dBm', () => {
    expect(huawei({ hwEntityOpticalRxPower: 331 }).values).toEqual({ 'optics.rx_dbm': -4.8017 })
    expect(huawei({ hwEntityOpticalRxPower: 46 }).values).toEqual({ 'optics.rx_dbm': -13.3724 })
    expect(huawei({ hwEntityOpticalRxPower: 257 }).values).toEqual({ 'optics.rx_dbm': -5.9007 })
    expect(huawei({ hwEntityOpticalRxPower: -588 }).values).toEqual({ 'optics.rx_dbm': -5.88 })
  })

  it('takes -1 for an entity that is no module, and 0 for neither unit', () => {
    expect(huawei({ hwEntityOpticalRxPower: -1, hwEntityOpticalTxPower: -1 }).values).toEqual({})
    expect(huawei({ hwEntityOpticalRxPower: 0 }).none).toEqual(['hwEntityOpticalRxPower'])
  })

  it('reads lanes: the lowest counts, -Inf is no light', () => {
    expect(huawei({ hwEntityOpticalLaneRxPower: '-588.89' }).values).toEqual({ 'optics.rx_dbm': -5.8889 })
    expect(
      huawei({ hwEntityOpticalLaneRxPower: '133.83,98.54,179.26,80.16', hwEntityOpticalRxPower: 133 }).values
    ).toEqual({ 'optics.rx_dbm': 0.8016 })
    expect(huawei({ hwEntityOpticalLaneRxPower: '-588.89,-Inf' }).values).toEqual({ 'optics.rx_dbm': -40 })
    expect(huawei({ hwEntityOpticalLaneRxPower: '', hwEntityOpticalRxPower: 257 }).values).toEqual({
      'optics.rx_dbm': -5.9007
    })
  })

  it('reads limits in 0.01 dBm always', () => {
    expect(
      huawei({
        hwEntityOpticalRxLowThreshold: -1900,
        hwEntityOpticalRxHighThreshold: 200,
        hwEntityOpticalRxLowWarnThreshold: -1699,
        hwEntityOpticalRxHighWarnThreshold: 0,
        hwEntityOpticalTemperature: 38,
        hwEntityOpticalVoltage: 3310,
        hwEntityOpticalBiasCurrent: 5900
      }).values
    ).toEqual({
      'optics.rx_low_alarm_dbm': -19,
      'optics.rx_high_alarm_dbm': 2,
      'optics.rx_low_warn_dbm': -16.99,
      'optics.rx_high_warn_dbm': 0,
      'optics.temp_c': 38,
      'optics.voltage_v': 3.31,
      'optics.bias_ma': 5.9
    })
  })
})

describe('the families of Huawei', () => {
  const of = (name: string) => (fields: Record<string, unknown>) =>
    read(metric(name, fields, { ifIndex: '12' }))

  it('takes a positive level of CE, NE and YunShan OS for 0.01 dBm', () => {
    for (const name of ['huawei_optics_ce', 'huawei_optics_dbm']) {
      expect(of(name)({ hwEntityOpticalRxPower: -1025, hwEntityOpticalTxPower: 256 }).values).toEqual({
        'optics.rx_dbm': -10.25,
        'optics.tx_dbm': 2.56
      })
      expect(of(name)({ hwEntityOpticalRxPower: -1 }).values).toEqual({})
    }
  })

  it('reads lanes of CE in 0.01 dBm, those of YunShan OS in dBm, and its bias in mA', () => {
    expect(of('huawei_optics_ce')({ hwEntityOpticalLaneRxPower: '-588.89,-601.20' }).values).toEqual({
      'optics.rx_dbm': -6.012
    })
    expect(
      of('huawei_optics_dbm')({
        hwEntityOpticalLaneRxPower: '-25.23,-24.10',
        hwEntityOpticalVoltage: 3300,
        hwEntityOpticalBiasCurrent: 38
      }).values
    ).toEqual({ 'optics.rx_dbm': -25.23, 'optics.voltage_v': 3.3, 'optics.bias_ma': 38 })
  })

  it('takes the zeros of an empty cage for no reading', () => {
    const zeros = {
      hwEntityOpticalRxPower: 0,
      hwEntityOpticalTxPower: 0,
      hwEntityOpticalTemperature: 0,
      hwEntityOpticalVoltage: 0,
      hwEntityOpticalBiasCurrent: 0
    }
    expect(of('huawei_optics_dbm')(zeros).values).toEqual({})
    // A laser that is switched off, in a module that is fed.
    expect(
      of('huawei_optics')({
        hwEntityOpticalVoltage: 3300,
        hwEntityOpticalTemperature: 0,
        hwEntityOpticalBiasCurrent: 0
      }).values
    ).toEqual({ 'optics.voltage_v': 3.3, 'optics.temp_c': 0, 'optics.bias_ma': 0 })
  })
})

describe('CATV receivers', () => {
  it('reads HMS in 0.1 dBm and the fibre nodes in 0.1 mW', () => {
    expect(values('catv', { heOpRxInputPower: -12 })).toEqual({ 'catv.input_dbm': -1.2 })
    expect(values('catv', { heOpRxInputPower: 10 })).toEqual({ 'catv.input_dbm': 1 })
    expect(read(metric('catv', { heOpRxInputPower: -95 }, { index: '2' })).instance).toBe('2')
    expect(values('catv', { fnOpticalReceiverPower: 8, fnRFPortOutputRFLevel: 104 })).toEqual({
      'catv.input_dbm': -0.9691,
      'catv.rf_dbuv': 104
    })
  })

  it('takes the lowest number of a type for no reading, and -99 dBm for no light', () => {
    expect(values('catv', { heOpRxInputPower: -990 })).toEqual({ 'catv.input_dbm': -40 })
    for (const lowest of [-32_768, -2_147_483_648])
      expect(read(metric('catv', { heOpRxInputPower: lowest })).none).toEqual(['heOpRxInputPower'])
  })

  it('reads the RF level of HMS in 0.1 dBmV', () => {
    expect(values('catv_hms', { fnRFPortOutputRFLevel: 480 })).toEqual({ 'catv.rf_dbuv': 108 })
    expect(values('catv_nscrtv', { fnOpticalReceiverPower: -61, fnRFPortOutputRFLevel: 1043 })).toEqual({
      'catv.input_dbm': -6.1,
      'catv.rf_dbuv': 104.3
    })
  })
})

describe('health of switches', () => {
  const row = (name: string, fields: Record<string, unknown>, tags: Record<string, string> = {}) =>
    read(metric(name, fields, { index: '1.2', ...tags })).values

  it('reads D-Link, whose empty bays and spare supplies are no fault', () => {
    expect(
      values('dlink_health', { agentCPUutilizationIn5min: 28, agentMEMutilizationIn5min: '61' })
    ).toEqual({
      'device.cpu_pct': 28,
      'device.memory_pct': 61
    })
    expect(row('dlink_memory', { agentDRAMutilization: 88 })).toEqual({ 'device.memory_pct': 88 })
    expect(row('dlink_temp', { swTemperatureCurrent: 53 })).toEqual({ 'device.temp_c': 53 })
    const fans = [0, 1, 2, 3, 4, 5, 6].map(
      swFanStatus => row('dlink_fan', { swFanStatus })['device.fan_state']
    )
    expect(fans).toEqual(['absent', 'normal', 'failed', 'normal', 'normal', 'normal', 'normal'])
    const supplies = [0, 1, 2, 3, 4, 5, 6].map(
      swPowerStatus => row('dlink_psu', { swPowerStatus })['device.psu_state']
    )
    expect(supplies).toEqual(['absent', 'warning', 'warning', 'normal', 'failed', 'absent', 'absent'])
  })

  it('reads the newer MIB of D-Link', () => {
    expect(read(metric('dlinksw_cpu', { dEntityExtCpuUtilFiveMinutes: 8 }, { index: '1.1' }))).toMatchObject({
      profile: 'dlink-health',
      instance: '1.1',
      values: { 'device.cpu_pct': 8 }
    })
    expect(row('dlinksw_temp', { dEntityExtEnvTempCurrent: 44, dEntityExtEnvTempStatus: 2 })).toEqual({
      'device.temp_c': 44,
      'device.temp_state': 'critical'
    })
    expect(row('dlinksw_fan', { dEntityExtEnvFanStatus: 2 })).toEqual({ 'device.fan_state': 'failed' })
    const supplies = [1, 2, 3].map(
      state => row('dlinksw_psu', { dEntityExtEnvPowerStatus: state })['device.psu_state']
    )
    expect(supplies).toEqual(['normal', 'failed', 'absent'])
  })

  it('reads Cisco, the newer object of a processor first', () => {
    expect(row('cisco_cpu', { cpmCPUTotal5minRev: 27, cpmCPUTotal5min: 28 })).toEqual({
      'device.cpu_pct': 27
    })
    expect(row('cisco_cpu', { cpmCPUTotal5min: 6 })).toEqual({ 'device.cpu_pct': 6 })
    const sensor = (value: number, state: number) =>
      row('cisco_temp', { ciscoEnvMonTemperatureStatusValue: value, ciscoEnvMonTemperatureState: state })
    expect(sensor(61, 2)).toEqual({ 'device.temp_c': 61, 'device.temp_state': 'warning' })
    expect(sensor(0, 1)).toEqual({ 'device.temp_c': 0, 'device.temp_state': 'normal' })
    expect(sensor(90, 4)['device.temp_state']).toBe('shutdown')
    // A sensor that is not there says 0, one that does not function 1000.
    expect(sensor(0, 5)).toEqual({ 'device.temp_state': 'absent' })
    expect(sensor(1000, 6)).toEqual({ 'device.temp_state': 'absent' })
    const states = [1, 2, 3, 4, 5, 6]
    const right = ['normal', 'warning', 'failed', 'failed', 'absent', 'warning']
    expect(states.map(state => row('cisco_fan', { ciscoEnvMonFanState: state })['device.fan_state'])).toEqual(
      right
    )
    expect(
      states.map(state => row('cisco_psu', { ciscoEnvMonSupplyState: state })['device.psu_state'])
    ).toEqual(right)
  })

  it('reads Huawei, whose ports stand in the same table as its boards', () => {
    const entity = (cpu: number, memory: number, heat: number) =>
      read(
        metric(
          'huawei_entity',
          { hwEntityCpuUsage: cpu, hwEntityMemUsage: memory, hwEntityTemperature: heat },
          { index: '67108873' }
        )
      ).values
    const board = entity(38, 7, 42)
    expect(board).toEqual({ 'device.cpu_pct': 38, 'device.memory_pct': 7, 'device.temp_c': 42 })
    // A board that has nothing to do, and one without a processor.
    expect(entity(0, 7, 42)).toEqual({ ...board, 'device.cpu_pct': 0 })
    expect(entity(0, 0, 32)).toEqual({ 'device.temp_c': 32 })
    for (const none of [0, -1, 2_147_483_647]) expect(entity(0, 0, none)).toEqual({})
    expect(entity(-1, -1, -1)).toEqual({})
    const fan = (state: number, present: string) =>
      row('huawei_fan', { hwEntityFanState: state }, { hwEntityFanPresent: present })['device.fan_state']
    expect([fan(1, '1'), fan(2, '1'), fan(2, '2'), fan(1, '2')]).toEqual([
      'normal',
      'failed',
      'absent',
      'absent'
    ])
    expect(row('huawei_fan', { hwEntityFanState: 2 })).toEqual({ 'device.fan_state': 'failed' })
    const supply = (state: number, present: string) =>
      row('huawei_psu', { hwEntityPwrState: state }, { hwEntityPwrPresent: present })['device.psu_state']
    expect([1, 2, 3].map(state => supply(state, '1'))).toEqual(['normal', 'failed', 'normal'])
    expect([1, 2, 3, 4].map(state => supply(state, '2'))).toEqual(['absent', 'absent', 'absent', 'absent'])
    expect(supply(4, '1')).toBeUndefined()
  })
})

describe('gnmic', () => {
  const event = (tags: Record<string, string>, paths: Record<string, unknown>) => ({
    name: 'sub1',
    timestamp: atS * 1e9,
    tags: { source: '172.23.23.2:57400', 'subscription-name': 'sub1', ...tags },
    values: paths
  })

  it('reads interfaces, without the port of the source and the module names of the path', () => {
    const got = read(
      event(
        { interface_name: 'ethernet-1/1' },
        {
          '/openconfig-interfaces:interfaces/interface/state/oper-status': 'LOWER_LAYER_DOWN',
          '/interfaces/interface/state/admin-status': 'UP',
          '/interfaces/interface/state/counters/in-octets': '4294967303'
        }
      )
    )
    expect(got.identifiers).toEqual(['172.23.23.2'])
    expect(got.instance).toBe('ethernet-1/1')
    expect(got.values).toEqual({
      'if.oper_status': 'lowerLayerDown',
      'if.admin_status': 'up',
      'if.in_octets': 4_294_967_303
    })
  })

  it('reads optics and the native paths of SR Linux', () => {
    expect(
      read(
        event(
          { component_name: 'Ethernet1' },
          { '/components/component/transceiver/physical-channels/channel/state/input-power/instant': '-5.30' }
        )
      ).values
    ).toEqual({ 'optics.rx_dbm': -5.3 })
    expect(
      read(
        event(
          { interface_name: 'ethernet-1/1', source: '[fe80::1]:57400' },
          { '/srl_nokia-interfaces:interface/oper-state': 'down' }
        )
      )
    ).toMatchObject({ identifiers: ['fe80::1'], values: { 'if.oper_status': 'down' } })
  })

  it('reads how busy processors are', () => {
    const path = '/openconfig-platform:components/component/cpu/utilization/state/avg'
    expect(read(event({ component_name: 'CPU0' }, { [path]: 91 }))).toMatchObject({
      instance: 'CPU0',
      values: { 'device.cpu_pct': 91 }
    })
    const own = 'Cisco-IOS-XE-process-cpu-oper:cpu-usage/cpu-utilization/five-minutes'
    expect(read(event({}, { [`/${own}`]: 7 })).values).toEqual({ 'device.cpu_pct': 7 })
  })

  it('reads the limits of a module by their severity', () => {
    const path = '/components/component/transceiver/thresholds/threshold/state/input-power-lower'
    const limits = (severity: string) =>
      read(event({ component_name: 'Ethernet1', threshold_severity: severity }, { [path]: '-14.4' })).values
    expect(limits('openconfig-alarm-types:CRITICAL')).toEqual({ 'optics.rx_low_alarm_dbm': -14.4 })
    expect(limits('WARNING')).toEqual({ 'optics.rx_low_warn_dbm': -14.4 })
  })

  it('gives a group for each event of an array', () => {
    const up = { '/interfaces/interface/state/oper-status': 'UP' }
    const decoded = decode([
      event({ interface_name: 'a' }, up),
      event({ interface_name: 'b' }, up),
      event({}, { '/system/state/hostname': 'x' }),
      { name: 'sub1', timestamp: atS * 1e9, deletes: ['/interfaces/interface'] }
    ])
    expect(decoded).toMatchObject({ ok: true, unmapped: 2, groups: [{ instance: 'a' }, { instance: 'b' }] })
  })
})

describe('Zabbix', () => {
  const item = (name: string, value: unknown, more: Record<string, unknown> = {}) => ({
    host: { host: 'du-123', name: 'ДУ Тютчева 1' },
    groups: ['ДУ'],
    item_tags: [],
    itemid: 3,
    name,
    clock: atS,
    ns: 123_456_789,
    value,
    type: 3,
    ...more
  })

  it('knows processors and memory, by the number or the board in their name', () => {
    expect(read(item('CPU utilization', 31))).toMatchObject({
      instance: '',
      values: { 'device.cpu_pct': 31 }
    })
    expect(read(item('#2: CPU utilization', 31)).instance).toBe('2')
    expect(read(item('MPU Board 0: Memory utilization', 40.5))).toMatchObject({
      instance: 'MPU Board 0',
      values: { 'device.memory_pct': 40.5 }
    })
  })

  it('knows items of the APC templates with and without the template in their name', () => {
    for (const before of ['', 'APC UPS: ', 'APC Smart-UPS 2200 RM: ']) {
      const tags = {
        item_tags: before === '' ? [{ tag: 'target', value: 'apc' }] : [{ tag: 'component', value: 'health' }]
      }
      expect(read(item(`${before}Output status`, 3, tags)).values).toEqual({ 'ups.output_source': 'battery' })
      expect(read(item(`${before}Output status`, 10, tags)).values).toEqual({
        'ups.output_source': 'failureBypass'
      })
      expect(read(item(`${before}Battery capacity`, 71, tags)).values).toEqual({ 'ups.charge_pct': 71 })
      expect(read(item(`${before}Battery temperature`, 25.3, tags)).values).toEqual({ 'ups.temp_c': 25.3 })
      expect(read(item(`${before}Battery status`, 3, tags)).values).toEqual({ 'ups.battery_status': 'low' })
      expect(read(item(`${before}Uptime (network)`, 8123, tags)).values).toEqual({ 'device.uptime_s': 8123 })
      expect(read(item(`${before}Battery runtime remaining`, 600, tags)).values).toEqual({
        'ups.runtime_s': 600
      })
      expect(read(item(`${before}Battery runtime remaining`, 0, tags)).none).toEqual(['value'])
    }
  })

  it('knows what only the APC templates have, and codes of theirs that are no others', () => {
    const values = (name: string, value: number) => read(item(`APC UPS: ${name}`, value)).values
    expect(values('Battery status', 4)).toEqual({ 'ups.battery_status': 'fault' })
    expect(decode(item('APC UPS: Input fail cause', 9))).toMatchObject({ groups: [], unmapped: 1 })
    expect(values('Battery replace indicator', 2)).toEqual({ 'ups.replace_battery': 'yes' })
    expect(read(item('APC UPS: Uptime (hardware)', 0)).none).toEqual(['value'])
  })

  it('reads an item by its name, and the port by tag or name', () => {
    const tagged = item('Interface 25: Operational status', 2, {
      item_tags: [{ tag: 'interface', value: '25' }]
    })
    expect(read(tagged)).toMatchObject({
      identifiers: ['du-123', 'ДУ Тютчева 1'],
      instance: '25',
      values: { 'if.oper_status': 'down' }
    })
    const decoded = decode(tagged)
    expect(decoded.ok && decoded.groups[0]?.timeMs).toBe(atS * 1000 + 123)
    expect(read(item('Interface Gi0/1(to ku-7): Operational status', 1)).instance).toBe('Gi0/1')
    expect(read(item('Interface 25: Administrative status', 1)).values).toEqual({ 'if.admin_status': 'up' })
    expect(read(item('Interface 25: Speed', 1e9)).values).toEqual({ 'if.speed_mbps': 1000 })
    expect(read(item('Interface 25: Rx power', -8.5, { type: 0 })).values).toEqual({ 'optics.rx_dbm': -8.5 })
    expect(read(item('Interface 25: Inbound packets with errors (raw)', 5)).values).toEqual({
      'if.in_errors': 5
    })
  })

  it('reads a UPS, the code 3 by what the target is', () => {
    const apc = { item_tags: [{ tag: 'target', value: 'apc' }] }
    expect(read(item('Output status', 3, apc)).values).toEqual({ 'ups.output_source': 'battery' })
    expect(decode(item('Output status', 3))).toMatchObject({ ok: true, groups: [], unmapped: 1 })
    expect(read(item('Output source', 3)).values).toEqual({ 'ups.output_source': 'normal' })
    expect(read(item('Battery status', 3)).values).toEqual({ 'ups.battery_status': 'low' })
    expect(read(item('Battery capacity', 97.5, { type: 0 })).values).toEqual({ 'ups.charge_pct': 97.5 })
    expect(read(item('Battery runtime remaining', 1260)).values).toEqual({ 'ups.runtime_s': 1260 })
    expect(read(item('Input voltage', '229.8', { type: 1 })).values).toEqual({ 'ups.input_v': 229.8 })
    expect(read(item('Output load', 12)).values).toEqual({ 'ups.load_pct': 12 })
    expect(read(item('Uptime (network)', 3600)).values).toEqual({ 'device.uptime_s': 3600 })
  })

  it('knows what carries no reading: events, trends, logs', () => {
    const event = { clock: atS, ns: 1, value: 1, eventid: 42, name: 'Link down', severity: 3 }
    expect(decode(event)).toEqual({ ok: true, groups: [], unmapped: 1 })
    const trend = {
      host: { host: 'a' },
      itemid: 3,
      name: 'Load',
      clock: atS,
      count: 60,
      min: 1,
      avg: 2,
      max: 3
    }
    expect(decode(trend)).toEqual({ ok: true, groups: [], unmapped: 1 })
    expect(read(item('Load', '5', { type: 2 })).none).toEqual(['value'])
  })
})

describe('canonical', () => {
  it('reads every signal by its own name', () => {
    const record = {
      device: '10.7.1.5',
      identifiers: ['du-123', '10.7.1.5'],
      instance: '25',
      collector: 'col1',
      timeMs: atS * 1000,
      signals: Object.fromEntries(
        signals.map(signal => [
          signal.name,
          signal.codes === undefined ? 1 : (Object.keys(signal.codes)[0] ?? '')
        ])
      )
    }
    const got = read(record)
    expect(Object.keys(got.values).sort()).toEqual(signals.map(signal => signal.name).sort())
    expect(got).toMatchObject({ identifiers: ['10.7.1.5', 'du-123'], instance: '25', collector: 'col1' })
  })

  it('reads enumerations by code, null as no reading, and ignores what it does not know', () => {
    const got = read({
      device: 'a',
      timeMs: atS * 1000,
      signals: { 'ups.output_source': 5, 'ups.charge_pct': null, new: 1 }
    })
    expect(got.values).toEqual({ 'ups.output_source': 'battery' })
    expect(got.none).toEqual(['ups.charge_pct'])
  })
})

it('every shipped measurement has been exercised above', () => {
  const shipped = set.measurements.map(plan => `${plan.profile}/${plan.name}`).sort()
  expect([...exercised].sort()).toEqual(shipped)
})
