import type { InventoryDevice } from '../../topology/model.ts'

/** What a poll of a device reads, before a collector's format is given to it. Units are in the names. */
interface ReadingOf {
  readonly device: InventoryDevice
  /** The collector that polled it. */
  readonly collector: string
  /** When it was polled. */
  readonly timeMs: number
}

export interface InterfaceReading extends ReadingOf {
  readonly kind: 'interface'
  /** ifIndex. */
  readonly index: string
  /** RFC 2863 codes. */
  readonly adminStatus: number
  readonly operStatus: number
  readonly inOctets: number
  readonly outOctets: number
  readonly inErrors: number
  readonly outErrors: number
  readonly inDiscards: number
  readonly outDiscards: number
  readonly speedBps: number
  /** sysUpTime at the last change of state, in hundredths of a second. */
  readonly lastChangeTicks: number
}

export interface OpticsReading extends ReadingOf {
  readonly kind: 'optics'
  readonly index: string
  readonly opticClass: string
  /** -Infinity for no light. */
  readonly rxDbm: number
  readonly txDbm: number
  readonly tempC: number
  readonly voltageV: number
  readonly biasMa: number
}

export type UpsSource = 'mains' | 'battery' | 'test'

export interface UpsReading extends ReadingOf {
  readonly kind: 'ups'
  readonly source: UpsSource
  readonly battery: 'normal' | 'low'
  readonly replaceBattery: boolean
  readonly chargePct: number
  readonly runtimeS: number
  readonly onBatteryS: number
  readonly inputV: number
  readonly batteryV: number
  readonly loadPct: number
  readonly tempC: number
}

export interface CatvReading extends ReadingOf {
  readonly kind: 'catv'
  readonly inputDbm: number
  readonly rfDbuv: number
}

export type Reading = InterfaceReading | OpticsReading | UpsReading | CatvReading

/** A record as a collector would send it to Kafka. */
export interface SimulatedRecord {
  /** The device's identifier, so that a device's records stay in order in one partition. */
  readonly key: string
  readonly value: Uint8Array
  readonly timestampMs: number
}

/** Writes a reading in a collector's format: one record or several. */
export type Encode = (reading: Reading, emit: (record: SimulatedRecord) => void) => void
