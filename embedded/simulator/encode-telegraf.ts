import type { InventoryDevice } from '../../topology/model.ts'
import type { CatvReading, Encode, InterfaceReading, OpticsReading, Reading, UpsReading } from './readings.ts'

/**
 * Telegraf's JSON serializer as its kafka output uses it: one metric a record, keys sorted, a line feed behind.
 * Measurement and field names are those of the MIB objects, as the shipped profiles expect them.
 */
type Fields = Readonly<Record<string, number | string>>
type Tags = Readonly<Record<string, string>>

const utf8 = new TextEncoder()

/** 'name: value' pairs of one object with the keys in Go's order, which is that of the bytes. */
function object(values: Fields): string {
  let text = ''
  for (const key of Object.keys(values).sort()) {
    const value = values[key]
    const written = typeof value === 'number' ? `${value}` : JSON.stringify(value)
    text += `${text === '' ? '{' : ','}"${key}":${written}`
  }
  return text === '' ? '{}' : `${text}}`
}

/** One line as Telegraf writes it; `time` is already in the unit that json_timestamp_units asks for. */
function telegrafMetric(name: string, fields: Fields, tags: Tags, time: number): string {
  return `{"fields":${object(fields)},"name":"${name}","tags":${object(tags)},"timestamp":${time}}\n`
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits))
/** What IF-MIB's Gauge32 can say of a faster port. */
const ifSpeedMax = 4_294_967_295

const mw = (dbm: number): number => (dbm === -Infinity ? 0 : 10 ** (dbm / 10))

export const address = (device: InventoryDevice): string => device.identifiers[0] ?? device.id
export const systemName = (device: InventoryDevice): string => device.identifiers[1] ?? device.id

/** The device's number, for the choices that differ from one device to the next. */
function draw(device: InventoryDevice): number {
  let hash = 0
  for (let i = 0; i < device.id.length; i++) hash = (Math.imul(hash, 31) + device.id.charCodeAt(i)) >>> 0
  return hash
}

interface Metric {
  readonly name: string
  readonly fields: Fields
  readonly tags: Tags
}

function interfaceMetric(r: InterfaceReading): Metric {
  return {
    name: 'interface',
    fields: {
      ifAdminStatus: r.adminStatus,
      ifHCInOctets: r.inOctets,
      ifHCOutOctets: r.outOctets,
      ifInDiscards: r.inDiscards,
      ifInErrors: r.inErrors,
      ifLastChange: r.lastChangeTicks,
      ifOperStatus: r.operStatus,
      ifOutDiscards: r.outDiscards,
      ifOutErrors: r.outErrors,
      ifSpeed: Math.min(r.speedBps, ifSpeedMax)
    },
    tags: {
      agent_host: address(r.device),
      host: r.collector,
      ifDescr: interfaceName(r.device, r.index),
      ifIndex: r.index,
      sysName: systemName(r.device)
    }
  }
}

/** The name as the make writes it; D-Link puts its firmware into it, so that an upgrade renames every port. */
function interfaceName(device: InventoryDevice, index: string): string {
  switch (device.vendor) {
    case 'Cisco':
      return `GigabitEthernet1/0/${Number(index) - 10_100}`
    case 'Huawei':
      return `XGigabitEthernet0/0/${Number(index) - 4}`
    default:
      return `D-Link ${device.model} R4.04.004 Port ${index} `
  }
}

