import { createResource, resourceKey, type Resource, type Scope } from './resource.ts'

/** The resources of the alarm engine with anything on or under way. */
export interface Resources {
  readonly byKey: ReadonlyMap<string, Resource>
  /** The resource of this place, made where it is not known yet. */
  of(scope: Scope, device: string, instance: string, node: string): Resource
  /** Keeps it under its key. */
  keep(resource: Resource): void
  /** Forgets it, unless another has come under its key since. */
  forget(resource: Resource): void
  /** Whether nothing of a device is known: it is asked for every port that is met. */
  isQuiet(device: string): boolean
}

export function createResources(): Resources {
  const byKey = new Map<string, Resource>()
  /** How many there are of each device. */
  const counts = new Map<string, number>()

  const keep = (resource: Resource): void => {
    if (!byKey.has(resource.key)) counts.set(resource.device, (counts.get(resource.device) ?? 0) + 1)
    byKey.set(resource.key, resource)
  }

  return {
    byKey,
    keep,
    of(scope, device, instance, node) {
      const known = byKey.get(resourceKey(scope, device, instance))
      if (known !== undefined) return known
      const made = createResource(scope, device, instance, node)
      keep(made)
      return made
    },
    forget(resource) {
      if (byKey.get(resource.key) !== resource) return
      byKey.delete(resource.key)
      const left = counts.get(resource.device)! - 1
      if (left === 0) counts.delete(resource.device)
      else counts.set(resource.device, left)
    },
    isQuiet: device => !counts.has(device)
  }
}
