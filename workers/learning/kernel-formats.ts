import type { ProfileFormat } from '../../schemas/records/profile-schema.ts'
import { canonical, formatsMax, gnmic, telegraf, zabbix } from '../memory/map.ts'

/**
 * The formats that the kernel reads, with their numbers in its memory. Records of any other format go to the reference decoder,
 * so a new format need not be one of them.
 */
const numberOfFormat = { telegraf, gnmic, zabbix, canonical } as const satisfies Partial<
  Record<ProfileFormat, number>
>

export type KernelFormat = keyof typeof numberOfFormat

/**
 * Names by number. Throws RangeError where numbers have gaps, or where there are more of them than the kernel's memory has
 * room for: what is kept of each format would lie in one another's place.
 */
export function formatsByNumber<Name extends string>(
  numbers: Readonly<Record<Name, number>>
): readonly Name[] {
  const names: Name[] = []
  for (const [name, number] of Object.entries(numbers) as [Name, number][]) {
    if (!Number.isInteger(number) || number < 0 || number >= formatsMax)
      throw new RangeError(
        `the kernel's format ${name} has the number ${number}; there is room for 0 to ${formatsMax - 1} (formatsMax in workers/memory/map.ts)`
      )
    if (names[number] !== undefined)
      throw new RangeError(`the kernel's formats ${names[number]} and ${name} have the same number ${number}`)
    names[number] = name
  }
  if (Object.keys(names).length !== names.length)
    throw new RangeError(`the kernel's formats must be numbered from 0 on without a gap`)
  return names
}

/** Checked once, when the program starts. */
export const kernelFormats = formatsByNumber<KernelFormat>(numberOfFormat)

/** Number of a format in the kernel's memory; -1 for one that it does not read. */
export const numberOfKernelFormat = (format: ProfileFormat): number =>
  (numberOfFormat as Readonly<Partial<Record<ProfileFormat, number>>>)[format] ?? -1
