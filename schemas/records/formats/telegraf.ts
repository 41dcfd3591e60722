import { isObject, kindOf, own, tagsOf } from '../metric.ts'
import type { JsonFormat } from './format.ts'

/** Telegraf's JSON serializer: `{"fields":{…},"name":"interface","tags":{…},"timestamp":1700000500}`. */
export const telegraf: JsonFormat = {
  defaults: {
    device: [{ tag: 'source' }, { tag: 'agent_host' }, { tag: 'sysName' }],
    collector: 'host',
    time: 'auto',
    reports: 'polls'
  },
  recognises: object => Object.hasOwn(object, 'fields'),
  read(object) {
    const name = own(object, 'name')
    const fields = own(object, 'fields')
    if (typeof name !== 'string') return { reason: 'wrong_shape', detail: 'Telegraf metric without a name' }
    if (!isObject(fields)) return { reason: 'wrong_shape', detail: `"fields" is ${kindOf(fields)}` }
    const tags = tagsOf(own(object, 'tags'))
    return { format: 'telegraf', name, tags, fields, time: own(object, 'timestamp') }
  }
}
