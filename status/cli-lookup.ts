import { languages, type Language, type Light } from '../schemas/words.ts'
import type { ProblemJson, StatusAnswerJson } from './http/api-schemas.ts'

/**
 * `svetofor lookup "<address>"`: asks a running daemon and prints the answer for a person.
 *
 * Exit codes are those of monitoring plugins where they have a meaning, so that a script can use them:
 * 0 green, 1 yellow, 2 red, 3 grey, 4 no single building has this address, 5 no answer from the daemon.
 */
export const lookupExitCodes = { green: 0, yellow: 1, red: 2, grey: 3, notFound: 4, noAnswer: 5 } as const

export interface LookupOptions {
  /** Where the daemon answers, such as http://127.0.0.1:8080 */
  readonly url: string
  readonly address: string
  /** Bearer token; '' for none. */
  readonly token: string
  readonly language: Language
  /** The answer as JSON instead of text. */
  readonly json: boolean
  /** Colours by ANSI codes, for a terminal. */
  readonly colour: boolean
  readonly nowMs: number
  readonly timeoutMs?: number
  readonly print: (text: string) => void
  readonly printError: (text: string) => void
}

const texts = {
  ru: {
    light: { green: 'НОРМА', yellow: 'ВНИМАНИЕ', red: 'АВАРИЯ', grey: 'НЕТ ДАННЫХ' },
    since: 'С какого времени',
    unchanged: 'без изменений с запуска Светофора',
    affected: 'Затронуто',
    connected: 'Подключено',
    planned: 'Плановые работы',
    yes: 'да',
    no: 'нет',
    way: 'Путь к центру',
    late: (by: string) => `Данные опаздывают на ${by}: это состояние сети тогда`,
    alarms: 'Тревоги',
    runbook: 'Что делать',
    amounts: (nodes: number, addresses: number, subscribers: number) =>
      `узлов ${nodes}, адресов ${addresses}, абонентов ${subscribers}`,
    candidates: 'Подходит несколько домов или дом назван не полностью:',
    noHouse: (streets: string) => `Такого дома нет. На улице (${streets}) есть:`,
    noStreet: (streets: string) => `Такой улицы нет. Похожие: ${streets}.`,
    understood: 'Понято как',
    nothing: 'Такого адреса нет, похожих тоже. Проверьте улицу и дом.',
    noAnswer: (url: string, why: string) => `Светофор по адресу ${url} не ответил: ${why}`,
    start: 'Запущен ли он? Другой адрес: --url',
    units: ['с', 'мин', 'ч', 'д']
  },
  en: {
    light: { green: 'OK', yellow: 'ATTENTION', red: 'FAILURE', grey: 'NO DATA' },
    since: 'Since when',
    unchanged: 'unchanged since Svetofor began',
    affected: 'Affected',
    connected: 'Connected',
    planned: 'Planned work',
    yes: 'yes',
    no: 'no',
    way: 'Way to the core',
    late: (by: string) => `Data is late by ${by}: this is the state of the network then`,
    alarms: 'Alarms',
    runbook: 'What to do',
    amounts: (nodes: number, addresses: number, subscribers: number) =>
      `nodes ${nodes}, addresses ${addresses}, subscribers ${subscribers}`,
    candidates: 'Several buildings fit, or one was not named in full:',
    noHouse: (streets: string) => `There is no such house. The street (${streets}) has:`,
    noStreet: (streets: string) => `There is no such street. Near: ${streets}.`,
    understood: 'Understood as',
    nothing: 'There is no such address, and none like it. Check the street and the house.',
    noAnswer: (url: string, why: string) => `Svetofor at ${url} did not answer: ${why}`,
    start: 'Is it running? Another address: --url',
    units: ['s', 'min', 'h', 'd']
  }
} as const

/** Shape beside word and colour, as on the page. */
const signs: Readonly<Record<Light, { sign: string; ansi: string }>> = {
  green: { sign: '●', ansi: '32' },
  yellow: { sign: '▲', ansi: '33' },
  red: { sign: '■', ansi: '31' },
  grey: { sign: '○', ansi: '90' }
}

