import type { Language, LocalText } from '../schemas/words.ts'
import type { Composite } from './composite.ts'
import type { ExplainedInput, RuleExplanation } from './explained.ts'
import type { Change } from './measures/baselines.ts'
import type { Alarm } from './model.ts'
import type { Rate } from './measures/rates.ts'

/** What an explanation says to people, in both languages. */

interface Words {
  readonly op: Readonly<Record<'below' | 'above', string>>
  readonly oneOf: (names: string) => string
  readonly absent: string
  readonly alarmOf: (rule: string) => string
  readonly alarmIs: (rule: string, isOpen: boolean) => string
  readonly times: (count: number) => string
  readonly or: string
  readonly and: string
  readonly not: (text: string) => string
  readonly atLeastOf: (count: number, texts: string) => string
  readonly noLimit: string
  readonly for: (duration: string) => string
  readonly inRow: (count: number) => string
  readonly when: (text: string) => string
  readonly unless: (text: string) => string
  readonly raised: (severity: string, ago: string, text: string) => string
  readonly clearing: (text: string, left: string) => string
  readonly raising: (readings: string, ago: string, left: string) => string
  readonly prevented: (readings: string, gates: string) => string
  readonly isOff: (text: string) => string
  readonly forbids: (text: string) => string
  readonly counting: (readings: string, count: number) => string
  readonly quiet: (readings: string) => string
  readonly noReading: (signals: string) => string
  readonly noLimits: (readings: string) => string
  readonly isOf: (signal: string, value: string, ago: string) => string
  readonly isMissing: (signal: string) => string
  readonly measures: Readonly<Record<Rate | Change, string>>
  readonly noRate: string
  readonly nowAndUsual: (now: string, usual: string, learnt: string) => string
  readonly learning: (learnt: string, wanted: string, samples: number) => string
  readonly limitIs: (limit: string, origin: string) => string
  readonly origins: Readonly<
    Record<'module' | 'optic-class' | 'default' | 'rule', (opticClass: string, table: string) => string>
  >
  readonly overridden: (place: string) => string
  readonly resting: (schedule: string, left: string) => string
  readonly flapping: (left: string) => string
  readonly only: (schedule: string) => string
  readonly changes: (count: number, duration: string) => string
  readonly units: readonly [string, string, string, string]
}

