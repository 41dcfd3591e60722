import { toTimeMs } from '../convert.ts'
import { isObject, kindOf, own } from '../metric.ts'
import type { JsonFormat } from './format.ts'

/** Svetofor's own format, for who can choose: docs/canonical-record.md. */
export const canonical: JsonFormat = {
  defaults: { device: [{ tag: 'device' }], collector: 'collector', time: 'auto', reports: 'either' },
  recognises: object => Object.hasOwn(object, 'signals'),
  read(object) {
    const fields = own(object, 'signals')
    if (!isObject(fields)) return { reason: 'wrong_shape', detail: `"signals" is ${kindOf(fields)}` }
    const time = own(object, 'timeMs')
    const identifiers = own(object, 'identifiers')
    return {
      format: 'canonical',
      name: 'canonical',
      // Device, instance and collector stand in the record itself.
      tags: object,
      fields,
      time,
      timeMs: typeof time === 'number' ? toTimeMs(time, 'ms') : NaN,
      identifiers: Array.isArray(identifiers)
        ? (identifiers as unknown[]).filter(item => typeof item === 'string')
        : []
    }
  }
}
