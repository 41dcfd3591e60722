import type { InventoryDevice } from '../../topology/model.ts'

/** Records one poll of the device gives in Telegraf's format under the light profile. */
function recordsPerPoll(device: InventoryDevice): number {
  if (device.role === 'ups' || device.role === 'catv' || device.ports.length === 0) return 1
  let records = 0
  for (const port of device.ports)
    records += 1 + (port.opticClass === '' ? 0 : device.vendor === 'Cisco' ? 2 : 1)
  return records
}

export function recordsPerSecond(devices: readonly InventoryDevice[], defaultIntervalS: number): number {
  let rate = 0
  for (const device of devices)
    rate += recordsPerPoll(device) / (device.intervalS > 0 ? device.intervalS : defaultIntervalS)
  return rate
}

/** The same devices polled so often that they give this many records a second together. */
export function devicesAtRate(
  devices: readonly InventoryDevice[],
  ratePerS: number,
  defaultIntervalS: number
): InventoryDevice[] {
  if (!(ratePerS > 0)) throw new RangeError(`simulator: a rate is above 0 records a second, not ${ratePerS}`)
  const factor = recordsPerSecond(devices, defaultIntervalS) / ratePerS
  return devices.map(device => ({
    ...device,
    intervalS: (device.intervalS > 0 ? device.intervalS : defaultIntervalS) * factor
  }))
}
