import type { Conversion, SlotPlan } from './convert.ts'
import type { FieldYaml, UnitName } from './profile-schema.ts'
import type { SignalDef } from '../signals.ts'

/** The units that sources report in, what they do to a value, and which values can be. */

/** Tells of a problem with one key of a field. */
export type Complain = (step: string, message: string, remedy: string) => void

interface UnitPlan {
  readonly conversion: Conversion
  readonly mul: number
  readonly div: number
  readonly offset: number
  /** Units of the signals it may be used for; undefined for every quantity but dBm. */
  readonly for?: readonly string[]
}

const unit = (
  conversion: Conversion,
  mul: number,
  div: number,
  of?: readonly string[],
  offset = 0
): UnitPlan => ({
  conversion,
  mul,
  div,
  offset,
  ...(of === undefined ? {} : { for: of })
})
const power = ['dBm']
const time = ['s']

/** Division by a whole number rather than multiplication by its inverse: 2369 / 10 is 236.9, 2369 * 0.1 is not. */
const units: Readonly<Record<UnitName, UnitPlan>> = {
  mw: unit('milliwatt', 1, 1, power),
  tenth_mw: unit('milliwatt', 1, 10, power),
  uw: unit('milliwatt', 1, 1000, power),
  tenth_uw: unit('milliwatt', 1, 10_000, power),
  dbm: unit('dbm', 1, 1, power),
  tenth_dbm: unit('dbm', 1, 10, power),
  hundredth_dbm: unit('dbm', 1, 100, power),
  mw_or_dbm: unit('mw_or_dbm', 1, 1, power),
  huawei_sign: unit('huawei_sign', 1, 1, power),
  mains_v: unit('mains_v', 1, 1, ['V']),
  s: unit('linear', 1, 1, time),
  min: unit('linear', 60, 1, time),
  ms: unit('linear', 1, 1000, time),
  ns: unit('linear', 1, 1e9, time),
  timeticks: unit('linear', 1, 100, time),
  tenth: unit('linear', 1, 10),
  hundredth: unit('linear', 1, 100),
  thousandth: unit('linear', 1, 1000),
  bit_s: unit('linear', 1, 1e6, ['Mb/s']),
  tenth_dbmv: unit('linear', 1, 10, ['dBµV'], 60)
}

/** What a quantity can be at all, in its canonical unit; a profile may narrow or widen it by `range`. */
function believable(signal: SignalDef): readonly [number, number] {
  if (signal.kind === 'counter') return [0, Number.MAX_VALUE]
  switch (signal.name) {
    case 'ups.charge_pct':
    case 'device.cpu_pct':
    case 'device.memory_pct':
      return [0, 100]
    case 'ups.load_pct':
      return [0, 1000]
    // No module works below 1 V: one that says so does not measure it.
    case 'optics.voltage_v':
      return [1, 20]
    case 'catv.rf_dbuv':
      return [-40, 150]
  }
  switch (signal.unit) {
    case 'dBm':
      return [-40, 30]
    case '°C':
      return [-60, 200]
    case 'V':
      return [0, 1000]
    case 'mA':
      return [0, 10_000]
    case 's':
      return [0, 1e10]
    default:
      return [0, 1e12]
  }
}

/** The conversion of a field in this unit; without one, in the signal's own. */
export function unitPlan(
  signal: SignalDef,
  name: UnitName | undefined,
  scale: number | undefined,
  problem: Complain
): Pick<SlotPlan, 'conversion' | 'mul' | 'div' | 'offset'> {
  const isPower = signal.unit === 'dBm'
  const chosen = name === undefined ? (isPower ? units.dbm : unit('linear', 1, 1)) : units[name]
  const allowed = chosen.for?.includes(signal.unit) ?? !isPower
  if (name !== undefined && signal.kind !== 'enum' && !allowed) {
    const usable = Object.entries(units)
      .filter(([, plan]) => plan.for?.includes(signal.unit) ?? !isPower)
      .map(([text]) => text)
    problem(
      'unit',
      `${name} cannot be made ${signal.unit} of ${signal.name}`,
      `use one of: ${usable.join(', ')}`
    )
  }
  let { mul, div } = chosen
  if (scale !== undefined) {
    if (isPower) problem('scale', 'a power is not scaled', 'name its unit instead')
    const inverse = Math.round(1 / scale)
    if (scale > 0 && scale < 1 && Math.abs(1 / scale - inverse) < 1e-9 * inverse) div *= inverse
    else mul *= scale
  }
  return { conversion: chosen.conversion, mul, div, offset: chosen.offset }
}

/** The bounds of a field's believable values. */
export function rangePlan(
  signal: SignalDef,
  described: FieldYaml,
  problem: Complain
): Pick<SlotPlan, 'min' | 'max'> {
  const [min, max] = described.range ?? believable(signal)
  if (min > max) problem('range', `${min} is above ${max}`, 'give the lower bound first')
  return { min, max }
}
