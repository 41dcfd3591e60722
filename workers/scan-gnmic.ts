import { plainPath } from '../schemas/decode.ts'
import {
  closingBrace,
  expected,
  closingBracket,
  isPlain,
  matches,
  openingBrace,
  openingBracket,
  quote,
  wholeEnd,
  wholeNumber
} from './scan-bytes.ts'
import type { FieldReader } from './scan-fields.ts'
import { flatForm, objectOf, type Form, type Found } from './scan-form.ts'

const naming = expected('{"name":"')
const timing = expected('","timestamp":')
const tagging = expected(',"tags":{')
const valuing = expected('},"values":{')

const aliasForm = flatForm(String.raw`\0[^"\\]*"`, '')
const aliasBytesMax = 4096

/**
 * gnmic's event: `{"name":"…","timestamp":N,"tags":{…},"values":{…}}`, alone or the only one of an array. The timestamp stands
 * between name and tags, so the alias is put together: NUL (no record has one, so that no other format's alias is
 * the same), the name, its quote, the tags.
 */
export function createGnmicForm(fields: FieldReader, found: Found): Form {
  const root = fields.root(plainPath)
  const alias = new Uint8Array(aliasBytesMax)

  return {
    format: 'gnmic',
    scan(bytes, view, from, end) {
      const isArray = bytes[from] !== openingBrace
      const start = isArray ? from + 1 : from
      const last = isArray ? end - 1 : end
      if (isArray && (bytes[from] !== openingBracket || bytes[last] !== closingBracket)) return false
      if (!matches(view, start, last, naming)) return false
      let length = 1
      let at = start + naming.length
      for (; at < last && bytes[at] !== quote; at++) {
        if (length >= aliasBytesMax || !isPlain(bytes[at]!)) return false
        alias[length++] = bytes[at]!
      }
      alias[length++] = quote
      if (!matches(view, at, last, timing)) return false
      const digits = at + timing.length
      const digitsEnd = wholeEnd(bytes, digits)
      if (digitsEnd < 0 || !matches(view, digitsEnd, last, tagging)) return false
      // The tags are the alias's, so what they are made of was looked at when it was learnt.
      for (at = digitsEnd + tagging.length - 1; at < last; at++) {
        const byte = bytes[at]!
        if (byte === closingBrace && matches(view, at, last, valuing)) break
        if (length >= aliasBytesMax - 1) return false
        alias[length++] = byte
      }
      alias[length++] = closingBrace
      if (at >= last) return false
      at = fields.scanFields(root, bytes, view, at + valuing.length, last)
      if (at < 0 || at + 2 !== last || bytes[at + 1] !== closingBrace) return false
      found.aliasBytes = alias
      found.aliasFrom = 0
      found.aliasTo = length
      found.rawTime = wholeNumber(view, digits, digitsEnd)
      found.isTimeMs = false
      return true
    },
    identity(text) {
      if (!aliasForm.test(text)) return undefined
      const nameEnd = text.indexOf('"')
      const tags = objectOf(text.slice(nameEnd + 1))
      return tags && { name: text.slice(1, nameEnd), tags: Object.keys(tags) }
    },
    compose(text, field) {
      const nameEnd = text.indexOf('"')
      const head = `"name":"${text.slice(1, nameEnd)}","timestamp":${found.rawTime}`
      return `{${head},"tags":${text.slice(nameEnd + 1)},"values":{${JSON.stringify(field)}:0}}`
    }
  }
}
