import { identifiersOf, instanceOf, plansFor } from './identify.ts'
import { tagsOf, type Deletion, type Metric, type NamedMetric } from './metric.ts'
import type { MeasurementPlan, ProfileSet } from './plan.ts'

/** What a source says is gone: paths of gNMI that were deleted, a port or a module that was pulled. */

/** What a deletion means to one measurement. */
export interface Gone {
  readonly plan: MeasurementPlan
  readonly identifiers: readonly string[]
  readonly instance: string
  readonly slots: readonly number[]
}

const step = /([^/[\]]+)((?:\[[^=\]]+=(?:\\.|[^\]\\])*\])*)/g
const key = /\[([^=\]]+)=((?:\\.|[^\]\\])*)\]/g

/** `/interfaces/interface[name=ethernet-1/1]/state` as a path and `{ interface_name: 'ethernet-1/1' }`. */
export function deletionOf(xpath: string, plainPath: (path: string) => string): Deletion {
  const names: string[] = []
  const tags: Record<string, string> = {}
  for (const [, name = '', keys = ''] of xpath.matchAll(step)) {
    names.push(name)
    const bare = name.slice(name.lastIndexOf(':') + 1)
    for (const [, of = '', value = ''] of keys.matchAll(key))
      tags[`${bare}_${of}`] = value.replaceAll(/\\(.)/g, '$1')
  }
  return { path: plainPath(names.join('/')), tags }
}

/** What of the profiles' fields lies at or under the path, and on which port; a path of no port in particular says nothing here. */
export function goneBy(set: ProfileSet, metric: Metric, deletion: Deletion): readonly Gone[] {
  const named: NamedMetric = {
    format: metric.format,
    name: metric.name,
    tags: { ...tagsOf(metric.tags), ...deletion.tags },
    fields: {}
  }
  return plansFor(set, named).flatMap((plan): Gone[] => {
    const identifiers = identifiersOf(plan, named)
    const instance = instanceOf(plan, named)
    if (identifiers.length === 0 || instance === undefined || instance === '') return []
    const slots = slotsUnder(plan, deletion.path)
    return slots.length === 0 ? [] : [{ plan, identifiers, instance, slots }]
  })
}

/** gnmic leaves the notification's prefix out of what it deletes: where no field begins with the path, it may end with it. */
function slotsUnder({ slots }: MeasurementPlan, path: string): number[] {
  if (path === '/') return [...slots.keys()]
  const found = (fits: (field: string) => boolean): number[] =>
    slots.flatMap(({ field }, slot) => (fits(field) ? [slot] : []))
  const under = found(field => field === path || field.startsWith(`${path}/`))
  return under.length > 0 ? under : found(field => field.endsWith(path) || field.includes(`${path}/`))
}
