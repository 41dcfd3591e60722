import { severities, type LocalText, type Severity } from '../../schemas/words.ts'
import type { Flapping } from '../compiled.ts'

const never = Infinity

/** How often a rule has changed its mind of a resource of late, and whether that is too often. */
export interface Flaps {
  /** When it began to hold or ceased to (event time, ms), oldest first: at most as many as make it flap, none older than the window. */
  readonly times: number[]
  /** When it flaps no more if nothing changes; Infinity while it does not flap. */
  untilMs: number
  /** Since when it flaps. */
  sinceMs: number
  /** What its alarm shows then; never falls while it flaps. */
  severity: Severity
  /** Its alarm says that it flaps. */
  isTold: boolean
}

export const noFlaps = (): Flaps => ({
  times: [],
  untilMs: never,
  sinceMs: 0,
  severity: 'warning',
  isTold: false
})

export const isFlapping = ({ untilMs }: Flaps): boolean => untilMs !== never

/** Notes that it changed at a moment. `severity`: of its alarm, or of the one it would have. */
export function noteChange(
  flaps: Flaps,
  { changes, withinMs, clearMs, severity: own }: Flapping,
  severity: Severity,
  atMs: number
): void {
  flaps.times.push(atMs)
  if (flaps.times.length > changes) flaps.times.shift()
  if (isFlapping(flaps)) flaps.untilMs = atMs + clearMs
  else if (flaps.times.length === changes && atMs - flaps.times[0]! <= withinMs) {
    flaps.sinceMs = atMs
    flaps.untilMs = atMs + clearMs
    flaps.severity = own ?? severity
  }
}

/** It shows the worst that it has been while it flaps, unless the rule names what it shows. */
export function noteSeverity(flaps: Flaps, { severity: own }: Flapping, severity: Severity): void {
  if (own === null && severities.indexOf(severity) < severities.indexOf(flaps.severity))
    flaps.severity = severity
}

/** Ends what has lasted, and forgets what is too long ago. */
export function passTime(flaps: Flaps, { withinMs }: Flapping, atMs: number): void {
  if (flaps.untilMs <= atMs) {
    flaps.untilMs = never
    flaps.times.length = 0
  }
  while (flaps.times.length > 0 && flaps.times[0]! + withinMs <= atMs && !isFlapping(flaps))
    flaps.times.shift()
}

/** When it is to be looked at again though nothing changes; Infinity for not at all. */
export function nextLookMs(flaps: Flaps, { withinMs }: Flapping): number {
  const last = flaps.times.at(-1)
  return isFlapping(flaps) ? flaps.untilMs : last === undefined ? never : last + withinMs
}

/** The rule's own words, and that it flaps. */
export function flappingText(text: LocalText, { changes, withinMs }: Flapping): LocalText {
  const minutes = Math.round(withinMs / 60_000)
  const [count, ru, en] = minutes >= 2 ? [minutes, 'мин', 'min'] : [withinMs / 1000, 'с', 's']
  return {
    ru: `${text.ru} — то есть, то нет (изменений: ${changes} за ${count} ${ru})`,
    en: `${text.en} – flapping (${changes} changes within ${count} ${en})`
  }
}
