import { convert } from './convert.ts'
import { beside, type Metric } from './metric.ts'
import type { SensorKeys, Slot } from './plan.ts'
import { signals } from '../signals.ts'

/** Readings of ENTITY-SENSOR-MIB and its kin, whose type, scale and precision stand in keys beside the value. */

/** SensorDataScale of ENTITY-SENSOR-MIB: powers of ten by code; exa and peta stand in that order in the MIB. */
const scaleExponents: readonly (readonly [string, number])[] = [
  ['yocto', -24],
  ['zepto', -21],
  ['atto', -18],
  ['femto', -15],
  ['pico', -12],
  ['nano', -9],
  ['micro', -6],
  ['milli', -3],
  ['units', 0],
  ['kilo', 3],
  ['mega', 6],
  ['giga', 9],
  ['tera', 12],
  ['exa', 18],
  ['peta', 15],
  ['zetta', 21],
  ['yotta', 24]
]

/** CISCO-ENTITY-SENSOR-MIB types that a signal of this unit may come in, and the factor to the canonical unit. */
const sensorTypes: Readonly<
  Record<string, readonly (readonly [code: number, name: string, factor: number])[]>
> = {
  dBm: [
    [14, 'dbm', 1],
    [6, 'watts', 1000]
  ],
  '°C': [[8, 'celsius', 1]],
  V: [
    [4, 'voltsdc', 1],
    [3, 'voltsac', 1]
  ],
  mA: [[5, 'amperes', 1000]]
}

/** value · 10^(−precision) · 10^scale, of the type it says it is; without a precision it cannot be read. */
export function sensorValue(slot: Slot, keys: SensorKeys, metric: Metric, raw: unknown): number {
  const text = typeof raw === 'string' ? raw.trim() : raw
  const value = typeof text === 'string' && /^[+-]?\d{1,15}$/.test(text) ? Number(text) : text
  // ±10^9 says over- and underflow.
  if (typeof value !== 'number' || Math.abs(value) >= 1e9) return NaN
  const status = coded(beside(metric, keys.status), ['ok', 'unavailable', 'nonoperational'])
  if (status !== undefined && status !== 1) return NaN
  const precision = coded(beside(metric, keys.precision), [])
  if (precision === undefined || !(Math.abs(precision) <= 9)) return NaN
  const scale = coded(
    beside(metric, keys.scale),
    scaleExponents.map(([name]) => name)
  )
  const exponent = scale === undefined ? 0 : scaleExponents[scale - 1]?.[1]
  if (exponent === undefined) return NaN
  const known = sensorTypes[signals[slot.signal]?.unit ?? ''] ?? []
  const type = beside(metric, keys.type)
  const fitting =
    type === undefined
      ? known[0]
      : known.find(([code, name]) => coded(type, []) === code || nameOf(type) === name)
  if (fitting === undefined) return NaN
  const [, name, factor] = fitting
  const shift = exponent - precision
  // Dividing by a whole power keeps -53 with one decimal place at -5.3.
  const real = (shift < 0 ? value / 10 ** -shift : value * 10 ** shift) * factor
  // NX-OS and C9200L write 0 dBm where they have nothing to say.
  if (name === 'dbm' && value === 0) return NaN
  if (name === 'watts') return convert({ ...slot, conversion: 'milliwatt', mul: 1, div: 1 }, real)
  return convert(slot, real)
}

/** The code of `3`, `"3"`, `"ok(1)"` or a name of the list (whose first is 1); NaN for anything else. */
function coded(value: unknown, names: readonly string[]): number | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'number') return value
  if (typeof value !== 'string') return NaN
  const text = value.trim().toLowerCase()
  const code = /^(?:[^()]*\()?(-?\d{1,10})\)?$/.exec(text)?.[1]
  if (code !== undefined) return Number(code)
  const position = names.indexOf(text)
  return position < 0 ? NaN : position + 1
}

function nameOf(value: unknown): string {
  return typeof value === 'string'
    ? value
        .trim()
        .toLowerCase()
        .replace(/\(\d+\)$/, '')
    : ''
}