const words: Readonly<Record<Language, Words>> = {
  ru: {
    op: { below: 'ниже', above: 'выше' },
    oneOf: names => `в состоянии ${names}`,
    absent: 'не сообщается',
    alarmOf: rule => `тревога ${rule}`,
    alarmIs: (rule, isOpen) => `тревога ${rule} ${isOpen ? 'открыта' : 'не открыта'}`,
    times: count => `не меньше ${count} раз`,
    or: 'или',
    and: 'и',
    not: text => `не (${text})`,
    atLeastOf: (count, texts) => `не меньше ${count} из: ${texts}`,
    noLimit: 'порога нет',
    for: duration => `не меньше ${duration}`,
    inRow: count => `отсчётов подряд: ${count}`,
    when: text => `при условии: ${text}`,
    unless: text => `если не: ${text}`,
    raised: (severity, ago, text) => `Тревога ${severity} поднята ${ago} назад: ${text}`,
    clearing: (text, left) => `Тревога ещё открыта (${text}), показания уже в норме; снимется через ${left}`,
    raising: (readings, ago, left) =>
      `Ещё не поднята: ${readings}; условие держится ${ago}, до тревоги ${left}`,
    prevented: (readings, gates) => `Не поднята: ${readings}; условие выполнено, но ${gates}`,
    isOff: text => `нет нужного: ${text}`,
    forbids: text => `это запрещает: ${text}`,
    counting: (readings, count) => `Не поднята: ${readings}; нужно отсчётов подряд: ${count}`,
    quiet: readings => `Не поднята: ${readings}`,
    noReading: signals => `Не поднята: нет показаний ${signals}`,
    noLimits: readings => `Не поднята: ${readings}, но порога для этого модуля или класса нет`,
    isOf: (signal, value, ago) => `${signal} = ${value} (${ago} назад)`,
    isMissing: signal => `${signal}: показаний нет`,
    measures: {
      per_second: ' в секунду',
      share: ', доля кадров',
      utilisation: ', загрузка порта',
      step: ', отличие от обычного',
      step_pct: ', отличие от обычного',
      drift_per_day: ', изменение обычного за сутки'
    },
    noRate: 'скорость пока не известна',
    nowAndUsual: (now, usual, learnt) => `сейчас ${now}, обычно ${usual}, изучено ${learnt}`,
    learning: (learnt, wanted, samples) => `ещё изучается, ${learnt} из ${wanted}, отсчётов: ${samples}`,
    limitIs: (limit, origin) => `порог: ${limit}${origin}`,
    origins: {
      module: () => ', назван самим модулем',
      'optic-class': (opticClass, table) => `, таблица ${table}, класс ${opticClass}`,
      default: (_, table) => `, таблица ${table}, по умолчанию`,
      rule: () => ', из правила'
    },
    overridden: place => `, переопределено в ${place}`,
    resting: (schedule, left) => `правило сейчас не действует (${schedule}), до начала ${left}`,
    flapping: left => `то есть, то нет: если не изменится, кончится через ${left}`,
    only: schedule => `только ${schedule}`,
    changes: (count, duration) => `изменений ${count} за ${duration}`,
    units: ['с', 'мин', 'ч', 'сут']
  },
  en: {
    op: { below: 'below', above: 'above' },
    oneOf: names => `in ${names}`,
    absent: 'is not reported',
    alarmOf: rule => `alarm ${rule}`,
    alarmIs: (rule, isOpen) => `alarm ${rule} is ${isOpen ? 'open' : 'not open'}`,
    times: count => `${count} times at least`,
    or: 'or',
    and: 'and',
    not: text => `not (${text})`,
    atLeastOf: (count, texts) => `${count} at least of: ${texts}`,
    noLimit: 'no limit',
    for: duration => `for ${duration} at least`,
    inRow: count => `${count} samples in a row`,
    when: text => `while: ${text}`,
    unless: text => `unless: ${text}`,
    raised: (severity, ago, text) => `Raised as ${severity} ${ago} ago: ${text}`,
    clearing: (text, left) => `Still raised (${text}), the readings are good again; clears in ${left}`,
    raising: (readings, ago, left) => `Not raised yet: ${readings}; so for ${ago}, raises in ${left}`,
    prevented: (readings, gates) => `Not raised: ${readings}; the condition holds, but ${gates}`,
    isOff: text => `this does not: ${text}`,
    forbids: text => `this forbids it: ${text}`,
    counting: (readings, count) => `Not raised: ${readings}; samples needed in a row: ${count}`,
    quiet: readings => `Not raised: ${readings}`,
    noReading: signals => `Not raised: there is no reading of ${signals}`,
    noLimits: readings => `Not raised: ${readings}, but there is no limit for this module or class`,
    isOf: (signal, value, ago) => `${signal} = ${value} (${ago} ago)`,
    isMissing: signal => `${signal}: no reading`,
    measures: {
      per_second: ' a second',
      share: ', share of frames',
      utilisation: ', utilisation of the port',
      step: ', difference from what is usual',
      step_pct: ', difference from what is usual',
      drift_per_day: ', change of what is usual a day'
    },
    noRate: 'no rate known yet',
    nowAndUsual: (now, usual, learnt) => `now ${now}, usually ${usual}, learnt for ${learnt}`,
    learning: (learnt, wanted, samples) => `still being learnt, ${learnt} of ${wanted}, samples: ${samples}`,
    limitIs: (limit, origin) => `limit: ${limit}${origin}`,
    origins: {
      module: () => ', told by the module itself',
      'optic-class': (opticClass, table) => `, table ${table}, class ${opticClass}`,
      default: (_, table) => `, table ${table}, default`,
      rule: () => ', in the rule'
    },
    overridden: place => `, overridden at ${place}`,
    resting: (schedule, left) => `the rule is not in force now (${schedule}), begins in ${left}`,
    flapping: left => `flapping: over in ${left} if nothing changes`,
    only: schedule => `only ${schedule}`,
    changes: (count, duration) => `${count} changes within ${duration}`,
    units: ['s', 'min', 'h', 'd']
  }
}

const both = (write: (language: Language) => string): LocalText => ({ ru: write('ru'), en: write('en') })

