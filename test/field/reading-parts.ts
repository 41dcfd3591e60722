import { signals } from '../../schemas/signals.ts'
import type { Walk } from './walk.ts'

/** How a reading is told: its signal, its instance, its value (undefined for none) and the row it was read of. */
export type Add = (signal: string, instance: string, value: number | undefined, from: string) => void

/** A whole number, also where it came as text. */
export function whole(walk: Walk, oid: string): number | undefined {
  const value = walk.get(oid)?.value.trim()
  return value !== undefined && /^-?\d+$/.test(value) ? Number(value) : undefined
}

/** The code of a canonical name, by the vocabulary of signals. */
export function coded(signal: string, name: string | undefined): number | undefined {
  return name === undefined ? undefined : signals.find(one => one.name === signal)?.codes?.[name]
}

/** A value within bounds, or none. */
export const among = (value: number | undefined, least: number, most: number): number | undefined =>
  value !== undefined && value >= least && value <= most ? value : undefined
