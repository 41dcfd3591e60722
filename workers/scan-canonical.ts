import { toTimeMs } from '../schemas/convert.ts'
import {
  closingBrace,
  expected,
  comma,
  matches,
  openingBrace,
  quote,
  wholeEnd,
  wholeNumber
} from './scan-bytes.ts'
import type { FieldReader } from './scan-fields.ts'
import { objectOf, type Form, type Found } from './scan-form.ts'

const timing = expected(',"timeMs":')
const signalling = expected(',"signals":{')
const t = 't'.charCodeAt(0)
const s = 's'.charCodeAt(0)

/**
 * The canonical record: what names the device first, in any order, then the time (or none) and the signals, in either
 * order: `{"device":"…","instance":"…","timeMs":N,"signals":{…}}`. The alias is all before the time and the signals.
 */
export function createCanonicalForm(fields: FieldReader, found: Found): Form {
  const root = fields.root()

  return {
    format: 'canonical',
    scan(bytes, view, from, end, recordTimestampMs) {
      if (bytes[from] !== openingBrace || bytes[end - 1] !== closingBrace) return false
      // What stands before was looked at when the alias was learnt.
      let at = from + 1
      for (; at < end; at++) {
        if (bytes[at] !== comma || bytes[at + 1] !== quote) continue
        const letter = bytes[at + 2]
        if (letter === t && matches(view, at, end, timing)) break
        if (letter === s && matches(view, at, end, signalling)) break
      }
      found.aliasBytes = bytes
      found.aliasFrom = from + 1
      found.aliasTo = at
      found.isTimeMs = true
      let digits = at + timing.length
      let digitsEnd = -1
      if (matches(view, at, end, timing)) {
        digitsEnd = wholeEnd(bytes, digits)
        if (digitsEnd < 0) return false
        at = digitsEnd
      }
      if (!matches(view, at, end, signalling)) return false
      at = fields.scanFields(root, bytes, view, at + signalling.length, end)
      if (at < 0) return false
      at++
      if (digitsEnd < 0 && bytes[at] === comma) {
        if (!matches(view, at, end, timing)) return false
        digits = at + timing.length
        digitsEnd = wholeEnd(bytes, digits)
        if (digitsEnd < 0) return false
        at = digitsEnd
      }
      if (at !== end - 1) return false
      if (digitsEnd >= 0) found.rawTime = toTimeMs(wholeNumber(view, digits, digitsEnd), 'ms')
      else found.rawTime = recordTimestampMs > 0 ? toTimeMs(recordTimestampMs, 'ms') : NaN
      return true
    },
    tagsElsewhere: ['timeMs', 'signals'],
    identity(alias) {
      const object = objectOf(`{${alias}}`)
      if (object === undefined) return undefined
      // They stand behind; of a key that is there twice the last counts.
      if (Object.hasOwn(object, 'timeMs') || Object.hasOwn(object, 'signals')) return undefined
      // Of a record with "metrics" those count, whatever else it holds.
      if (Object.hasOwn(object, 'metrics')) return undefined
      return { name: 'canonical', tags: Object.keys(object) }
    },
    compose: (alias, field) => `{${alias},"timeMs":${found.rawTime},"signals":{${JSON.stringify(field)}:0}}`
  }
}
