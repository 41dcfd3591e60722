import { definitionsOf } from '../../daemon/network.ts'
import { createSimulatedDaemon, type SimulatedDaemon } from '../../daemon/simulated.ts'
import { recordsOf } from './as-telegraf.ts'
import type { Stored } from './compare.ts'
import { inventoryOf, type FieldDevice } from './network.ts'
import type { Walk } from './walk.ts'

/** Devices polled as the shipped collector files poll, through the daemon in simulated time. */

const intervalS = 60
const startMs = Date.UTC(2026, 2, 1, 12)
const pollsBefore = 12
const pollsAfter = 10
const seriesMax = 1_000_000

/** Polls every device so often, its other walk from the middle on; null is silence. */
export async function playSimulated(
  cases: readonly { readonly device: FieldDevice; readonly later?: Walk | null }[]
): Promise<SimulatedDaemon> {
  const devices = cases.map(({ device }) => device)
  const { nodes } = inventoryOf(devices, intervalS)
  const daemon = await createSimulatedDaemon({
    definitions: await definitionsOf({ inventory: nodes }),
    startMs,
    seriesMax,
    devicesMax: 2 * devices.length + 100
  })
  for (let poll = 0; poll < pollsBefore + pollsAfter; poll++) {
    const atMs = startMs + poll * intervalS * 1000
    daemon.advance(atMs)
    for (const { device, later } of cases) {
      const walk = poll < pollsBefore || later === undefined ? device.walk : later
      if (walk === null) continue
      const records = recordsOf(device, walk, atMs / 1000)
      await daemon.feed(records.map(value => ({ key: device.address, value, timestampMs: atMs })))
    }
  }
  daemon.advance(startMs + (pollsBefore + pollsAfter) * intervalS * 1000 - 1000)
  return daemon
}

/** What was stored last of each series of a device. */
export function lastOf(daemon: SimulatedDaemon, device: FieldDevice): Stored[] {
  const last = new Map<string, Stored>()
  for (const sample of daemon.history.samples)
    if (sample.device === device.id) last.set(`${sample.signal} ${sample.instance}`, sample)
  return [...last.values()]
}
