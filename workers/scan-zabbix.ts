import { toTimeMs } from '../schemas/convert.ts'
import {
  closingBrace,
  expected,
  isPlain,
  matches,
  quote,
  wholeNumber,
  wholeStart,
  zero
} from './scan-bytes.ts'
import type { FieldReader } from './scan-fields.ts'
import { objectOf, type Form, type Found } from './scan-form.ts'

const opening = expected('{"host":')
const clocking = expected(',"clock":')
const nanoseconds = expected(',"ns":')
const valuing = expected(',"value":')
const typing = expected(',"type":')

/** Numbers (float 0, unsigned 3) and texts (character 1, text 4); log and binary are never readings. */
const isReading = [true, true, false, true, true]

/**
 * An item value of Zabbix' streaming connector: `{"host":{…},"groups":[…],"item_tags":[…],"itemid":N,"name":"…","clock":N,
 * "ns":N,"value":…,"type":N}`, one a record. The alias is all that stands between the first brace and the clock.
 */
export function createZabbixForm(fields: FieldReader, found: Found): Form {
  const only = fields.only('value')

  return {
    format: 'zabbix',
    scan(bytes, view, from, end) {
      if (!matches(view, from, end, opening) || bytes[end - 1] !== closingBrace) return false
      // Backwards from the last brace, because the alias is the longer part.
      const typeAt = end - 2 - typing.length
      if (typeAt <= from || !matches(view, typeAt, end, typing)) return false
      if (isReading[bytes[end - 2]! - zero] !== true) return false
      let at = typeAt - 1
      if (bytes[at] === quote) {
        at--
        while (at > from && bytes[at] !== quote) if (!isPlain(bytes[at--]!)) return false
      } else {
        while (at > from && bytes[at] !== quote && isPlain(bytes[at]!) && bytes[at] !== 0x3a) at--
        at++
      }
      const valueAt = at - valuing.length
      if (valueAt <= from || !matches(view, valueAt, end, valuing)) return false
      const nsDigits = wholeStart(bytes, from, valueAt)
      const nsAt = nsDigits - nanoseconds.length
      if (nsAt <= from || !matches(view, nsAt, end, nanoseconds)) return false
      const clockDigits = wholeStart(bytes, from, nsAt)
      const aliasTo = clockDigits - clocking.length
      if (aliasTo <= from + 1 || !matches(view, aliasTo, end, clocking)) return false
      if (fields.scanOnly(only, bytes, view, at, end) !== typeAt) return false
      found.aliasBytes = bytes
      found.aliasFrom = from + 1
      found.aliasTo = aliasTo
      found.isTimeMs = true
      found.rawTime =
        toTimeMs(wholeNumber(view, clockDigits, nsAt), 's') +
        Math.floor(wholeNumber(view, nsDigits, valueAt) / 1e6)
      return true
    },
    onlyField: 'value',
    identity(alias) {
      const object = objectOf(`{${alias}}`)
      const name = object?.['name']
      // Of a record with "metrics" those count, whatever else it holds.
      if (object === undefined || typeof name !== 'string' || Object.hasOwn(object, 'metrics'))
        return undefined
      const itemTags = Array.isArray(object['item_tags']) ? (object['item_tags'] as unknown[]) : []
      const tags = itemTags.map(item => String((item as { tag?: unknown } | null)?.tag))
      return { name, tags: [...tags, '@host', '@host_name', '@item', '@itemid'] }
    },
    compose: alias => `{${alias},"clock":${Math.floor(found.rawTime / 1000)},"ns":0,"value":0,"type":3}`
  }
}
