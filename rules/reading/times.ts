import type { Path } from '../../schemas/config/located-yaml.ts'
import { severities } from '../../schemas/words.ts'
import type { Flapping } from '../compiled.ts'
import { dayNames, isTimezone, type Schedule } from '../schedule.ts'
import { shown, suggestion, type Reader } from '../yaml-reader.ts'
import { readText } from './texts.ts'

/** `schedule`, when a rule is in force, and `flapping`, how many changes are too many. */

export const scheduleKeys = ['days', 'from', 'to', 'timezone'] as const
export const clockPattern = /^([01]\d|2[0-3]):([0-5]\d)$|^24:00$/
export const flappingKeys = ['changes', 'within_s', 'clear_s', 'severity', 'text'] as const
/** Two changes are a fault that came and went; the times of so many are kept of a resource. */
export const changesMin = 3
export const changesMax = 32
/** A day: so long a resource is remembered at most after it has changed. */
export const flappingSecondsMax = 86_400

/** Undefined where it is wrong, which is reported, null where there is none. */
export function readSchedule(reader: Reader, value: unknown, path: Path): Schedule | null | undefined {
  if (value === undefined) return null
  const fields = reader.fields(value, path, scheduleKeys)
  if (fields === undefined) return undefined
  const { timezone } = fields
  const days =
    fields['days'] === undefined ? dayNames.map(() => true) : readDays(reader, fields['days'], path)
  const fromMin = readClock(reader, fields['from'], [...path, 'from'], 0)
  const toMin = readClock(reader, fields['to'], [...path, 'to'], 1440)
  if (typeof timezone !== 'string' || !isTimezone(timezone)) {
    if (timezone === undefined)
      reader.report(path, 'timezone is missing', 'add timezone: such as Europe/Moscow')
    else
      reader.report(
        [...path, 'timezone'],
        `${shown(timezone)} is no time zone`,
        suggestion(timezone, Intl.supportedValuesOf('timeZone')) ?? 'give its name, such as Europe/Moscow'
      )
    return undefined
  }
  if (days === undefined || fromMin === undefined || toMin === undefined) return undefined
  if (fromMin === 1440) {
    reader.report([...path, 'from'], '24:00 is an end', 'write 00:00')
    return undefined
  }
  if (fromMin === toMin) {
    reader.report([...path, 'to'], 'is the same time as from', 'leave both out for whole days')
    return undefined
  }
  if (days.every(Boolean) && fromMin === 0 && toMin === 1440) {
    reader.report(path, 'is always', 'name days or times, or leave schedule out')
    return undefined
  }
  return { days, fromMin, toMin: toMin === 0 ? 1440 : toMin, timezone }
}

/** Days and ranges of days: `[mon-fri, sun]`; a range may go over the end of the week. */
function readDays(reader: Reader, value: unknown, path: Path): boolean[] | undefined {
  const at = [...path, 'days']
  const words = reader.words(value, at)
  if (words === undefined) return undefined
  const days = dayNames.map(() => false)
  for (const word of words) {
    const [first = '', end = first, ...rest] = word.toLowerCase().split('-')
    const [from, to] = [first, end].map(name => dayNames.findIndex(day => day === name.trim()))
    if (from === undefined || to === undefined || from < 0 || to < 0 || rest.length > 0) {
      reader.report(at, `${shown(word)} is no day`, `write days as ${dayNames.join(', ')}, or as mon-fri`)
      return undefined
    }
    for (let day = from; ; day = (day + 1) % 7) {
      days[day] = true
      if (day === to) break
    }
  }
  return days
}

/** Minutes after midnight. */
function readClock(reader: Reader, value: unknown, path: Path, otherwise: number): number | undefined {
  if (value === undefined) return otherwise
  if (typeof value === 'string' && clockPattern.test(value)) {
    const [hours = 0, minutes = 0] = value.split(':').map(Number)
    return hours * 60 + minutes
  }
  reader.report(path, `${shown(value)} is no time of day`, "write it in quotes, as '08:00', up to '24:00'")
  return undefined
}

/** Undefined where it is wrong, which is reported, null where there is none. */
export function readFlapping(reader: Reader, value: unknown, path: Path): Flapping | null | undefined {
  if (value === undefined) return null
  const fields = reader.fields(value, path, flappingKeys)
  if (fields === undefined) return undefined
  for (const key of ['changes', 'within_s', 'clear_s'])
    if (fields[key] === undefined) reader.report(path, `${key} is missing`, `add ${key}: a number`)
  const number = (key: 'changes' | 'within_s' | 'clear_s', min: number, max: number): number | undefined =>
    fields[key] === undefined ? undefined : reader.number(fields[key], [...path, key], min, max)
  const changes = number('changes', changesMin, changesMax)
  const withinS = number('within_s', 1, flappingSecondsMax)
  const clearS = number('clear_s', 1, flappingSecondsMax)
  const severity =
    fields['severity'] === undefined
      ? null
      : reader.word(fields['severity'], [...path, 'severity'], severities)
  const text = fields['text'] === undefined ? null : readText(reader, fields['text'], [...path, 'text'])
  if (changes !== undefined && !Number.isInteger(changes)) {
    reader.report([...path, 'changes'], `${changes} is not a whole number`, 'count in whole numbers')
    return undefined
  }
  if (changes === undefined || withinS === undefined || clearS === undefined) return undefined
  if (severity === undefined || text === undefined) return undefined
  return { changes, withinMs: withinS * 1000, clearMs: clearS * 1000, severity, text }
}
