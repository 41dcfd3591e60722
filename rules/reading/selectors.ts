import type { Path } from '../../schemas/config/located-yaml.ts'
import { signalIds } from '../../schemas/signals.ts'
import { tiers } from '../../schemas/words.ts'
import type { Selector } from '../model.ts'
import { shown, suggestion, type Fields, type Reader } from '../yaml-reader.ts'

/** Which series a rule or a clause is about. */

export const selectorKeys = [
  'signal',
  'vendor',
  'model',
  'role',
  'tier',
  'port',
  'optic_class',
  'tag'
] as const
export const portRoles = ['uplink', 'downlink', 'access', ''] as const

export function readSelector(reader: Reader, value: unknown, path: Path): Selector | undefined {
  const fields = reader.fields(value, path, selectorKeys)
  return fields === undefined ? undefined : readSelectorFields(reader, fields, path)
}

export function readSelectorFields(reader: Reader, fields: Fields, path: Path): Selector | undefined {
  const signal = readSignal(reader, fields['signal'], [...path, 'signal'], path)
  const known: Readonly<Record<string, readonly string[]>> = { tier: tiers, port: portRoles }
  const selector: Record<string, readonly string[]> = {}
  let sound = signal !== undefined
  for (const key of selectorKeys.slice(1)) {
    if (fields[key] === undefined) continue
    const words = reader.words(fields[key], [...path, key], known[key])
    if (words === undefined) sound = false
    else selector[key === 'optic_class' ? 'opticClass' : key] = words.map(word => word.toLowerCase()).sort()
  }
  return sound && signal !== undefined ? { signal, ...selector } : undefined
}

export function readSignal(reader: Reader, value: unknown, path: Path, parent: Path): string | undefined {
  if (value === undefined) {
    reader.report(parent, 'signal is missing', 'add signal: one of docs/rules.md')
    return undefined
  }
  if (typeof value === 'string' && signalIds.has(value)) return value
  const known = [...signalIds.keys()]
  reader.report(
    path,
    `${shown(value)} is not a signal`,
    suggestion(value, known) ?? `give one of ${known.join(', ')}`
  )
  return undefined
}
