import { deletionOf } from '../deletes.ts'
import { bare, isObject, keyText, kindOf, own, tagsOf } from '../metric.ts'
import type { JsonFormat } from './format.ts'

/** Paths of one event that are looked at. */
const deletesMax = 1024

/** gnmic's event format: `{"name":"sub1","timestamp":…,"tags":{…},"values":{"/interface/oper-state":"up"}}`. */
export const gnmic: JsonFormat = {
  defaults: { device: [{ tag: 'source', strip_port: true }], collector: '', time: 'ns', reports: 'either' },
  recognises: object => Object.hasOwn(object, 'values') || Object.hasOwn(object, 'deletes'),
  read(object) {
    const values = own(object, 'values') ?? bare()
    if (!isObject(values)) return { reason: 'wrong_shape', detail: `"values" is ${kindOf(values)}` }
    const fields = bare()
    for (const key of Object.keys(values)) fields[plainPath(key)] = values[key]
    const name = keyText(own(object, 'name')) ?? ''
    const deletes = own(object, 'deletes')
    const paths = Array.isArray(deletes) ? (deletes as unknown[]).slice(0, deletesMax) : []
    const deletions = paths.flatMap(path => (typeof path === 'string' ? [deletionOf(path, plainPath)] : []))
    return {
      format: 'gnmic',
      name,
      tags: tagsOf(own(object, 'tags')),
      fields,
      time: own(object, 'timestamp'),
      ...(deletions.length === 0 ? {} : { deletions })
    }
  }
}

/**
 * A gNMI path without the YANG module names that some targets put before each step, and without the origin that stands before
 * the first where the subscription names one: `rfc7951:openconfig-interfaces:interfaces/…`.
 */
export function plainPath(path: string): string {
  const plain = path.replaceAll(/(^|\/)(?:[A-Za-z0-9_.-]+:)+/g, '$1')
  return plain.startsWith('/') ? plain : `/${plain}`
}