function opticsMetrics(r: OpticsReading): Metric[] {
  const tags = { host: r.collector, source: address(r.device) }
  if (r.device.vendor === 'Cisco') {
    const sensor = (what: string, dbm: number): Metric => ({
      name: 'cisco_optics',
      fields: {
        entSensorPrecision: 1,
        entSensorScale: 9,
        entSensorStatus: 1,
        entSensorType: 14,
        // Without light they answer the floor of the scale.
        entSensorValue: dbm === -Infinity ? -400 : Math.round(dbm * 10)
      },
      tags: {
        ...tags,
        entPhysicalName: `${interfaceName(r.device, r.index)} ${what} Power Sensor`,
        ifIndex: r.index
      }
    })
    return [sensor('Receive', r.rxDbm), sensor('Transmit', r.txDbm)]
  }
  if (r.device.vendor === 'Huawei') {
    // S57xx and their like answer in µW; the larger ones in hundredths of a dBm.
    const microwatts = r.device.model.startsWith('S57')
    const power = (dbm: number): number =>
      microwatts ? Math.round(mw(dbm) * 1000) : dbm === -Infinity ? -4000 : Math.round(dbm * 100)
    return [
      {
        name: 'huawei_optics',
        fields: {
          hwEntityOpticalRxPower: power(r.rxDbm),
          hwEntityOpticalTemperature: Math.round(r.tempC),
          hwEntityOpticalTxPower: power(r.txDbm)
        },
        tags: { ...tags, index: r.index }
      }
    ]
  }
  if (r.device.model.startsWith('DGS-1510'))
    return [
      {
        name: 'ddm_dlinksw',
        fields: {
          dDdmIfInfoCurrentRxPower: Math.round(mw(r.rxDbm) * 10_000),
          dDdmIfInfoCurrentTemperature: Math.round(r.tempC * 1000),
          dDdmIfInfoCurrentTxPower: Math.round(mw(r.txDbm) * 10_000)
        },
        tags: { ...tags, index: r.index }
      }
    ]
  return [
    {
      name: 'ddm',
      fields: {
        swDdmBiasCurrent: r.biasMa.toFixed(4),
        swDdmRxPower: mw(r.rxDbm).toFixed(4),
        swDdmTemperature: r.tempC.toFixed(4),
        swDdmTxPower: mw(r.txDbm).toFixed(4),
        swDdmVoltage: r.voltageV.toFixed(4)
      },
      tags: { ...tags, index: r.index }
    }
  ]
}

/** Which of its sources a UPS is polled by: its own card, or NUT on a computer beside it. */
function upsMetric(r: UpsReading): Metric {
  const tags = { agent_host: address(r.device), host: r.collector }
  switch (r.device.vendor) {
    case 'APC':
      return {
        name: 'apcups',
        fields: {
          upsAdvBatteryCapacity: Math.round(r.chargePct),
          upsAdvBatteryReplaceIndicator: r.replaceBattery ? 2 : 1,
          upsAdvBatteryRunTimeRemaining: r.runtimeS * 100,
          upsAdvBatteryTemperature: Math.round(r.tempC),
          upsAdvInputLineFailCause: r.source === 'test' ? 9 : r.source === 'battery' ? 4 : 1,
          upsAdvInputLineVoltage: Math.round(r.inputV),
          upsAdvOutputLoad: Math.round(r.loadPct),
          upsBasicBatteryStatus: r.battery === 'low' ? 3 : 2,
          upsBasicBatteryTimeOnBattery: r.onBatteryS * 100,
          // Most of them say "on battery" during a self-test; the cause tells the difference.
          upsBasicOutputStatus: r.source === 'mains' ? 2 : 3,
          upsCommStatus: 1
        },
        tags
      }
    case 'Eltena':
      return {
        name: 'ups',
        fields: {
          // The standard MIB has no word for a worn battery: it is a row of the alarm table, and counted there.
          upsAlarmsPresent: (r.source === 'mains' ? 0 : 1) + (r.replaceBattery ? 1 : 0),
          upsBatteryStatus: r.battery === 'low' ? 3 : 2,
          upsBatteryTemperature: Math.round(r.tempC),
          upsBatteryVoltage: Math.round(r.batteryV * 10),
          upsEstimatedChargeRemaining: Math.round(r.chargePct),
          // The card says 0 minutes on mains: it does not know.
          upsEstimatedMinutesRemaining: r.source === 'battery' ? Math.floor(r.runtimeS / 60) : 0,
          upsInputVoltage: Math.round(r.inputV),
          upsOutputPercentLoad: Math.round(r.loadPct),
          upsOutputSource: r.source === 'mains' ? 3 : 5,
          upsSecondsOnBattery: r.onBatteryS,
          upsTestResultsSummary: r.source === 'test' ? 5 : 6
        },
        tags
      }
    default:
      return draw(r.device) % 3 === 0 ? nutMetric(r) : xppcMetric(r, tags)
  }
}

