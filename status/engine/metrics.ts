import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { StatusEngine } from './engine.ts'

/** What the status engine knows of and how late it is. */
export function createEngineMetrics(registry: Registry, engine: StatusEngine, nowMs: () => number): void {
  const registers = [registry]
  new Gauge({
    name: 'svetofor_unknown_devices',
    help: 'Devices that report but are not in the inventory.',
    registers,
    collect() {
      this.set(engine.registry.unknownCount())
    }
  })
  new Gauge({
    name: 'svetofor_inventory_version',
    help: 'Version of the inventory in force; grows with every successful load.',
    registers,
    collect() {
      this.set(engine.inventory().version)
    }
  })
  counterOf(
    registry,
    'svetofor_unknown_devices_forgotten_total',
    'Devices that the inventory does not know and that were forgotten, so that others have their room.',
    () => engine.registry.forgottenCount()
  )
  counterOf(
    registry,
    'svetofor_port_moves_total',
    'Ports which the inventory calls by name and which were told by another number (ifIndex) than before.',
    () => engine.ports.counts().moves
  )
  counterOf(
    registry,
    'svetofor_port_names_overflow_total',
    'Names of ports that were left out of account, because a device tells too many.',
    () => engine.ports.counts().overflow
  )
  createClockMetrics(registers, engine.clocks)
  counterOf(
    registry,
    'svetofor_condition_flips_total',
    'Conditions that flipped.',
    () => engine.counts().flips
  )
  counterOf(
    registry,
    'svetofor_new_series_samples_total',
    'Samples judged on the main thread because their series was new.',
    () => engine.counts().judged
  )
  const delay = new Histogram({
    name: 'svetofor_alarm_delay_seconds',
    help: 'From the event time of the sample that raised an alarm to its light, holds included.',
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    registers
  })
  engine.subscribe(event => {
    if (event.type !== 'alarm' || event.data.change !== 'raised') return
    if (event.data.alarm.evidence.coordinates === null) return
    delay.observe(Math.max(0, nowMs() - event.data.alarm.evidence.eventTimeMs) / 1000)
  })
}

/** Collectors that are named; those with fewest devices in question go under `other`. */
const collectorsNamedMax = 20

function createClockMetrics(registers: Registry[], clocks: StatusEngine['clocks']): void {
  new Gauge({
    name: 'svetofor_clock_off_devices',
    help: 'Devices told by a clock that is wrong by more than two minutes, by collector; the twenty with most of them, the others under other.',
    labelNames: ['collector'],
    registers,
    collect() {
      this.reset()
      for (const [at, { collector, devices }] of clocks.collectors().entries())
        this.inc({ collector: at < collectorsNamedMax ? collector : 'other' }, devices)
    }
  })
  new Gauge({
    name: 'svetofor_clock_offset_seconds',
    help: 'By how much the clocks of these devices are ahead, less than 0 for behind: the median of each of the twenty collectors.',
    labelNames: ['collector'],
    registers,
    collect() {
      this.reset()
      for (const { collector, offsetMs } of clocks.collectors().slice(0, collectorsNamedMax))
        this.set({ collector }, offsetMs / 1000)
    }
  })
}

/** A counter that stands elsewhere already and is only shown. */
function counterOf(registry: Registry, name: string, help: string, read: () => number): void {
  let shown = 0
  new Counter({
    name,
    help,
    registers: [registry],
    collect() {
      const now = read()
      this.inc(Math.max(0, now - shown))
      shown = now
    }
  })
}