/** Why the rule raised or did not. */
export function saysOf(
  {
    state,
    levels,
    gates,
    schedule,
    flapping
  }: Pick<RuleExplanation, 'state' | 'levels' | 'gates' | 'schedule' | 'flapping'>,
  alarm: Alarm | null,
  nowMs: number
): LocalText {
  return both(language => {
    const say = words[language]
    const inputs = levels.flatMap(level => level.inputs)
    const readings = readingsText(inputs, language, nowMs)
    const on = levels.find(({ isOn }) => isOn)
    const left = (deadlineMs: number | null | undefined): string =>
      durationText((deadlineMs ?? nowMs) - nowMs, language)
    const ago = (sinceMs: number | null | undefined): string =>
      durationText(nowMs - (sinceMs ?? nowMs), language)
    const resting =
      schedule === null || schedule.isInForce ? [] : [say.resting(schedule.text, left(schedule.changesMs))]
    const flaps = flapping === null || flapping.untilMs === null ? [] : [say.flapping(left(flapping.untilMs))]
    switch (state) {
      case 'raised':
        return [
          say.raised(alarm?.severity ?? '', ago(alarm?.raisedAtMs), alarm?.text[language] ?? ''),
          ...flaps
        ].join('; ')
      case 'clearing':
        return [
          say.clearing(
            alarm?.text[language] ?? '',
            left(
              Math.max(
                ...levels.flatMap(({ deadlineMs }) => deadlineMs ?? []),
                flapping?.untilMs ?? -Infinity,
                nowMs
              )
            )
          ),
          ...flaps
        ].join('; ')
      case 'raising':
        return say.raising(readings, ago(on?.sinceMs), left(on?.deadlineMs))
      case 'prevented':
        return say.prevented(
          readings,
          gates
            .filter(gate => gate.isOn === (gate.part === 'unless'))
            .map(gate =>
              gate.part === 'when'
                ? say.isOff(conditionText(gate, language))
                : say.forbids(conditionText(gate, language))
            )
            .concat(resting)
            .join(', ')
        )
      case 'counting':
        return say.counting(
          readings,
          Math.max(...inputs.filter(({ meets }) => meets).map(({ condition }) => condition.raiseSamples))
        )
      case 'quiet':
        return [say.quiet(readings), ...resting].join('; ')
      case 'no-limit':
        return say.noLimits(readings)
      case 'no-reading':
        return say.noReading([...new Set(inputs.map(input => comparedText(input, language)))].join(', '))
    }
  })
}

/** What would raise it, level by level. */
export function wouldRaise({
  levels,
  gates,
  schedule,
  flapping
}: Pick<RuleExplanation, 'levels' | 'gates' | 'schedule' | 'flapping'>): LocalText {
  return both(language => {
    const say = words[language]
    const named = (part: ExplainedInput['part']): string[] => [
      ...new Set(gates.filter(gate => gate.part === part).map(gate => conditionText(gate, language)))
    ]
    const around = [
      ...named('when').map(text => say.when(text)),
      ...named('unless').map(text => say.unless(text)),
      ...(schedule === null ? [] : [say.only(schedule.text)])
    ]
    const often =
      flapping === null ? [] : [say.changes(flapping.changes, durationText(flapping.withinMs, language))]
    return levels
      .flatMap(({ severity, raiseHoldMs, inputs, together }) => {
        const [input] = inputs
        if (input === undefined) return []
        const raiseSamples = together === null ? input.condition.raiseSamples : 1
        return [
          [
            `${severity}: ${together?.[language] ?? conditionText(input, language)}`,
            ...(raiseSamples > 1 ? [say.inRow(raiseSamples)] : []),
            ...(raiseHoldMs > 0 ? [say.for(durationText(raiseHoldMs, language))] : []),
            ...around
          ].join(', ')
        ]
      })
      .concat(often)
      .join('; ')
  })
}

/** A composite in words; `inputOf` gives a reading of one of its conditions, or the name of the rule that it asks. */
export function compositeText(
  composite: Composite,
  inputOf: (condition: number) => ExplainedInput | string
): LocalText {
  return both(language => partText(composite, inputOf, language, true))
}

function partText(
  part: Composite,
  inputOf: (condition: number) => ExplainedInput | string,
  language: Language,
  isOutermost = false
): string {
  const say = words[language]
  const list = (parts: readonly Composite[]): string[] => parts.map(one => partText(one, inputOf, language))
  const joined = (parts: readonly Composite[], by: string): string => {
    const text = list(parts).join(` ${by} `)
    return isOutermost || parts.length === 1 ? text : `(${text})`
  }
  switch (part.op) {
    case 'on': {
      const input = inputOf(part.condition)
      const text = typeof input === 'string' ? say.alarmOf(input) : conditionText(input, language)
      return [
        text,
        ...(part.instancesMin > 1 ? [say.times(part.instancesMin)] : []),
        ...(part.forMs > 0 ? [say.for(durationText(part.forMs, language))] : [])
      ].join(' ')
    }
    case 'any':
      return joined(part.of, say.or)
    case 'all':
      return joined(part.of, say.and)
    case 'count':
      return say.atLeastOf(part.atLeast, list(part.of).join(', '))
    case 'not':
      return say.not(partText(part.of, inputOf, language))
  }
}

