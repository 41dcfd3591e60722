import type { Language } from '../schemas/words.ts'
import type { ExplainedRuleJson, ExplainJson } from './http/api-explain.ts'
import type { ProblemJson } from './http/api-schemas.ts'

/**
 * `svetofor explain NODE`: asks a running daemon why the rules of a node raised or did not, and prints it for a person.
 * Exit codes: 0 answered, 4 no such node, 5 no answer from the daemon.
 */
export const explainExitCodes = { answered: 0, notFound: 4, noAnswer: 5 } as const

export interface ExplainOptions {
  readonly node: string
  readonly url: string
  /** Bearer token; '' for none. */
  readonly token: string
  readonly language: Language
  /** The answer as JSON instead of text. */
  readonly json: boolean
  /** Only these, where given. */
  readonly only: { readonly device?: string; readonly instance?: string; readonly rule?: string }
  /** Rules that are quiet, too, each with its readings; without it they are only counted by name. */
  readonly all: boolean
  readonly timeoutMs?: number
  readonly print: (text: string) => void
  readonly printError: (text: string) => void
}

const texts = {
  ru: {
    states: {
      raised: 'ПОДНЯТА',
      clearing: 'СНИМАЕТСЯ',
      raising: 'ДЕРЖИТСЯ',
      counting: 'СЧИТАЕТСЯ',
      prevented: 'ЗАПРЕЩЕНА',
      quiet: 'НОРМА',
      'no-limit': 'НЕТ ПОРОГА',
      'no-reading': 'НЕТ ПОКАЗАНИЙ'
    },
    whole: 'всё устройство',
    wouldRaise: 'Поднимет',
    written: 'Правило',
    override: 'заменяет поставленное',
    runbook: 'Что делать',
    record: 'Запись',
    device: (id: string, ago: string, limit: string) => `${id}: слышно ${ago} назад, молчит после ${limit}`,
    never: (id: string) => `${id}: ещё не было слышно`,
    silent: 'МОЛЧИТ',
    clock: (isAhead: boolean, by: string) => `часы ${isAhead ? 'спешат' : 'отстают'} на ${by}`,
    quiet: (count: number, names: string) => `В норме ещё ${count}: ${names}. Все: --all`,
    cut: (shown: number, total: number) => `Показано ${shown} из ${total}; уже: --device, --instance, --rule`,
    none: 'К узлу не относится ни одно правило: показаний его устройств ещё не было.',
    noAnswer: (url: string, why: string) => `Светофор по адресу ${url} не ответил: ${why}`
  },
  en: {
    states: {
      raised: 'RAISED',
      clearing: 'CLEARING',
      raising: 'HELD',
      counting: 'COUNTING',
      prevented: 'PREVENTED',
      quiet: 'OK',
      'no-limit': 'NO LIMIT',
      'no-reading': 'NO READING'
    },
    whole: 'whole device',
    wouldRaise: 'Would raise it',
    written: 'Rule',
    override: 'replaces the shipped one',
    runbook: 'What to do',
    record: 'Record',
    device: (id: string, ago: string, limit: string) => `${id}: heard ${ago} ago, silent after ${limit}`,
    never: (id: string) => `${id}: not heard yet`,
    silent: 'SILENT',
    clock: (isAhead: boolean, by: string) => `clock ${isAhead ? 'ahead' : 'behind'} by ${by}`,
    quiet: (count: number, names: string) => `Quiet besides, ${count}: ${names}. All of them: --all`,
    cut: (shown: number, total: number) =>
      `Shown are ${shown} of ${total}; fewer by --device, --instance, --rule`,
    none: 'No rule applies to the node: its devices have told nothing yet.',
    noAnswer: (url: string, why: string) => `Svetofor at ${url} did not answer: ${why}`
  }
} as const

