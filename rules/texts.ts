import type { Language, LocalText } from '../schemas/words.ts'
import type { Evidence } from './model.ts'

/** The texts of alarms: what a rule says, with what was measured and where. */

export type RenderText = (
  template: LocalText,
  evidence: Evidence,
  place: { readonly device: string; readonly instance: string; readonly node: string }
) => LocalText

/** Fills in the placeholders of texts; a text is taken apart once. */
export function createTextRenderer(): RenderText {
  const taken = new WeakMap<LocalText, Readonly<Record<Language, readonly string[]>>>()
  const partsOf = (template: LocalText): Readonly<Record<Language, readonly string[]>> => {
    let parts = taken.get(template)
    if (parts === undefined) {
      parts = { ru: template.ru.split(placeholder), en: template.en.split(placeholder) }
      taken.set(template, parts)
    }
    return parts
  }
  return (template, evidence, { device, instance, node }) => {
    const fill = (name: string, language: Language): string => {
      switch (name) {
        case 'value':
          return evidence.valueName ?? numberText(evidence.value, language)
        case 'value_min':
          return numberText(Math.floor(evidence.value / 60), language)
        case 'limit':
          return evidence.limit === null ? '' : numberText(evidence.limit, language)
        case 'device':
          return device
        case 'instance':
          return instance
        case 'node':
          return node
        default:
          return `{${name}}`
      }
    }
    const parts = partsOf(template)
    const render = (language: Language): string => {
      let text = ''
      // Every second part is the name of a placeholder.
      parts[language].forEach((part, index) => (text += index % 2 === 0 ? part : fill(part, language)))
      return text
    }
    return { ru: render('ru'), en: render('en') }
  }
}

const placeholder = /\{(\w+)\}/

/** Two digits behind the point at most, a comma in Russian. */
function numberText(value: number, language: Language): string {
  const text = String(Math.round(value * 100) / 100)
  return language === 'ru' ? text.replace('.', ',') : text
}
