import type { Problem } from '../schemas/config/located-yaml.ts'
import { nearest } from '../schemas/config/nearest.ts'
import { ruleLabel, type CompiledRule, type CompiledRules } from './compiled.ts'
import { membersOf } from './composite.ts'
import type { Selector, SeriesAttributes } from './model.ts'
import { isMatched, selects } from './pick.ts'

/** What is allowed in rules and still is most likely a mistake, given the devices they are for. */

type Place = Omit<SeriesAttributes, 'signal'>
const checked = ['vendor', 'model', 'role', 'opticClass', 'tag'] as const
type Checked = (typeof checked)[number]
const valuesOf = (place: Place, name: Checked): readonly string[] =>
  name === 'tag' ? (place.tags ?? []) : [place[name].toLowerCase()]

/** `places`: what the inventory says of its devices and ports, each combination once. `isOurs`: whether a file is checked at all. */
export function ruleWarnings(
  { rules, conditions }: CompiledRules,
  places: readonly Place[],
  isOurs: (file: string) => boolean
): Problem[] {
  const known = new Map(
    checked.map(name => [name, [...new Set(places.flatMap(place => valuesOf(place, name)))].filter(Boolean)])
  )
  return rules.flatMap(rule => {
    if (!isOurs(rule.writtenAt.file)) return []
    const report = problemOf(rule)
    const problems: Problem[] = []
    const selectors = selectorsOf(rule, conditions)
    for (const name of checked) {
      const values = known.get(name) ?? []
      for (const word of new Set(selectors.flatMap(selector => selector[name] ?? []))) {
        if (values.some(value => isMatched(word, value)) || word === '') continue
        const near = nearest(word, values)
        const key = name === 'opticClass' ? 'optic_class' : name
        problems.push(
          report(
            `no device of the inventory has the ${key} "${word}"`,
            near === undefined
              ? values.length === 0
                ? 'correct it'
                : `there are ${values.slice(0, 8).join(', ')}`
              : `did you mean "${near}"?`
          )
        )
      }
    }
    const own = rule.levels.flatMap(({ condition }) => conditions[condition]?.selector ?? [])
    const selectsNothing = !places.some(place =>
      own.some(selector => selects(selector, { signal: -1, ...place }))
    )
    if (problems.length === 0 && selectsNothing)
      problems.push(
        report('selects nothing: no device or port of the inventory is all of that at once', 'widen select')
      )
    return problems
  })
}

function selectorsOf(rule: CompiledRule, conditions: CompiledRules['conditions']): Selector[] {
  const asked = rule.levels.flatMap(({ condition, composite }) =>
    composite === null ? [condition] : membersOf(composite)
  )
  return [...asked, ...rule.when, ...rule.unless].flatMap(id => conditions[id]?.selector ?? [])
}

const problemOf =
  ({ name, qualifier, writtenAt }: CompiledRule) =>
  (message: string, remedy: string): Problem => ({
    ...writtenAt,
    path: ruleLabel(name, qualifier),
    message,
    remedy
  })

/** Optic classes that some table of limits or selector names. */
export function opticClassesOf({ conditions }: CompiledRules): ReadonlySet<string> {
  return new Set(
    conditions.flatMap(({ limit, selector }) => [
      ...(limit?.byOpticClass.keys() ?? []),
      ...(selector.opticClass ?? [])
    ])
  )
}
