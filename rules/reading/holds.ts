import type { Path } from '../../schemas/config/located-yaml.ts'
import { sampleCountMax } from '../program.ts'
import type { Reader } from '../yaml-reader.ts'

/** How many samples, or for how long, something must be so before it counts. */

export const holdKeys = ['raise_samples', 'clear_samples', 'raise_s', 'clear_s', 'flap_s'] as const
export const holdSecondsMax = 7 * 86_400

export interface Hold {
  readonly raiseSamples: number
  readonly clearSamples: number
  readonly raiseS: number
  readonly clearS: number
  /** Raised again within so long of clearing, it clears only when it has been well for so long. */
  readonly flapS: number
}

export const noHold: Hold = { raiseSamples: 1, clearSamples: 1, raiseS: 0, clearS: 0, flapS: 0 }

/** What is not given, or is wrong (and reported), is taken from `base`. */
export function readHold(reader: Reader, value: unknown, path: Path, base: Hold): Hold {
  if (value === undefined) return base
  const fields = reader.fields(value, path, holdKeys)
  if (fields === undefined) return base
  const take = (key: string, otherwise: number, min: number, max: number, whole: boolean): number => {
    if (fields[key] === undefined) return otherwise
    const number = reader.number(fields[key], [...path, key], min, max)
    if (number !== undefined && whole && !Number.isInteger(number))
      reader.report([...path, key], `${number} is not a whole number`, 'count samples in whole numbers')
    return number ?? otherwise
  }
  return {
    raiseSamples: take('raise_samples', base.raiseSamples, 1, sampleCountMax, true),
    clearSamples: take('clear_samples', base.clearSamples, 1, sampleCountMax, true),
    raiseS: take('raise_s', base.raiseS, 0, holdSecondsMax, false),
    clearS: take('clear_s', base.clearS, 0, holdSecondsMax, false),
    flapS: take('flap_s', base.flapS, 0, holdSecondsMax, false)
  }
}
