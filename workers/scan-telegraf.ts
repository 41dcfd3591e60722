import { closingBrace, expected, matches, wholeNumber, wholeStart } from './scan-bytes.ts'
import type { FieldReader } from './scan-fields.ts'
import { flatForm, objectOf, type Form, type Found } from './scan-form.ts'

const opening = expected('{"fields":{')
const naming = expected('},"name":"')
const timing = expected(',"timestamp":')

/** Shortest: {"fields":{"a":1},"name":"","tags":{},"timestamp":1} */
const shortest = 50

const aliasForm = flatForm(String.raw`[^"\\]*","tags":`, '')

/**
 * Telegraf's JSON as its serialiser writes it: `{"fields":{…},"name":"…","tags":{…},"timestamp":N}`, one metric a record.
 * Name and tags stand side by side: the alias goes from the name's first byte to the brace that ends the tags.
 */
export function createTelegrafForm(fields: FieldReader, found: Found): Form {
  const root = fields.root()

  return {
    format: 'telegraf',
    scan(bytes, view, from, end) {
      if (end - from < shortest || bytes[end - 1] !== closingBrace || !matches(view, from, end, opening))
        return false
      // Backwards from the record's last brace: the timestamp's digits, its key, the brace that ends the tags.
      const digits = wholeStart(bytes, from, end - 1)
      const aliasTo = digits - timing.length
      if (aliasTo <= from || !matches(view, aliasTo, end, timing) || bytes[aliasTo - 1] !== closingBrace)
        return false
      const at = fields.scanFields(root, bytes, view, from + opening.length, end)
      if (at < 0 || !matches(view, at, end, naming)) return false
      found.aliasBytes = bytes
      found.aliasFrom = at + naming.length
      found.aliasTo = aliasTo
      found.rawTime = wholeNumber(view, digits, end - 1)
      found.isTimeMs = false
      return found.aliasFrom < aliasTo
    },
    identity(alias) {
      if (!aliasForm.test(alias)) return undefined
      const tags = objectOf(alias.slice(alias.indexOf('{')))
      return tags && { name: alias.slice(0, alias.indexOf('"')), tags: Object.keys(tags) }
    },
    compose: (alias, field) =>
      `{"fields":{${JSON.stringify(field)}:0},"name":"${alias},"timestamp":${found.rawTime}}`
  }
}