/** The language of the environment (LC_ALL, LC_MESSAGES, LANG); English unless it names Russian. */
export function languageOf(locale: string | undefined): Language {
  const given = (locale ?? '').slice(0, 2).toLowerCase()
  return languages.find(language => language === given) ?? 'en'
}

/** Asks and prints; resolves to the exit code and never rejects. */
export async function lookupCommand(options: LookupOptions): Promise<number> {
  const words = texts[options.language]
  let answer: { status: number; body: unknown }
  try {
    answer = await ask(options)
  } catch (error) {
    options.printError(`${words.noAnswer(options.url, reasonOf(error))}\n${words.start}`)
    return lookupExitCodes.noAnswer
  }
  if (options.json) options.print(JSON.stringify(answer.body, null, 2))
  if (answer.status === 200) {
    const found = answer.body as StatusAnswerJson
    if (!options.json) options.print(answerText(found, options))
    return lookupExitCodes[found.node.effective]
  }
  const problem = answer.body as Partial<ProblemJson>
  if (problem.candidates !== undefined) {
    if (!options.json) options.print(candidatesText(problem, options))
    return lookupExitCodes.notFound
  }
  options.printError(
    words.noAnswer(options.url, `HTTP ${answer.status}: ${problem.detail ?? problem.title ?? ''}`)
  )
  return lookupExitCodes.noAnswer
}

async function ask(options: LookupOptions): Promise<{ status: number; body: unknown }> {
  const url = new URL('api/v1/status', options.url.endsWith('/') ? options.url : `${options.url}/`)
  url.searchParams.set('address', options.address)
  const response = await fetch(url, {
    headers: {
      accept: 'application/json',
      ...bearer(options.token)
    },
    signal: AbortSignal.timeout(options.timeoutMs ?? 5000)
  })
  return { status: response.status, body: await response.json() }
}

/** `svetofor lookup --csv FILE`: many calls at once, CSV in and CSV out. */
export async function lookupManyCommand(
  options: Pick<LookupOptions, 'url' | 'token' | 'print' | 'printError'> & { readonly csv: string }
): Promise<number> {
  try {
    const response = await fetch(
      new URL('api/v1/lookups', options.url.endsWith('/') ? options.url : `${options.url}/`),
      {
        method: 'POST',
        headers: { 'content-type': 'text/csv; charset=utf-8', ...bearer(options.token) },
        body: options.csv,
        signal: AbortSignal.timeout(60_000)
      }
    )
    const body = await response.text()
    if (response.ok) {
      options.print(body.trimEnd())
      return lookupExitCodes.green
    }
    options.printError(texts.en.noAnswer(options.url, `HTTP ${response.status}: ${detailIn(body)}`))
  } catch (error) {
    options.printError(`${texts.en.noAnswer(options.url, reasonOf(error))}\n${texts.en.start}`)
  }
  return lookupExitCodes.noAnswer
}

const bearer = (token: string): Record<string, string> =>
  token === '' ? {} : { authorization: `Bearer ${token}` }

function detailIn(body: string): string {
  try {
    const problem = JSON.parse(body) as Partial<ProblemJson>
    return problem.detail ?? problem.title ?? ''
  } catch {
    return body.slice(0, 200)
  }
}

/** Candidates with their lights, or why there are none. */
function candidatesText(
  { candidates = [], outcome, streets = [] }: Partial<ProblemJson>,
  { language, colour }: Pick<LookupOptions, 'language' | 'colour'>
): string {
  const words = texts[language]
  const named = streets.join('; ')
  const head =
    outcome === 'no-house'
      ? words.noHouse(named)
      : outcome === 'no-street' && streets.length > 0
        ? words.noStreet(named)
        : candidates.length === 0
          ? words.nothing
          : words.candidates
  const lamp = (light: Light): string =>
    colour ? `\x1b[1;${signs[light].ansi}m${signs[light].sign}\x1b[0m` : signs[light].sign
  return [head, ...candidates.map(({ address, light }) => `  ${lamp(light)} ${address}`)].join('\n')
}

