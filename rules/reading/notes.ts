import type { Path } from '../../schemas/config/located-yaml.ts'
import { noNotes, type RuleNotes } from '../model.ts'
import { isFields, shown, type Fields, type Reader } from '../yaml-reader.ts'

/** `labels` and `runbook`: what a rule says for those who are told of its alarms, and nothing is judged by. */

export const noteKeys = ['labels', 'runbook'] as const
export const labelsMax = 8
export const labelNamePattern = '^[a-zA-Z][a-zA-Z0-9_]{0,39}$'
export const labelValueLengthMax = 100
export const runbookLengthMax = 500
/** Labels that alerts and metrics have already, by which they are known, or which may change while an incident is open. */
export const takenLabels = [
  'alertname',
  'incident',
  'into',
  'instance',
  'job',
  'kind',
  'light',
  'maintenance',
  'node',
  'node_name',
  'root',
  'root_name',
  'severity',
  'team'
]

/** What is wrong is reported and left out. */
export function readNotes(reader: Reader, fields: Fields, path: Path): RuleNotes {
  const { labels, runbook } = fields
  if (labels === undefined && runbook === undefined) return noNotes
  return {
    labels: labels === undefined ? {} : readLabels(reader, labels, [...path, 'labels']),
    runbook: runbook === undefined ? '' : readRunbook(reader, runbook, [...path, 'runbook'])
  }
}

function readLabels(reader: Reader, value: unknown, path: Path): Readonly<Record<string, string>> {
  const names = isFields(value) ? Object.keys(value) : []
  const fields = reader.fields(value, path, names.length === 0 ? ['service'] : names)
  if (fields === undefined) return {}
  if (names.length > labelsMax) reader.report(path, `has ${names.length} labels`, `give ${labelsMax} at most`)
  const labels: Record<string, string> = {}
  for (const name of names.slice(0, labelsMax)) {
    const at = [...path, name]
    const text = fields[name]
    if (!new RegExp(labelNamePattern).test(name))
      reader.report(
        at,
        `${shown(name)} is not a name of a label`,
        'write it like service, with 40 characters at most'
      )
    else if (takenLabels.includes(name))
      reader.report(at, 'alerts have this label already', 'give it another name')
    else if (typeof text !== 'string' || text.trim() === '' || text.length > labelValueLengthMax)
      reader.report(
        at,
        `${shown(text)} is not the value of a label`,
        `write a text of ${labelValueLengthMax} characters at most, a number in quotes`
      )
    else labels[name] = text
  }
  return labels
}

function readRunbook(reader: Reader, value: unknown, path: Path): string {
  if (typeof value === 'string' && value.length <= runbookLengthMax && isHttps(value)) return value
  reader.report(
    path,
    `${shown(value)} is not an address that begins with https://`,
    `write it in full, without a password, with ${runbookLengthMax} characters at most`
  )
  return ''
}

function isHttps(value: string): boolean {
  if (!value.startsWith('https://') || !URL.canParse(value)) return false
  const { username, password } = new URL(value)
  return username === '' && password === ''
}