function xppcMetric(r: UpsReading, tags: Tags): Metric {
  return {
    name: 'xppc',
    fields: {
      upsBaseBatteryStatus: r.battery === 'low' ? 3 : 2,
      upsBaseBatteryTimeOnBattery: r.onBatteryS,
      upsBaseOutputStatus: r.source === 'battery' ? 3 : 2,
      upsSmartBatteryCapacity: Math.round(r.chargePct),
      upsSmartBatteryReplaceIndicator: r.replaceBattery ? 2 : 1,
      // 0 on mains, as these cards answer.
      upsSmartBatteryRunTimeRemaining: r.source === 'battery' ? r.runtimeS : 0,
      upsSmartBatteryVoltage: Math.round(r.batteryV * 10),
      upsSmartInputLineVoltage: Math.round(r.inputV * 10),
      upsSmartOutputLoad: Math.round(r.loadPct)
    },
    tags
  }
}

function nutMetric(r: UpsReading): Metric {
  const words = [r.source === 'battery' ? 'OB' : 'OL']
  let flags = r.source === 'battery' ? 16 : 8
  if (r.source === 'test') {
    words.push('CAL')
    flags |= 1
  }
  if (r.battery === 'low') {
    words.push('LB')
    flags |= 64
  }
  if (r.replaceBattery) {
    words.push('RB')
    flags |= 128
  }
  const status: Record<string, string> = {}
  for (const word of words) status[`status_${word}`] = 'true'
  return {
    name: 'upsd',
    fields: {
      battery_charge_percent: round(r.chargePct, 0),
      battery_voltage: round(r.batteryV, 1),
      input_voltage: round(r.inputV, 1),
      internal_temp: round(r.tempC, 1),
      load_percent: round(r.loadPct, 1),
      status_flags: flags,
      time_left_ns: r.runtimeS * 1e9,
      ups_status: words.join(' ')
    },
    tags: {
      host: r.collector,
      model: r.device.model,
      serial: `S${draw(r.device) % 1e8}`,
      ups_name: systemName(r.device),
      ...status
    }
  }
}

function catvMetric(r: CatvReading): Metric {
  return {
    name: 'catv',
    fields: { fnRFPortOutputRFLevel: Math.round(r.rfDbuv), heOpRxInputPower: Math.round(r.inputDbm * 10) },
    tags: { agent_host: address(r.device), host: r.collector, index: '1' }
  }
}

function telegrafMetrics(reading: Reading): readonly Metric[] {
  switch (reading.kind) {
    case 'interface':
      return [interfaceMetric(reading)]
    case 'optics':
      return opticsMetrics(reading)
    case 'ups':
      return [upsMetric(reading)]
    case 'catv':
      return [catvMetric(reading)]
  }
}

type Write = (metric: Metric, timeMs: number) => string

function encoderThatWrites(write: Write): Encode {
  return (reading, emit) => {
    const key = address(reading.device)
    const timestampMs = Math.floor(reading.timeMs)
    for (const metric of telegrafMetrics(reading))
      emit({ key, value: utf8.encode(write(metric, reading.timeMs)), timestampMs })
  }
}

/** `timestampUnits` is Telegraf's json_timestamp_units: whole seconds unless configured otherwise. */
export function createTelegrafEncoder(timestampUnits: 's' | 'ms' = 's'): Encode {
  const unitMs = timestampUnits === 's' ? 1000 : 1
  return encoderThatWrites(({ name, fields, tags }, timeMs) =>
    telegrafMetric(name, fields, tags, Math.floor(timeMs / unitMs))
  )
}

/** Telegraf's influx serializer: the same metrics as lines. */
export function createInfluxEncoder(): Encode {
  return encoderThatWrites(influxLine)
}

/** Tags go by their key; nanoseconds are beyond 2^53, so the digits are written one behind the other. */
function influxLine({ name, fields, tags }: Metric, timeMs: number): string {
  const plain = (text: string): string => text.replaceAll(/[,= ]/g, '\\$&')
  let head = name
  for (const key of Object.keys(tags).sort()) head += `,${plain(key)}=${plain(tags[key] ?? '')}`
  const list = Object.entries(fields).map(([key, value]) => `${plain(key)}=${influxValue(value)}`)
  const nanoseconds = String(Math.floor((timeMs % 1) * 1e6)).padStart(6, '0')
  return `${head} ${list.join(',')} ${Math.floor(timeMs)}${nanoseconds}\n`
}

function influxValue(value: number | string): string {
  if (typeof value === 'string') return `"${value.replaceAll(/["\\]/g, '\\$&')}"`
  return Number.isInteger(value) ? `${value}i` : `${value}`
}
