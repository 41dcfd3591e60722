import type { IncidentKind, Language, LocalText } from '../schemas/words.ts'
import type { LightEngine } from './lights.ts'
import type { Below } from './lights/reach.ts'
import type { Incident, Inventory, NodeLight } from './model.ts'
import type { DarkTime } from './runway.ts'

/** An alarm as this module needs it; rules/model.ts Alarm is one. */
export interface AlarmText {
  readonly id: string
  readonly text: LocalText
  /** Signal that it was raised by. */
  readonly evidence?: { readonly signal: string }
}

/** Signals that say whether a link is there; another alarm of a link, such as errors on it, leaves all ways alive. */
const linkStates: readonly string[] = ['if.oper_status', 'if.admin_status']

export interface ExplainInput {
  readonly inventory: Inventory
  /** Index of the node that is asked about. */
  readonly node: number
  readonly lights: Pick<LightEngine, 'light' | 'silenceOf'>
  /** Open alarms of the node. */
  readonly alarms: readonly AlarmText[]
  /** Open incidents the node is the root of or is affected by. */
  readonly incidents: readonly Incident[]
  /** When any device of the node was heard last (ms); null for never. */
  readonly lastHeardMs: number | null
  /** The node, or one above it, runs on its battery; left out or null where none does. */
  readonly runway?: {
    readonly node: string
    readonly nodeName: string
    readonly sinceMs: number
    readonly dark: DarkTime | null
    readonly falls: Pick<Below, 'nodes' | 'subscribers'>
  } | null
  readonly nowMs: number
}

interface Words {
  readonly kind: Readonly<Record<IncidentKind, string>>
  readonly green: string
  readonly trouble: Readonly<Record<'red' | 'yellow', string>>
  readonly upstream: (kind: string, where: string) => string
  readonly upstreamPower: (where: string) => string
  readonly upstreamHeard: (kind: string, where: string) => string
  readonly atRisk: (text: string) => string
  readonly redundancy: (kind: string, where: string) => string
  readonly silent: (devices: number) => string
  readonly silentPower: string
  readonly partial: (silent: number, devices: number) => string
  readonly noData: string
  readonly collector: string
  readonly for: (duration: string) => string
  /** `where` is '' for the node itself. */
  readonly onBattery: (where: string, duration: string) => string
  readonly darkUnknown: string
  readonly dark: (likely: string, earliest: string, latest: string) => string
  readonly falls: (nodes: number, subscribers: number) => string
  readonly affected: (incident: Incident) => string
  readonly outOfThese: (subscribers: number) => string
  readonly planned: string
  readonly lessThanMinute: string
  readonly units: { readonly day: string; readonly hour: string; readonly minute: string }
}

