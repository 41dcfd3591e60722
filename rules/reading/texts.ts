import type { Path } from '../../schemas/config/located-yaml.ts'
import { languages, type LocalText } from '../../schemas/words.ts'
import { suggestion, type Reader } from '../yaml-reader.ts'

/** The texts of a rule, and the placeholders that they may name. */

const placeholders = ['value', 'value_min', 'limit', 'device', 'instance', 'node']

export function readText(reader: Reader, value: unknown, path: Path): LocalText | undefined {
  const fields = reader.fields(value, path, languages)
  if (fields === undefined) return undefined
  let sound = true
  for (const language of languages) {
    const text = fields[language]
    if (typeof text !== 'string' || text.trim() === '') {
      reader.report(
        text === undefined ? path : [...path, language],
        `the text in ${language} is missing`,
        `add ${language}: a sentence`
      )
      sound = false
      continue
    }
    for (const [, name = ''] of text.matchAll(/\{([^}]*)\}/g))
      if (!placeholders.includes(name)) {
        reader.report(
          [...path, language],
          `{${name}} is not known`,
          suggestion(name, placeholders) ?? `known are ${placeholders.map(one => `{${one}}`).join(', ')}`
        )
        sound = false
      }
  }
  return sound ? (fields as unknown as LocalText) : undefined
}
