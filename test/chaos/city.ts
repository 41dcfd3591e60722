import { createRandom, type Random } from '../../embedded/simulator/random.ts'

/**
 * The small network of a chaos run: every second node's devices are polled, those of the others report a change once
 * and then say nothing. Faults last from a fraction of a second to longer than every hold, so that an end of the daemon falls
 * into holds and counts that are under way.
 */
export interface ChaosCity {
  readonly inventoryYaml: string
  readonly rulesYaml: string
  readonly devices: readonly ChaosDevice[]
}

export interface ChaosDevice {
  readonly id: string
  readonly kind: 'link' | 'power'
  readonly reports: 'polls' | 'changes'
}

/** A record as a Telegraf of the network would send it. */
export interface ChaosRecord {
  readonly key: string
  readonly value: string
  readonly timestampMs: number
}

/** The longest hold of the rules below (ms): so long after the last record every light has settled. */
export const longestHoldMs = 6_000

/** Short holds of every kind: by time and by count, for raising and for clearing, of a port and of a device, with levels and gates. */
const rulesYaml = `rules:
  - name: link.down
    kind: link
    severity: critical
    select: { signal: if.oper_status, port: [uplink] }
    in: [down]
    unless:
      - { signal: if.admin_status, in: [down] }
    hold: { clear_s: 4 }
    text: { ru: Нет линка, en: No link }
  - name: ups.on_battery
    kind: power
    severity: warning
    scope: device
    select: { signal: ups.output_source }
    in: [battery]
    hold: { raise_s: 2, clear_s: 6 }
    text: { ru: От батареи, en: On battery }
  - name: ups.charge_low
    kind: power
    scope: device
    select: { signal: ups.charge_pct }
    levels:
      - { severity: critical, below: 20, clear: 25 }
      - { severity: minor, below: 50, clear: 55 }
    hold: { raise_samples: 3, clear_samples: 2 }
    text: { ru: Заряд мал, en: Charge is low }
`

export const uplinkInstance = '25'

export function createChaosCity(nodes: number): ChaosCity {
  const lines = ['nodes:', '  - { id: core, tier: core, name: core, parents: [] }']
  const entries: string[] = []
  const devices: ChaosDevice[] = []
  for (let n = 0; n < nodes; n++) {
    const reports = n % 2 === 0 ? 'polls' : 'changes'
    lines.push(`  - { id: node-${n}, tier: campus, name: node-${n}, parents: [core] }`)
    entries.push(
      `  - { id: sw-${n}, node: node-${n}, role: switch, identifiers: [sw-${n}], ports: [{ instance: '${uplinkInstance}', role: uplink, peer: core }] }`,
      `  - { id: ups-${n}, node: node-${n}, role: ups, identifiers: [ups-${n}] }`
    )
    devices.push({ id: `sw-${n}`, kind: 'link', reports }, { id: `ups-${n}`, kind: 'power', reports })
  }
  return { inventoryYaml: [...lines, 'devices:', ...entries, ''].join('\n'), rulesYaml, devices }
}

export interface ChaosTraffic {
  /** What is to be sent by now, in order of time for each device. */
  due(nowMs: number): ChaosRecord[]
}

const pollMs = 1_000

/** Plays the devices. The seed decides when faults begin and how long they last; the clock is given. */
export function createTraffic(city: ChaosCity, seed: number, startMs: number): ChaosTraffic {
  const players = city.devices.map((device, i) =>
    createPlayer(device, createRandom(seed * 7919 + i), startMs)
  )
  return { due: nowMs => players.flatMap(player => player(nowMs)) }
}

function createPlayer(
  device: ChaosDevice,
  random: Random,
  startMs: number
): (nowMs: number) => ChaosRecord[] {
  let isFaulty = false
  let isCharged = true
  let isSwitchedOff = false
  let octets = 0
  let nextChangeMs = startMs + random.between(2_000, 20_000)
  let nextReportMs = startMs + random.between(0, pollMs)
  let lastMs = 0

  const change = (): void => {
    isFaulty = !isFaulty
    // Now and then a port goes down because it was switched off: no fault, and said in the same record.
    isSwitchedOff = device.kind === 'link' && isFaulty && random.next() < 0.15
    isCharged = !isFaulty || random.next() < 0.4
    // Half of the faults are shorter than the holds; pauses are shorter than the holds for clearing now and then.
    nextChangeMs += isFaulty
      ? random.next() < 0.5
        ? random.between(300, 3_000)
        : random.between(3_000, 15_000)
      : random.between(1_500, 30_000)
  }

  const record = (nowMs: number): ChaosRecord => {
    // Each record of a device has a time of its own: two samples of one time are one to ClickHouse.
    const timestampMs = (lastMs = Math.max(nowMs, lastMs + 1))
    octets += 1 + random.below(1_000_000)
    const metric =
      device.kind === 'link'
        ? {
            fields: {
              ifAdminStatus: isSwitchedOff ? 2 : 1,
              ifOperStatus: isFaulty ? 2 : 1,
              ifHCInOctets: octets
            },
            name: 'interface',
            tags: { source: device.id, ifIndex: uplinkInstance }
          }
        : {
            fields: {
              upsOutputSource: isFaulty ? 5 : 3,
              upsEstimatedChargeRemaining: isCharged ? 90 + random.below(10) : random.below(60)
            },
            name: 'ups',
            tags: { source: device.id }
          }
    return { key: device.id, value: JSON.stringify({ ...metric, timestamp: timestampMs }), timestampMs }
  }

  return nowMs => {
    const changed = nowMs >= nextChangeMs
    if (changed) change()
    if (device.reports === 'changes' && lastMs > 0) return changed ? [record(nowMs)] : []
    if (nowMs < nextReportMs) return []
    nextReportMs += pollMs
    return [record(nowMs)]
  }
}
