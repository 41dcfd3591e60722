import { toTimeMs } from '../convert.ts'
import { bare, isObject, keyText, own } from '../metric.ts'
import type { JsonFormat } from './format.ts'

/** Zabbix's streaming of item values by its connector. Its events come by the same way and carry no reading. */
export const zabbix: JsonFormat = {
  defaults: {
    device: [{ tag: '@host' }, { tag: '@host_name' }],
    collector: '',
    time: 'auto',
    reports: 'changes'
  },
  recognises: object => Object.hasOwn(object, 'itemid') || Object.hasOwn(object, 'eventid'),
  read(object) {
    if (!Object.hasOwn(object, 'itemid')) return undefined
    // A trend (count, min, avg, max) is no reading of a moment.
    if (!Object.hasOwn(object, 'value')) return undefined
    const tags = bare()
    const itemTags = own(object, 'item_tags')
    if (Array.isArray(itemTags)) {
      for (const item of itemTags as unknown[]) {
        if (!isObject(item)) continue
        const key = keyText(own(item, 'tag'))
        // Zabbix allows one tag several times: the first counts. @ is ours.
        if (key !== undefined && !key.startsWith('@') && !Object.hasOwn(tags, key))
          tags[key] = own(item, 'value')
      }
    }
    const host = own(object, 'host')
    if (isObject(host)) {
      tags['@host'] = own(host, 'host')
      tags['@host_name'] = own(host, 'name')
    } else tags['@host'] = host
    const name = keyText(own(object, 'name')) ?? ''
    tags['@item'] = name
    tags['@itemid'] = own(object, 'itemid')
    const type = own(object, 'type')
    const clock = own(object, 'clock')
    const ns = own(object, 'ns')
    const ms = typeof ns === 'number' ? Math.floor(ns / 1e6) : 0
    return {
      format: 'zabbix',
      name,
      tags,
      // Logs and binaries are never readings.
      fields: { value: type === 2 || type === 5 ? null : own(object, 'value') },
      time: clock,
      timeMs: typeof clock === 'number' ? toTimeMs(clock, 's') + ms : NaN
    }
  }
}
