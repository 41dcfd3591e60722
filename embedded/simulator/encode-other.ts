import type { InventoryDevice } from '../../topology/model.ts'
import { address, createInfluxEncoder, createTelegrafEncoder, systemName } from './encode-telegraf.ts'
import type { Encode, Reading, SimulatedRecord, UpsReading } from './readings.ts'

/**
 * The other formats. A network speaks several at once, so what a format has no models for (a UPS by gNMI, a cable TV
 * receiver by Zabbix' templates) comes by Telegraf here as well.
 */
export const formats = ['telegraf', 'gnmic', 'zabbix', 'canonical', 'influx'] as const
export type Format = (typeof formats)[number]

export function encoderFor(format: Format): Encode {
  switch (format) {
    case 'telegraf':
      return createTelegrafEncoder()
    case 'gnmic':
      return createGnmicEncoder()
    case 'zabbix':
      return createZabbixEncoder()
    case 'canonical':
      return encodeCanonical
    case 'influx':
      return createInfluxEncoder()
  }
}

const utf8 = new TextEncoder()

function record(device: InventoryDevice, timeMs: number, text: string): SimulatedRecord {
  return { key: address(device), value: utf8.encode(text), timestampMs: Math.floor(timeMs) }
}

/** The floor of the SFF-8472 scale stands for "no light" where a format has no word for it. */
const darkDbm = -40
const dbm = (value: number): number => (value === -Infinity ? darkDbm : Number(value.toFixed(2)))

const operNames = ['', 'UP', 'DOWN', 'TESTING']

/** gnmic's kafka output with format event: an array of events a record, times in nanoseconds. */
function createGnmicEncoder(): Encode {
  const telegraf = createTelegrafEncoder()
  return (reading, emit) => {
    if (reading.kind !== 'interface' && reading.kind !== 'optics') return telegraf(reading, emit)
    const { device, timeMs } = reading
    const event = (name: string, tag: string, values: Record<string, number | string>): string => {
      // Nanoseconds are beyond 2^53, so the digits are written one behind the other.
      const ns = `${Math.floor(timeMs)}${String(Math.floor((timeMs % 1) * 1e6)).padStart(6, '0')}`
      const tags = { [tag]: reading.index, source: `${address(device)}:57400`, 'subscription-name': name }
      return `[{"name":"${name}","timestamp":${ns},"tags":${JSON.stringify(tags)},"values":${JSON.stringify(values)}}]`
    }
    if (reading.kind === 'interface') {
      const state = '/interfaces/interface/state'
      emit(
        record(
          device,
          timeMs,
          event('interfaces', 'interface_name', {
            [`${state}/admin-status`]: operNames[reading.adminStatus] ?? '',
            [`${state}/counters/in-discards`]: reading.inDiscards,
            [`${state}/counters/in-errors`]: reading.inErrors,
            [`${state}/counters/in-octets`]: reading.inOctets,
            [`${state}/counters/out-discards`]: reading.outDiscards,
            [`${state}/counters/out-errors`]: reading.outErrors,
            [`${state}/counters/out-octets`]: reading.outOctets,
            [`${state}/oper-status`]: operNames[reading.operStatus] ?? ''
          })
        )
      )
      return
    }
    const channel = '/components/component/transceiver/physical-channels/channel/state'
    emit(
      record(
        device,
        timeMs,
        event('optics', 'component_name', {
          [`${channel}/input-power/instant`]: dbm(reading.rxDbm),
          [`${channel}/laser-bias-current/instant`]: Number(reading.biasMa.toFixed(2)),
          [`${channel}/output-power/instant`]: dbm(reading.txDbm)
        })
      )
    )
  }
}

const canonicalSource = { mains: 'normal', battery: 'battery', test: 'test' } as const

/** Records as docs/canonical-record.md describes them. */
const encodeCanonical: Encode = (reading, emit) => {
  const { device, collector, timeMs } = reading
  const signals = canonicalSignals(reading)
  const instance =
    reading.kind === 'interface' || reading.kind === 'optics' ? { instance: reading.index } : {}
  emit(
    record(
      device,
      timeMs,
      JSON.stringify({
        device: systemName(device),
        identifiers: device.identifiers,
        ...instance,
        collector,
        timeMs: Math.floor(timeMs),
        signals
      })
    )
  )
}