/** The answer for a terminal, as wide as it needs to be, without a trailing line break. */
function answerText(
  { match, node, understoodAs, lateMs }: StatusAnswerJson,
  options: { readonly language: Language; readonly colour: boolean; readonly nowMs: number }
): string {
  const words = texts[options.language]
  const paint = (light: Light, text: string): string =>
    options.colour ? `\x1b[1;${signs[light].ansi}m${text}\x1b[0m` : text
  const lamp = (light: Light): string => paint(light, signs[light].sign)
  const incident = node.incidents[0]
  const planned = node.maintenance || node.incidents.some(({ maintenance }) => maintenance)
  const facts: [string, string][] = [
    [
      words.since,
      node.sinceMs === null
        ? words.unchanged
        : `${localTime(node.sinceMs)} (${passed(options.nowMs - node.sinceMs, words.units)})`
    ],
    incident === undefined
      ? [words.connected, words.amounts(node.below.nodes, node.below.addresses, node.below.subscribers)]
      : [
          words.affected,
          words.amounts(incident.affectedNodes, incident.affectedAddresses, incident.affectedSubscribers)
        ],
    [words.planned, planned ? words.yes : words.no]
  ]
  const way = [node, ...node.wayToCore].map(step => `${lamp(step.effective)} ${step.name}`).join(' → ')
  facts.push([words.way, way])
  const width = Math.max(...facts.map(([name]) => name.length))
  const lines = [
    `${lamp(node.effective)} ${paint(node.effective, words.light[node.effective])}  ${match.address}  (${node.name}, ${node.id})`,
    ...(lateMs > 0 ? [`  ${words.late(passed(lateMs, words.units))}`] : []),
    ...(understoodAs === null ? [] : [`  ${words.understood}: ${understoodAs}`]),
    `  ${node.says[options.language]}`,
    ...facts.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`)
  ]
  if (node.alarms.length > 0) {
    lines.push(`  ${words.alarms}`)
    for (const { text, severity, resource, evidence, runbook } of node.alarms) {
      const value = evidence.valueName ?? `${evidence.value} ${evidence.unit}`.trim()
      const record = evidence.coordinates
      const where = record === null ? '' : `; ${record.topic}/${record.partition}@${record.offset}`
      lines.push(`    ${text[options.language]} [${severity}]`)
      lines.push(
        `      ${resource}: ${evidence.signal} = ${value}, ${evidence.rule}, ${evidence.eventTime}${where}`
      )
      if (runbook !== null) lines.push(`      ${words.runbook}: ${runbook}`)
    }
  }
  return lines.join('\n')
}

/** Local time of the person who asks: "2026-11-22 15:04". */
function localTime(atMs: number): string {
  const at = new Date(atMs)
  const two = (n: number): string => String(n).padStart(2, '0')
  return (
    `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ` +
    `${two(at.getHours())}:${two(at.getMinutes())}`
  )
}

function passed(forMs: number, units: readonly [string, string, string, string]): string {
  const s = Math.max(0, Math.floor(forMs / 1000))
  if (s < 60) return `${s} ${units[0]}`
  if (s < 3600) return `${Math.floor(s / 60)} ${units[1]}`
  if (s < 86_400) return `${Math.floor(s / 3600)} ${units[2]} ${Math.floor((s % 3600) / 60)} ${units[1]}`
  return `${Math.floor(s / 86_400)} ${units[3]} ${Math.floor((s % 86_400) / 3600)} ${units[2]}`
}

/** fetch() hides the reason in the cause. */
function reasonOf(error: unknown): string {
  const { cause, message } = error as Error & { cause?: { code?: string; message?: string } }
  return cause?.code ?? cause?.message ?? message
}