const words: Readonly<Record<Language, Words>> = {
  ru: {
    kind: {
      power: 'отключение электропитания',
      link: 'обрыв связи',
      optics: 'неисправность оптической линии',
      device: 'неисправность оборудования',
      collector: 'молчит сборщик данных',
      ingest: 'данные не поступают',
      unknown: 'узел не отвечает'
    },
    green: 'Неисправностей не видно',
    trouble: { red: 'Авария', yellow: 'Требует внимания' },
    upstream: (kind, where) => `Нет связи с узлом из-за неисправности выше по сети: ${kind}, ${where}`,
    upstreamPower: where => `Узел без связи: отключение электропитания, ${where}`,
    upstreamHeard: (kind, where) =>
      `Возможны перебои: неисправность выше по сети (${kind}, ${where}); сам узел ещё отвечает`,
    atRisk: text => `Работает без резерва: ${text}`,
    redundancy: (kind, where) => `Работает без резерва, один из путей потерян: ${kind}, ${where}`,
    silent: devices => `Узел не отвечает: нет данных ни от одного устройства (всего ${devices})`,
    silentPower: 'Узел не отвечает после отключения электропитания',
    partial: (silent, devices) => `Не отвечает часть устройств: ${silent} из ${devices}`,
    noData: 'Данных от узла ещё не было, состояние неизвестно',
    collector: 'Молчит сборщик данных: состояние узла неизвестно, связь может быть в порядке',
    for: duration => `Длится ${duration}`,
    onBattery: (where, duration) =>
      where === ''
        ? `Работает от батареи ${duration}`
        : `Узел выше по сети «${where}» работает от батареи ${duration}`,
    darkUnknown: ', на сколько её хватит, неизвестно',
    dark: (likely, earliest, latest) =>
      `, погаснет примерно через ${likely} (не раньше чем через ${earliest}, не позже чем через ${latest})`,
    falls: (nodes, subscribers) => `; без связи тогда: узлов ${nodes}, абонентов ${subscribers}`,
    affected: ({ affectedNodes, affectedAddresses, affectedSubscribers }) =>
      `Затронуто: узлов ${affectedNodes}, адресов ${affectedAddresses}, абонентов ${affectedSubscribers}`,
    outOfThese: subscribers => `, из них без связи ${subscribers}`,
    planned: 'Ведутся плановые работы',
    lessThanMinute: 'меньше минуты',
    units: { day: 'сут', hour: 'ч', minute: 'мин' }
  },
  en: {
    kind: {
      power: 'mains power lost',
      link: 'link down',
      optics: 'optical line fault',
      device: 'equipment fault',
      collector: 'data collector silent',
      ingest: 'no data arrives',
      unknown: 'node does not answer'
    },
    green: 'No fault is seen',
    trouble: { red: 'Fault', yellow: 'Needs attention' },
    upstream: (kind, where) => `Unreachable because of a fault upstream: ${kind}, ${where}`,
    upstreamPower: where => `Unreachable: mains power lost, ${where}`,
    upstreamHeard: (kind, where) =>
      `Service may suffer from a fault upstream (${kind}, ${where}); the node itself still answers`,
    atRisk: text => `Runs without redundancy: ${text}`,
    redundancy: (kind, where) => `Runs without redundancy, one of its ways is lost: ${kind}, ${where}`,
    silent: devices => `The node does not answer: no data from any of its devices (${devices} in all)`,
    silentPower: 'The node does not answer after its mains power was lost',
    partial: (silent, devices) => `Some devices do not answer: ${silent} of ${devices}`,
    noData: 'No data has come from the node yet, its state is unknown',
    collector: 'The data collector is silent: the state of the node is unknown, service may be in order',
    for: duration => `Lasts ${duration}`,
    onBattery: (where, duration) =>
      where === ''
        ? `On battery for ${duration}`
        : `Node ${where} upstream has been on battery for ${duration}`,
    darkUnknown: ', for how much longer is not known',
    dark: (likely, earliest, latest) =>
      `, goes dark in about ${likely} (in ${earliest} at the earliest, ${latest} at the latest)`,
    falls: (nodes, subscribers) => `; then without service: ${nodes} nodes, ${subscribers} subscribers`,
    affected: ({ affectedNodes, affectedAddresses, affectedSubscribers }) =>
      `Affected: ${affectedNodes} nodes, ${affectedAddresses} addresses, ${affectedSubscribers} subscribers`,
    outOfThese: subscribers => `, ${subscribers} of them without service`,
    planned: 'Planned work is under way',
    lessThanMinute: 'less than a minute',
    units: { day: 'd', hour: 'h', minute: 'min' }
  }
}

/** What an incident is, and how many it affects, in words. */
export function describeIncident(incident: Incident): {
  readonly kind: LocalText
  readonly affected: LocalText
} {
  const { ru, en } = words
  return {
    kind: { ru: ru.kind[incident.kind], en: en.kind[incident.kind] },
    affected: { ru: `${ru.affected(incident)}.`, en: `${en.affected(incident)}.` }
  }
}

/** What the operator reads to the caller: what, where, for how long, how many are affected, whether it is planned. */
export function explain(input: ExplainInput): Record<Language, string> {
  return { ru: explainIn('ru', input), en: explainIn('en', input) }
}