function canonicalSignals(reading: Reading): Record<string, number | string> {
  switch (reading.kind) {
    case 'interface':
      return {
        'if.oper_status': reading.operStatus,
        'if.admin_status': reading.adminStatus,
        'if.in_octets': reading.inOctets,
        'if.out_octets': reading.outOctets,
        'if.in_errors': reading.inErrors,
        'if.out_errors': reading.outErrors,
        'if.in_discards': reading.inDiscards,
        'if.out_discards': reading.outDiscards,
        'if.speed_mbps': reading.speedBps / 1e6,
        'if.last_change_s': reading.lastChangeTicks / 100
      }
    case 'optics':
      return {
        'optics.rx_dbm': dbm(reading.rxDbm),
        'optics.tx_dbm': dbm(reading.txDbm),
        'optics.temp_c': Number(reading.tempC.toFixed(1)),
        'optics.voltage_v': Number(reading.voltageV.toFixed(3)),
        'optics.bias_ma': Number(reading.biasMa.toFixed(2))
      }
    case 'ups':
      return {
        'ups.output_source': canonicalSource[reading.source],
        'ups.battery_status': reading.battery,
        'ups.charge_pct': Math.round(reading.chargePct),
        'ups.runtime_s': reading.runtimeS,
        'ups.on_battery_s': reading.onBatteryS,
        'ups.input_v': Number(reading.inputV.toFixed(1)),
        'ups.battery_v': Number(reading.batteryV.toFixed(1)),
        'ups.load_pct': Number(reading.loadPct.toFixed(1)),
        'ups.temp_c': Number(reading.tempC.toFixed(1)),
        'ups.replace_battery': reading.replaceBattery ? 'yes' : 'no'
      }
    case 'catv':
      return {
        'catv.input_dbm': Number(reading.inputDbm.toFixed(1)),
        'catv.rf_dbuv': Number(reading.rfDbuv.toFixed(1))
      }
  }
}

interface Item {
  readonly name: string
  readonly value: number
  /** 0 float, 3 unsigned. */
  readonly type: 0 | 3
  readonly tags: Readonly<Record<string, string>>
}

/** Zabbix' streaming connector: one item value a record, known by its name and tags, without key and unit. */
function createZabbixEncoder(): Encode {
  const telegraf = createTelegrafEncoder()
  const itemIds = new Map<string, number>()
  return (reading, emit) => {
    const items = zabbixItems(reading)
    if (items === undefined) return telegraf(reading, emit)
    const { device, timeMs } = reading
    const host = { host: systemName(device), name: device.id }
    const clock = Math.floor(timeMs / 1000)
    const ns = Math.floor((timeMs - clock * 1000) * 1e6)
    for (const item of items) {
      const itemKey = `${device.id} ${item.name} ${item.tags['interface'] ?? ''}`
      const itemid = itemIds.get(itemKey) ?? itemIds.size + 10_000
      itemIds.set(itemKey, itemid)
      const item_tags = Object.entries(item.tags).map(([tag, value]) => ({ tag, value }))
      const value = { host, groups: [device.role], item_tags, itemid, name: item.name, clock, ns }
      emit(record(device, timeMs, `${JSON.stringify({ ...value, value: item.value, type: item.type })}\n`))
    }
  }
}

function zabbixItems(reading: Reading): readonly Item[] | undefined {
  if (reading.kind === 'interface') {
    const tags = { component: 'network', interface: reading.index }
    const item = (what: string, value: number): Item => ({
      name: `Interface ${reading.index}(): ${what}`,
      value,
      type: 3,
      tags
    })
    return [
      item('Operational status', reading.operStatus),
      item('Administrative status', reading.adminStatus),
      item('Inbound packets with errors (raw)', reading.inErrors),
      item('Speed', reading.speedBps)
    ]
  }
  if (reading.kind === 'optics')
    return [
      {
        name: `Interface ${reading.index}(): Rx power`,
        value: dbm(reading.rxDbm),
        type: 0,
        tags: { component: 'optics', interface: reading.index }
      }
    ]
  return reading.kind === 'ups' ? zabbixUps(reading) : undefined
}

function zabbixUps(reading: UpsReading): readonly Item[] {
  const apc = reading.device.vendor === 'APC'
  const item = (name: string, value: number, type: 0 | 3 = 3): Item => ({
    name,
    value,
    type,
    tags: { component: 'power', target: apc ? 'apc' : 'ups' }
  })
  const status = apc
    ? item('Output status', { mains: 2, battery: 3, test: 15 }[reading.source])
    : item('Output source', { mains: 3, battery: 5, test: 8 }[reading.source])
  return [
    status,
    item('Battery status', reading.battery === 'low' ? 3 : 2),
    item('Battery capacity', Math.round(reading.chargePct)),
    item('Battery runtime remaining', reading.runtimeS),
    item('Input voltage', Number(reading.inputV.toFixed(1)), 0),
    item('Output load', Math.round(reading.loadPct))
  ]
}
