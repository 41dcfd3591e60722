import type { FlagPlan, SlotPlan } from './convert.ts'
import type { LocatedYaml, Path, Problem } from '../config/located-yaml.ts'
import { nearest } from '../config/nearest.ts'
import type { ReadingTest, Slot } from './plan.ts'
import type { FieldYaml } from './profile-schema.ts'
import { signalIds, signals, type SignalDef } from '../signals.ts'
import { rangePlan, unitPlan } from './units.ts'

/** One field of a profile's measurement, compiled to a slot. */

/** `before` are the slots of the measurement so far. Undefined where there is no such signal; what is wrong goes to `problems`. */
export function compileField(
  yaml: LocatedYaml,
  field: string,
  described: FieldYaml,
  path: Path,
  before: readonly Slot[],
  problems: Problem[]
): Slot | undefined {
  const problem = (step: string, message: string, remedy: string): void => {
    problems.push(yaml.problemAt([...path, step], message, remedy))
  }
  const id = signalIds.get(described.signal)
  const signal = id === undefined ? undefined : signals[id]
  if (id === undefined || signal === undefined) {
    const near = nearest(described.signal, signalIds.keys())
    const remedy = near === undefined ? 'use a signal of schemas/signals.ts' : `did you mean "${near}"?`
    problem('signal', `unknown signal "${described.signal}"`, remedy)
    return undefined
  }
  const misplaced =
    signal.kind === 'enum'
      ? (['unit', 'unit_from', 'scale', 'range', 'sensor', 'zero_needs'] as const)
      : (['enum', 'names', 'becomes'] as const)
  for (const key of misplaced) {
    if (described[key] !== undefined)
      problem(
        key,
        `"${key}" does not go with ${signal.name}, which is ${signal.kind === 'enum' ? 'an enumeration' : 'a quantity'}`,
        `remove "${key}"`
      )
  }
  const code = (name: string, step: string): number => {
    const known = signal.codes?.[name]
    if (signal.codes === undefined) {
      if (!/^\d{1,9}$/.test(name)) problem(step, `"${name}" is no number`, `give what ${signal.name} is then`)
      return Number(name)
    }
    if (known === undefined)
      problem(
        step,
        `${signal.name} has no code "${name}"`,
        `use one of: ${Object.keys(signal.codes).join(', ')}`
      )
    return known ?? -1
  }
  const tests = (step: string, given: NonNullable<FieldYaml['zero_needs']>): ReadingTest[] =>
    Object.entries(given).map(([name, wanted]) => {
      const other = signalIds.get(name) ?? -1
      const known = signals[other]
      if (known === undefined)
        problem(
          step,
          `"${name}" is no signal`,
          nearest(name, signalIds.keys()) ?? 'use one of schemas/signals.ts'
        )
      const [least, most] = wanted
      if (typeof least === 'number' && typeof most === 'number') {
        if (known?.codes !== undefined)
          problem(step, `${name} is an enumeration`, `give names of ${Object.keys(known.codes).join(', ')}`)
        if (least > most) problem(step, `${least} is above ${most}`, 'give the lower bound first')
        return { signal: other, least, most }
      }
      const codes = known?.codes
      if (known !== undefined && codes === undefined)
        problem(step, `${name} is a quantity`, 'give its least and its most as two numbers')
      for (const text of wanted)
        if (codes !== undefined && codes[text] === undefined)
          problem(step, `${name} has no code "${text}"`, `use one of: ${Object.keys(codes).join(', ')}`)
      return { signal: other, codes: wanted.map(text => codes?.[text] ?? -1) }
    })

  const plan: SlotPlan = {
    ...unitPlan(signal, described.unit, described.scale, problem),
    ...enumPlan(signal, described, code),
    ...rangePlan(signal, described, problem),
    sentinels: described.sentinels ?? [],
    text: described.text ?? 'number',
    unit: signal.unit
  }
  const from = described.unit_from
  return {
    ...plan,
    field,
    signal: id,
    earlier: before.flatMap((slot, i) => (slot.signal === id ? [i] : [])),
    ...(from === undefined
      ? {}
      : {
          unitFrom: {
            key: from.key,
            plans: new Map(
              Object.entries(from.values).map(([value, name]) => [
                value.toLowerCase(),
                { ...plan, ...unitPlan(signal, name, undefined, problem) }
              ])
            )
          }
        }),
    ...(described.sensor === undefined ? {} : { sensor: described.sensor }),
    ...(described.zero_needs === undefined ? {} : { zeroNeeds: tests('zero_needs', described.zero_needs) }),
    ...(described.becomes === undefined
      ? {}
      : {
          becomes: described.becomes.map(rule => ({
            from: code(rule.from, 'becomes'),
            to: code(rule.to, 'becomes'),
            when: tests('becomes', rule.when),
            unless: tests('becomes', rule.unless ?? {})
          }))
        })
  }
}

function enumPlan(
  signal: SignalDef,
  described: FieldYaml,
  code: (name: string, step: string) => number
): { codes?: Map<number, number>; names?: Map<string, number>; flags?: FlagPlan[] } {
  if (described.flags !== undefined)
    return {
      flags: described.flags.map(([bit, word, name]) => ({
        bit,
        words: word.trim().toUpperCase().split(/\s+/),
        code: code(name, 'flags')
      }))
    }
  if (signal.codes === undefined) return {}
  const codes = new Map<number, number>()
  const names = new Map<string, number>()
  // Without a table of its own the field speaks the canonical codes and names.
  const table =
    described.enum ??
    (described.names === undefined ? Object.entries(signal.codes).map(([n, c]) => [c, n, n] as const) : [])
  for (const [from, name, canonical] of table) {
    const known = code(canonical, 'enum')
    codes.set(from, known)
    names.set(name.toLowerCase(), known)
  }
  for (const [name, canonical] of Object.entries(described.names ?? {}))
    names.set(name.toLowerCase(), code(canonical, 'names'))
  return { codes, names }
}

/** A test on a signal that the measurement does not read could never hold. */
export function checkTests(yaml: LocatedYaml, slots: readonly Slot[], at: Path, problems: Problem[]): void {
  const read = new Set(slots.map(slot => slot.signal))
  for (const slot of slots) {
    const tests = [
      ...(slot.zeroNeeds ?? []),
      ...(slot.becomes ?? []).flatMap(rule => [...rule.when, ...rule.unless])
    ]
    for (const test of tests) {
      if (read.has(test.signal)) continue
      problems.push(
        yaml.problemAt(
          [...at, 'fields', slot.field],
          `depends on ${signals[test.signal]?.name ?? ''}, which no field of this measurement reads`,
          'add a field for it, or drop the condition'
        )
      )
    }
  }
}
