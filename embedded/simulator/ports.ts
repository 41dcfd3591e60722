import type { InventoryDevice } from '../../topology/model.ts'
import type { Random } from './random.ts'
import type { InterfaceReading, OpticsReading } from './readings.ts'

/** The ports of all switches: their counters and levels, and what a poll reads of them. */
export interface Ports {
  /** Ports of device d: `start[d] … start[d + 1] - 1`. */
  readonly start: Int32Array
  /** Losses of light by port, while something is wrong with its optic. */
  readonly rxLoss: Map<number, Loss>
  /** The device has lost its power: counters begin anew. */
  reset(d: number): void
  read(device: InventoryDevice, d: number, p: number, collector: string): InterfaceReading
  readOptics(device: InventoryDevice, d: number, p: number, collector: string): OpticsReading
  /** An access port of a switch, by its number from 1. */
  readAccess(device: InventoryDevice, d: number, port: number, collector: string): InterfaceReading
}

/** Light that is lost: grows from its beginning to its full size. */
export interface Loss {
  readonly fromMs: number
  readonly rampMs: number
  readonly db: number
}

/** What is lost at a time (dB). */
export function lossAt(loss: Loss | undefined, nowMs: number): number {
  if (loss === undefined) return 0
  return loss.db * (loss.rampMs <= 0 ? 1 : Math.min(1, (nowMs - loss.fromMs) / loss.rampMs))
}

/** What the ports need to know of the world around them. */
export interface Surroundings {
  readonly devices: readonly InventoryDevice[]
  readonly startMs: number
  readonly random: Random
  readonly nowMs: () => number
  /** Node of each device, and the parents of each node, all by index. */
  readonly deviceNode: Int32Array
  readonly parents: readonly (readonly number[])[]
  readonly nodeIndex: ReadonlyMap<string, number>
  /** Ways up of node n: `linkStart[n] …`, in the order of its parents; how many faults cut each; which nodes live. */
  readonly linkStart: Int32Array
  readonly linkCuts: Uint8Array
  readonly alive: Uint8Array
  readonly bootedAtMs: Float64Array
}

interface Optic {
  readonly rxLow: number
  readonly rxHigh: number
  readonly txDbm: number
  readonly speedBps: number
}
/** Where healthy levels lie, by optic class: within the limits of the class with room for noise. */
const optics: Readonly<Record<string, Optic>> = {
  '1000base-bx10': { rxLow: -14, rxHigh: -9, txDbm: -6, speedBps: 1e9 },
  '1000base-lx10': { rxLow: -13, rxHigh: -7, txDbm: -6, speedBps: 1e9 },
  '10gbase-lr': { rxLow: -9, rxHigh: -4, txDbm: -2.5, speedBps: 1e10 },
  '10gbase-er': { rxLow: -10, rxHigh: -4, txDbm: 1, speedBps: 1e10 }
}
const copper: Optic = { rxLow: 0, rxHigh: 0, txDbm: 0, speedBps: 1e9 }