/** Asks and prints; resolves to the exit code and never rejects. */
export async function explainCommand(options: ExplainOptions): Promise<number> {
  const words = texts[options.language]
  const base = options.url.endsWith('/') ? options.url : `${options.url}/`
  try {
    const url = new URL(`api/v1/nodes/${encodeURIComponent(options.node)}/explain`, base)
    for (const [name, value] of Object.entries({ ...options.only, limit: '2000' }))
      url.searchParams.set(name, value)
    const response = await fetch(url, {
      headers: {
        accept: 'application/json',
        ...(options.token === '' ? {} : { authorization: `Bearer ${options.token}` })
      },
      signal: AbortSignal.timeout(options.timeoutMs ?? 30_000)
    })
    const body: unknown = await response.json()
    if (response.status === 200) {
      if (options.json) options.print(JSON.stringify(body, null, 2))
      else options.print(explanationText(body as ExplainJson & { atMs: number }, options))
      return explainExitCodes.answered
    }
    const { detail = '', type = '' } = body as Partial<ProblemJson>
    options.printError(
      response.status === 404 ? detail : words.noAnswer(options.url, `HTTP ${response.status}: ${detail}`)
    )
    return type.endsWith('node-not-found') ? explainExitCodes.notFound : explainExitCodes.noAnswer
  } catch (error) {
    const { cause, message } = error as Error & { cause?: { code?: string } }
    options.printError(words.noAnswer(options.url, cause?.code ?? message))
    return explainExitCodes.noAnswer
  }
}

function explanationText(
  answer: ExplainJson & { readonly atMs: number },
  { language, all }: Pick<ExplainOptions, 'language' | 'all'>
): string {
  const words = texts[language]
  const isWorthALine = ({ state }: ExplainedRuleJson): boolean =>
    all || !['quiet', 'no-reading'].includes(state)
  const shown = answer.rules.filter(isWorthALine)
  const rest = answer.rules.filter(rule => !isWorthALine(rule))
  const lines = [`${answer.name} (${answer.id})`]
  for (const { id, lastHeardMs, limitMs, silent, clockOffsetMs } of answer.devices)
    lines.push(
      `  ${lastHeardMs === null ? words.never(id) : words.device(id, seconds(answer.atMs - lastHeardMs, language), seconds(limitMs, language))}` +
        (silent ? `  ${words.silent}` : '') +
        (clockOffsetMs === null
          ? ''
          : `  ${words.clock(clockOffsetMs > 0, seconds(Math.abs(clockOffsetMs), language))}`)
    )
  for (const rule of shown) lines.push('', ...ruleLines(rule, language))
  if (answer.rules.length === 0) lines.push('', `  ${words.none}`)
  if (rest.length > 0) {
    const names = [...new Set(rest.map(({ rule }) => rule))].sort()
    lines.push('', `  ${words.quiet(rest.length, names.join(', '))}`)
  }
  if (answer.total > answer.rules.length) lines.push('', `  ${words.cut(answer.rules.length, answer.total)}`)
  return lines.join('\n')
}

function ruleLines(rule: ExplainedRuleJson, language: Language): string[] {
  const words = texts[language]
  const place = `${rule.device} ${rule.instance === '' ? `(${words.whole})` : rule.instance}`
  const record = [...rule.levels.flatMap(({ inputs }) => inputs), ...rule.gates].find(
    ({ coordinates }) => coordinates !== null
  )
  const lines = [
    `  ${words.states[rule.state]}  ${rule.rule}  ${place}`,
    `    ${rule.says[language]}`,
    `    ${words.wouldRaise}: ${rule.wouldRaise[language]}`,
    `    ${words.written}: ${rule.writtenAt}${rule.isOverride ? `, ${words.override}` : ''}`
  ]
  if (rule.runbook !== null) lines.push(`    ${words.runbook}: ${rule.runbook}`)
  if (record?.coordinates !== undefined && record.coordinates !== null) {
    const { topic, partition, offset } = record.coordinates
    lines.push(`    ${words.record}: ${topic}/${partition}@${offset}, ${record.eventTime ?? ''}`)
  }
  return lines
}

function seconds(ms: number, language: Language): string {
  const s = Math.max(0, Math.round(ms / 1000))
  const unit = language === 'ru' ? ['с', 'мин'] : ['s', 'min']
  return s < 120 ? `${s} ${unit[0]}` : `${Math.round(s / 60)} ${unit[1]}`
}