/** What is compared, in words: the signal, or a rate or change of it. */
function comparedText({ signal, rate, baseline }: ExplainedInput, language: Language): string {
  const measured = rate ?? baseline
  return measured === null ? signal : `${signal}${words[language].measures[measured.measure]}`
}

/** What a rate or a change was made of. */
function madeOfText({ signal, value, rate, baseline }: ExplainedInput, language: Language): string {
  if (baseline !== null) {
    const { now, usual, readingUnit, learntMs } = baseline
    if (value === null || now === null || usual === null) return ''
    const number = (one: number): string => numberText(one, readingUnit, language)
    return ` [${words[language].nowAndUsual(number(now), number(usual), durationText(learntMs, language))}]`
  }
  if (rate === null) return ''
  const { counter, perSecond, measure, besideSignal, beside, besideUnit } = rate
  const parts = [
    ...(counter === null ? [] : [`${signal} = ${numberText(counter, '', language)}`]),
    ...(measure === 'per_second' || perSecond === null
      ? []
      : [`${signal}${words[language].measures.per_second} = ${numberText(perSecond, '', language)}`]),
    ...(beside === null ? [] : [`${besideSignal} = ${numberText(beside, besideUnit, language)}`])
  ]
  return parts.length === 0 ? '' : ` [${parts.join(', ')}]`
}

function conditionText(input: ExplainedInput, language: Language): string {
  const say = words[language]
  const { unit, condition } = input
  const signal = comparedText(input, language)
  const { op, limit, names } = condition
  if (op === 'absent') return `${signal} ${say.absent}`
  if (op === 'alarm') return say.alarmOf(names.join(', '))
  if (op === 'in') return `${signal} ${say.oneOf(names.join(', '))}`
  return limit === null
    ? `${signal}: ${say.noLimit}`
    : `${signal} ${say.op[op]} ${numberText(limit, unit, language)}`
}

/** The readings with their limits, each once. */
function readingsText(inputs: readonly ExplainedInput[], language: Language, nowMs: number): string {
  const say = words[language]
  const texts = new Map<string, string[]>()
  for (const input of inputs) {
    const { value, valueName, unit, timeMs, condition } = input
    if (condition.op === 'alarm') {
      texts.set(say.alarmIs(condition.names.join(', '), input.isOn), [])
      continue
    }
    const signal = comparedText(input, language)
    const missing = missingText(input, language)
    const reading =
      (value === null
        ? missing
        : say.isOf(
            signal,
            valueName ?? numberText(value, unit, language),
            durationText(nowMs - (timeMs ?? nowMs), language)
          )) + madeOfText(input, language)
    const limits = texts.get(reading) ?? []
    texts.set(reading, limits)
    const { origin, op, limit } = condition
    if (op === 'in' || op === 'absent' || limit === null || origin === null) continue
    const { from, opticClass, table, overriddenAt } = origin
    const where =
      say.origins[from](opticClass, table) + (overriddenAt === '' ? '' : say.overridden(overriddenAt))
    const text = say.limitIs(`${say.op[op]} ${numberText(limit, unit, language)}`, where)
    if (!limits.includes(text)) limits.push(text)
  }
  return [...texts].map(([reading, limits]) => [reading, ...limits].join(', ')).join('; ')
}

/** Why there is nothing to compare. */
function missingText(input: ExplainedInput, language: Language): string {
  const say = words[language]
  const { rate, baseline } = input
  const signal = comparedText(input, language)
  if (baseline !== null && baseline.samples > 0) {
    const { learntMs, learnMs, samples } = baseline
    return `${signal}: ${say.learning(durationText(learntMs, language), durationText(learnMs, language), samples)}`
  }
  return rate === null || rate.counter === null ? say.isMissing(signal) : `${signal}: ${say.noRate}`
}

/** Three digits behind the point at most, a comma in Russian; the unit behind it. */
function numberText(value: number, unit: string, language: Language): string {
  const text = String(Math.round(value * 1000) / 1000).replace('-', '−')
  const number = language === 'ru' ? text.replace('.', ',') : text
  return unit === '' || unit === '1' ? number : `${number} ${unit === '1/s' ? '/s' : unit}`
}

function durationText(ms: number, language: Language): string {
  const seconds = Math.round(Math.max(0, ms) / 1000)
  const [s, min, h, d] = words[language].units
  if (seconds < 120) return `${seconds} ${s}`
  if (seconds < 7200) return `${Math.round(seconds / 60)} ${min}`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} ${h}` : `${Math.round(seconds / 86_400)} ${d}`
}