function explainIn(language: Language, input: ExplainInput): string {
  const say = words[language]
  const light = input.lights.light(input.node)
  const sentences = [whatIsWrong(language, light, input)]
  if (light.effective !== 'green') {
    const incident = input.incidents[0]
    const sinceMs =
      light.cause.by === 'upstream' && incident !== undefined ? incident.openedAtMs : light.sinceMs
    if (sinceMs !== null && !isNoData(light, input))
      sentences.push(say.for(durationText(input.nowMs - sinceMs, say)))
    if (incident !== undefined && incident.affectedNodes > 1)
      sentences.push(say.affected(incident) + outText(incident, say))
  }
  if (input.runway !== undefined && input.runway !== null)
    sentences.push(...runwayText(input, input.runway, light, say))
  if (light.maintenance) sentences.push(say.planned)
  return `${sentences.join('. ')}.`
}

/** Who is out already is not told of what else will be. */
function runwayText(
  { inventory, node, nowMs }: ExplainInput,
  runway: NonNullable<ExplainInput['runway']>,
  light: NodeLight,
  say: Words
): string[] {
  const isOwn = runway.node === inventory.nodeId(node)
  if (!isOwn && light.effective === 'red') return []
  const { dark, falls, sinceMs } = runway
  const till = (ms: number): string => durationText(ms - nowMs, say)
  const text = say.onBattery(isOwn ? '' : runway.nodeName, durationText(nowMs - sinceMs, say))
  if (dark === null) return [text + say.darkUnknown]
  const when = say.dark(till(dark.likelyMs), till(dark.earliestMs), till(dark.latestMs))
  return [text + when + say.falls(falls.nodes, falls.subscribers)]
}

/** How many of those affected are out, where others are not; of a silent collector's nothing is known. */
function outText({ kind, out, affectedSubscribers }: Incident, say: Words): string {
  const isPart = out !== undefined && out.subscribers < affectedSubscribers && kind !== 'collector'
  return isPart ? say.outOfThese(out.subscribers) : ''
}

function isNoData(light: NodeLight, { lights, node }: ExplainInput): boolean {
  return light.cause.by === 'silence' && light.cause.kind === 'unknown' && lights.silenceOf(node).silent === 0
}

function whatIsWrong(language: Language, light: NodeLight, input: ExplainInput): string {
  const say = words[language]
  const { cause } = light
  const silence = input.lights.silenceOf(input.node)
  switch (cause.by) {
    case 'none':
      return say.green
    case 'alarm': {
      const alarm = input.alarms.find(open => open.id === cause.alarm) ?? input.alarms[0]
      const text = alarm?.text[language].replace(/[.\s]+$/, '') ?? say.kind[cause.kind]
      const isWayLost = alarm?.evidence === undefined || linkStates.includes(alarm.evidence.signal)
      if (light.own === 'yellow' && cause.kind === 'link' && isWayLost) return say.atRisk(text)
      return `${say.trouble[light.effective === 'red' ? 'red' : 'yellow']}: ${text}`
    }
    case 'silence':
      if (light.effective === 'yellow') return say.partial(silence.silent, silence.devices)
      if (cause.kind === 'collector') return say.collector
      if (silence.silent === 0) return say.noData
      return cause.kind === 'power' ? say.silentPower : say.silent(silence.devices)
    case 'upstream': {
      const index = input.inventory.nodeIndex(cause.node)
      const name = index === undefined ? cause.node : input.inventory.nodeName(index)
      const where = language === 'ru' ? `узел «${name}»` : `node ${name}`
      if (light.effective === 'yellow') return say.redundancy(say.kind[cause.kind], where)
      // Heard since it was cut off: what it said before proves nothing.
      const isHeard = input.lastHeardMs !== null && input.lastHeardMs > (light.sinceMs ?? Infinity)
      if (isHeard && light.own !== 'red') return say.upstreamHeard(say.kind[cause.kind], where)
      return cause.kind === 'power' ? say.upstreamPower(where) : say.upstream(say.kind[cause.kind], where)
    }
  }
}

function durationText(ms: number, say: Words): string {
  const minutes = Math.floor(Math.max(0, ms) / 60_000)
  if (minutes < 1) return say.lessThanMinute
  const { day, hour, minute } = say.units
  const join = (big: number, bigUnit: string, small: number, smallUnit: string): string =>
    small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`
  if (minutes < 60) return `${minutes} ${minute}`
  if (minutes < 24 * 60) return join(Math.floor(minutes / 60), hour, minutes % 60, minute)
  return join(Math.floor(minutes / 1440), day, Math.floor((minutes % 1440) / 60), hour)
}