export function createPorts(world: Surroundings): Ports {
  const {
    devices,
    startMs,
    random,
    nowMs,
    deviceNode,
    parents,
    nodeIndex,
    linkStart,
    linkCuts,
    alive,
    bootedAtMs
  } = world
  const portStart = new Int32Array(devices.length + 1)
  devices.forEach((device, d) => (portStart[d + 1] = (portStart[d] ?? 0) + device.ports.length))
  const ports = portStart[devices.length] ?? 0
  const inOctets = new Float64Array(ports)
  const outOctets = new Float64Array(ports)
  const inErrors = new Float64Array(ports)
  const octetsPerS = new Float64Array(ports)
  const polledMs = new Float64Array(ports).fill(startMs)
  const lastOper = new Uint8Array(ports).fill(1)
  const lastChangeTicks = new Float64Array(ports)
  const rxBase = new Float64Array(ports)
  /** Way up that a port stands for: link index, or -1; and the node whose life the port shows, or -1. */
  const portLink = new Int32Array(ports).fill(-1)
  const portPeer = new Int32Array(ports).fill(-1)
  devices.forEach((device, d) => {
    const here = deviceNode[d] ?? 0
    device.ports.forEach((port, i) => {
      const p = (portStart[d] ?? 0) + i
      const optic = optics[port.opticClass] ?? copper
      rxBase[p] = random.between(optic.rxLow, optic.rxHigh)
      octetsPerS[p] = random.between(0.01, 0.4) * (optic.speedBps / 8)
      inOctets[p] = Math.floor(random.between(1e9, 1e13))
      outOctets[p] = Math.floor(random.between(1e9, 1e13))
      lastChangeTicks[p] = Math.floor(random.between(0, 9e6))
      const peer = nodeIndex.get(port.peer)
      if (peer === undefined || peer === here) return
      portPeer[p] = peer
      const [child, parent] = port.role === 'uplink' ? [here, peer] : [peer, here]
      const slot = parents[child]?.indexOf(parent) ?? -1
      if (slot >= 0) portLink[p] = (linkStart[child] ?? 0) + slot
    })
  })
  const rxLoss = new Map<number, Loss>()

  const readPort = (device: InventoryDevice, d: number, p: number, collector: string): InterfaceReading => {
    const link = portLink[p] ?? -1
    const peer = portPeer[p] ?? -1
    const up = (link < 0 || linkCuts[link] === 0) && (peer < 0 || alive[peer] === 1)
    const oper = up ? 1 : 2
    const passedS = Math.max(0, nowMs() - (polledMs[p] ?? nowMs())) / 1000
    polledMs[p] = nowMs()
    if (up) {
      const rate = octetsPerS[p] ?? 0
      inOctets[p] = (inOctets[p] ?? 0) + Math.floor(rate * passedS * random.between(0.6, 1.4))
      outOctets[p] = (outOctets[p] ?? 0) + Math.floor(rate * passedS * random.between(0.1, 0.5))
      if (random.next() < 0.002) inErrors[p] = (inErrors[p] ?? 0) + 1
    }
    if (lastOper[p] !== oper) {
      lastOper[p] = oper
      lastChangeTicks[p] = Math.floor((nowMs() - (bootedAtMs[d] ?? 0)) / 10)
    }
    const port = device.ports[p - (portStart[d] ?? 0)]
    return {
      kind: 'interface',
      device,
      collector,
      timeMs: nowMs(),
      index: port?.instance ?? '',
      adminStatus: 1,
      operStatus: oper,
      inOctets: inOctets[p] ?? 0,
      outOctets: outOctets[p] ?? 0,
      inErrors: inErrors[p] ?? 0,
      outErrors: 0,
      inDiscards: 0,
      outDiscards: 0,
      speedBps: (optics[port?.opticClass ?? ''] ?? copper).speedBps,
      lastChangeTicks: lastChangeTicks[p] ?? 0
    }
  }

  const readOptics = (device: InventoryDevice, d: number, p: number, collector: string): OpticsReading => {
    const port = device.ports[p - (portStart[d] ?? 0)]
    const opticClass = port?.opticClass ?? ''
    const dark = lastOper[p] === 2
    const rxDbm = dark
      ? -Infinity
      : (rxBase[p] ?? 0) - (rxLoss.size > 0 ? lossAt(rxLoss.get(p), nowMs()) : 0) + random.normal() * 0.12
    return {
      kind: 'optics',
      device,
      collector,
      timeMs: nowMs(),
      index: port?.instance ?? '',
      opticClass,
      rxDbm,
      txDbm: (optics[opticClass] ?? copper).txDbm + random.normal() * 0.05,
      tempC: 38 + random.normal() * 1.5,
      voltageV: 3.28 + random.normal() * 0.01,
      biasMa: 14 + random.normal() * 0.4
    }
  }

  /** Access ports need no memory: their counters follow from the time since the switch started. */
  const readAccessPort = (
    device: InventoryDevice,
    d: number,
    port: number,
    collector: string
  ): InterfaceReading => {
    const mixed = (Math.imul(d + 1, 0x9e3779b1) ^ Math.imul(port, 0x85ebca6b)) >>> 0
    const upS = Math.max(0, nowMs() - (bootedAtMs[d] ?? 0)) / 1000
    // Some seventeen of twenty-four are in use, and after a start they come up within a minute and a half.
    const up = mixed % 24 < 17 && upS > (mixed >>> 8) % 90
    const rate = up ? (mixed % 1000) * 40 : 0
    return {
      kind: 'interface',
      device,
      collector,
      timeMs: nowMs(),
      index: `${port}`,
      adminStatus: 1,
      operStatus: up ? 1 : 2,
      inOctets: Math.floor(upS * rate),
      outOctets: Math.floor(upS * rate * 8),
      inErrors: 0,
      outErrors: 0,
      inDiscards: 0,
      outDiscards: 0,
      speedBps: 1e8,
      lastChangeTicks: up ? ((mixed >>> 8) % 90) * 100 : 0
    }
  }

  return {
    start: portStart,
    rxLoss,
    reset(d) {
      for (let p = portStart[d] ?? 0; p < (portStart[d + 1] ?? 0); p++) {
        inOctets[p] = outOctets[p] = inErrors[p] = lastChangeTicks[p] = 0
        lastOper[p] = 1
      }
    },
    read: readPort,
    readOptics,
    readAccess: readAccessPort
  }
}
