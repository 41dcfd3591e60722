/** When a rule is in force: stretches of the week, by the clocks of a place. */
export interface Schedule {
  /** Monday first: whether a stretch begins on that day. One does at least. */
  readonly days: readonly boolean[]
  /** Minutes after midnight at which a stretch begins, 0 to 1439. */
  readonly fromMin: number
  /** At which it ends, 1 to 1440; not later than it begins: on the next day. */
  readonly toMin: number
  /** Name by the IANA, such as Europe/Moscow. */
  readonly timezone: string
}

/** From `fromMs` on, and before `toMs`, the rule is in force or is not. */
export interface Stretch {
  readonly fromMs: number
  readonly toMs: number
  readonly isInForce: boolean
}

export const dayNames = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
const dayMs = 86_400_000
const minuteMs = 60_000

/** The stretch looked up last of each schedule: what is asked next is mostly of the same one. */
const last = new WeakMap<Schedule, Stretch>()

/**
 * The stretch that a moment (ms) lies in. A clock that is put forward leaves out the times between: what begins or ends then does so as much
 * later. One that is put back has times twice: the first counts.
 */
export function stretchOf(schedule: Schedule, atMs: number): Stretch {
  const known = last.get(schedule)
  if (known !== undefined && known.fromMs <= atMs && atMs < known.toMs) return known
  const found = find(schedule, atMs)
  last.set(schedule, found)
  return found
}

function find({ days, fromMin, toMin, timezone }: Schedule, atMs: number): Stretch {
  const today = Math.floor((atMs + offsetMs(timezone, atMs)) / dayMs)
  const endsNextDay = toMin <= fromMin
  let isInForce = false
  let fromMs = -Infinity
  let toMs = Infinity
  // A stretch begins once a week at least.
  for (let day = today - 8; day <= today + 8; day++) {
    if (days[weekdayOf(day)] !== true) continue
    const begin = momentOf(timezone, day, fromMin)
    const end = momentOf(timezone, endsNextDay ? day + 1 : day, toMin)
    if (begin <= atMs && atMs < end) isInForce = true
    for (const edge of [begin, end])
      if (edge <= atMs) fromMs = Math.max(fromMs, edge)
      else toMs = Math.min(toMs, edge)
  }
  return { fromMs, toMs, isInForce }
}

/** 0 for Monday; day 0 was the first of January 1970, a Thursday. */
const weekdayOf = (day: number): number => (((day + 3) % 7) + 7) % 7

/** When a place's clocks show so many minutes after midnight of a day. */
function momentOf(timezone: string, day: number, minutes: number): number {
  const shownMs = day * dayMs + minutes * minuteMs
  const before = offsetMs(timezone, shownMs - dayMs)
  const first = shownMs - before
  if (offsetMs(timezone, first) === before) return first
  const second = shownMs - offsetMs(timezone, shownMs + dayMs)
  return second + offsetMs(timezone, second) === shownMs ? second : first
}

const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(timezone: string): Intl.DateTimeFormat {
  let format = formats.get(timezone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric'
    })
    formats.set(timezone, format)
  }
  return format
}

/** By how much (ms) the clocks of a place are ahead of UTC at a moment. */
function offsetMs(timezone: string, atMs: number): number {
  const seconds = Math.floor(atMs / 1000) * 1000
  const shown = new Map(
    formatOf(timezone)
      .formatToParts(seconds)
      .map(({ type, value }) => [type, Number(value)])
  )
  const part = (type: Intl.DateTimeFormatPartTypes): number => shown.get(type) ?? 0
  const shownMs = Date.UTC(
    part('year'),
    part('month') - 1,
    part('day'),
    part('hour'),
    part('minute'),
    part('second')
  )
  return shownMs - seconds
}

/** Whether the clocks of a place of this name are known. */
export function isTimezone(name: string): boolean {
  try {
    formatOf(name)
    return true
  } catch {
    return false
  }
}

const clockText = (minutes: number): string =>
  `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`

/** Days that follow one another are joined: `mon-fri, sun 08:00–20:00 Europe/Moscow`. */
export function scheduleText({ days, fromMin, toMin, timezone }: Schedule): string {
  const runs: string[] = []
  for (let day = 0; day < 7; day++) {
    if (days[day] !== true) continue
    let end = day
    while (days[end + 1] === true) end++
    runs.push(end === day ? dayNames[day]! : `${dayNames[day]!}-${dayNames[end]!}`)
    day = end
  }
  return `${runs.join(', ')} ${clockText(fromMin)}–${clockText(toMin)} ${timezone}`
}
