import { createRandom } from '../../embedded/simulator/random.ts'
import type { InventoryDevice } from '../../topology/model.ts'

/** A record as the bench produces it: text, so that a million of them stay cheap to make. */
export interface BenchRecord {
  readonly key: string
  readonly value: string
  readonly timestampMs: number
}

export interface MixOptions {
  readonly devices: Iterable<InventoryDevice>
  readonly records: number
  readonly seed: number
  /** Event time of the last record, about; the first is as much earlier as the polls take. */
  readonly endMs: number
  /** How often a port is polled (s); the other series follow from the shares. */
  readonly intervalS?: number
  /** Gives every record its event time in place of the above: for records that are sent as they are made. */
  readonly nowMs?: () => number
}

interface Port {
  readonly key: string
  readonly tags: string
}

/**
 * Telegraf's records in the mix of an access network: 70 % `interface`, 20 % `ddm`, 10 % `upsd`, about 280 bytes
 * with the key and 5.8 numbers a record. Counters move at random, levels are noisy, nothing is broken.
 */
export function* telegrafMix(options: MixOptions): Generator<BenchRecord> {
  const random = createRandom(options.seed)
  const ports: Port[] = []
  const modules: Port[] = []
  const upses: Port[] = []
  for (const device of options.devices) {
    const address = device.identifiers[0] ?? device.id
    if (device.role === 'ups') {
      const tags = `{"host":"col1","model":"${device.model}","status_OL":"true","ups_name":"${device.id}"}`
      upses.push({ key: address, tags })
    } else if (device.role === 'switch')
      for (const port of device.ports) {
        const index = port.instance
        const names = `"ifDescr":"Port ${index}","ifIndex":"${index}","sysName":"${device.id}"`
        ports.push({ key: address, tags: `{"agent_host":"${address}","host":"col1",${names}}` })
        if (port.opticClass !== '' && device.vendor === 'D-Link')
          modules.push({
            key: address,
            tags: `{"host":"col1","index":"${index}","source":"${address}"}`
          })
      }
  }
  if (ports.length === 0 || modules.length === 0 || upses.length === 0)
    throw new Error(
      'bench: the mix needs switches with optical D-Link ports, and UPS; give a city of 30 nodes or more'
    )
  const inOctets = Float64Array.from(ports, () => Math.floor(random.between(1e9, 1e12)))
  const outOctets = Float64Array.from(ports, () => Math.floor(random.between(1e9, 1e12)))
  const levels = Float64Array.from(modules, () => random.between(-14, -9))
  const intervalMs = (options.intervalS ?? 60) * 1000
  const stepMs = (intervalMs * 0.7) / ports.length
  const startMs = options.endMs - options.records * stepMs
  let port = 0
  let module = 0
  let ups = 0
  for (let i = 0; i < options.records; i++) {
    const timestampMs = options.nowMs?.() ?? Math.floor(startMs + i * stepMs)
    const end = `,"timestamp":${Math.floor(timestampMs / 1000)}}\n`
    const kind = i % 10
    if (kind < 7) {
      const p = port++ % ports.length
      const { key, tags } = ports[p] as Port
      inOctets[p] = (inOctets[p] ?? 0) + Math.floor(random.next() * 5e8)
      outOctets[p] = (outOctets[p] ?? 0) + Math.floor(random.next() * 1e8)
      const fields =
        `{"ifAdminStatus":1,"ifHCInOctets":${inOctets[p]},"ifHCOutOctets":${outOctets[p]},` +
        `"ifInErrors":0,"ifLastChange":9088763,"ifOperStatus":1}`
      yield { key, value: `{"fields":${fields},"name":"interface","tags":${tags}${end}`, timestampMs }
    } else if (kind < 9) {
      const m = module++ % modules.length
      const { key, tags } = modules[m] as Port
      const rxMw = 10 ** (((levels[m] ?? 0) + random.normal() * 0.12) / 10)
      const txMw = 10 ** ((-6 + random.normal() * 0.05) / 10)
      const fields =
        `{"swDdmBiasCurrent":"${(14 + random.normal() * 0.3).toFixed(4)}","swDdmRxPower":"${rxMw.toFixed(4)}",` +
        `"swDdmTemperature":"${(38 + random.normal()).toFixed(4)}","swDdmTxPower":"${txMw.toFixed(4)}",` +
        `"swDdmVoltage":"3.2800"}`
      yield { key, value: `{"fields":${fields},"name":"ddm","tags":${tags}${end}`, timestampMs }
    } else {
      const { key, tags } = upses[ups++ % upses.length] as Port
      const fields =
        `{"battery_charge_percent":100,"input_voltage":${(230 + random.normal() * 2).toFixed(1)},` +
        `"load_percent":${(20 + random.normal()).toFixed(1)},"status_flags":8,` +
        `"time_left_ns":${(2400 + random.below(60)) * 1e9},"ups_status":"OL"}`
      yield { key, value: `{"fields":${fields},"name":"upsd","tags":${tags}${end}`, timestampMs }
    }
  }
}
