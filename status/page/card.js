// @ts-check
/** What the page shows in its middle: the answer for a node, the overview, candidates, problems. */
import { h, lamp, symbol } from './dom.js'
import { clock, counted, current, duration, number, t } from './words.js'

/** @param {string} light */
const word = light => h(`span.word.${light}`, null, t(`light.${light}`))
/** @param {number} atMs */
export const time = (atMs, withSeconds = false) =>
  h(
    'time',
    { datetime: new Date(atMs).toISOString(), title: new Date(atMs).toISOString() },
    clock(atMs, withSeconds)
  )
/** Time passed, kept up to date by tick(). @param {number} sinceMs */
export const passed = sinceMs => h('span.passed', { 'data-since': sinceMs }, duration(Date.now() - sinceMs))

/** A light that has not changed since the daemon began has no time of its own. @param {number | null} sinceMs */
const since = sinceMs => (sinceMs !== null ? h('span', null, time(sinceMs), ' · ', passed(sinceMs)) : '—')
export const plannedTag = () => h('span.planned', null, symbol('wrench'), t('plannedTag'))

/** Brings every "12 min" on the page up to date. @param {any} root */
export function tick(root) {
  for (const element of root.querySelectorAll('[data-since]')) {
    const text = duration(Date.now() - Number(element.dataset.since))
    if (element.textContent !== text) element.textContent = text
  }
}

/** @param {string} id @param {(id: string) => void} open @param {...any} children */
export const nodeLink = (id, open, ...children) =>
  h(
    'a.node-link',
    {
      href: `?node=${encodeURIComponent(id)}`,
      'data-key': `node-${id}`,
      onclick: (/** @type {any} */ event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return
        event.preventDefault()
        open(id)
      }
    },
    ...children
  )

/** Names often begin with the tier already: «ДУ Садовая 5». @param {any} node */
const named = node =>
  node.name.startsWith(`${t(`tier.${node.tier}`)} `) ? node.name : `${tierOf(node)} · ${node.name}`
/** @param {any} node */
const tierOf = node => t(`tier.${node.tier}`)

/** The word of the light; a node cut off by a failure above lost its connection, not only its data. @param {any} node */
export const verdictWord = node =>
  node.effective === 'red' && node.cause.by === 'upstream' ? t('cutOff') : t(`light.${node.effective}`)
/** @param {any} node */
const verdict = node => h(`span.word.${node.effective}`, null, verdictWord(node))

/** @param {any} node */
function causeText(node) {
  const { cause } = node
  if (cause.by === 'none') return t('noCause')
  const kind = t(`kind.${cause.kind}`)
  if (cause.by === 'upstream') return t('upstream', { kind, node: cause.nodeName })
  return cause.by === 'silence' ? t('silence') : kind
}

/**
 * "5 узлов · 12 адресов": a number stays with its word when the line is broken.
 * @param {{ nodes?: number, addresses: number, subscribers: number }} of
 */
export const amounts = of =>
  [
    of.nodes === undefined ? [] : [counted('nodes', of.nodes)],
    counted('addresses', of.addresses),
    counted('subscribers', of.subscribers)
  ]
    .flat()
    .map((text, index) => [index === 0 ? '' : ' · ', h('span.amount', null, text)])

/**
 * "погаснет около 14:20 (14:05–14:40)": when a site on its battery goes dark.
 * @param {any} runway
 */
export const darkAt = runway =>
  runway.likelyMs === null
    ? t('darkUnknown')
    : h(
        'span',
        null,
        t('darkAbout'),
        ' ',
        time(runway.likelyMs),
        ' (',
        time(runway.earliestMs),
        '–',
        time(runway.latestMs),
        ')'
      )

/** @param {any} node @param {(id: string) => void} open */
function battery({ id, runway }, open) {
  if (runway === null) return null
  return fact(
    t('battery'),
    h(
      'span',
      null,
      runway.node === id ? '' : [nodeLink(runway.node, open, runway.nodeName), ': '],
      t('onBatterySince'),
      ' ',
      time(runway.sinceMs),
      ', ',
      darkAt(runway),
      runway.likelyMs === null ? '' : [t('darkThen'), ' ', amounts(runway)]
    )
  )
}

/**
 * @param {any} node  answer of /api/v1/nodes/:id
 * @param {{ address: string | null, understoodAs: string | null, open: (id: string) => void, showHistory: (id: string) => void,
 *   history: any[] | null }} options
 */
export function answerCard(node, { address, understoodAs, open, showHistory, history }) {
  const light = node.effective
  const planned = node.maintenance || node.incidents.some((/** @type {any} */ i) => i.maintenance)
  const incident = node.incidents[0]
  const affected =
    incident === undefined
      ? null
      : amounts({
          nodes: incident.affectedNodes,
          addresses: incident.affectedAddresses,
          subscribers: incident.affectedSubscribers
        })
  const title = address ?? node.name
  return h(
    `article.card.answer.${light}`,
    { 'aria-labelledby': 'answer-title' },
    h(
      'header.verdict',
      null,
      lamp(light, 'big'),
      h(
        'div',
        null,
        h('p.verdict-word', null, verdict(node), planned ? plannedTag() : null),
        h('h1', { id: 'answer-title' }, title),
        h(
          'p.verdict-node',
          null,
          address === null ? tierOf(node) : named(node),
          ' · ',
          h('code', null, node.id)
        )
      )
    ),
    understoodAs === null ? null : h('p.soft.understood', null, t('understoodAs', { address: understoodAs })),
    h('p.says', null, node.says[current()]),
    h(
      'dl.facts',
      null,
      fact(t('since'), since(node.sinceMs)),
      fact(
        t('why'),
        node.cause.by === 'upstream' ? nodeLink(node.cause.node, open, causeText(node)) : causeText(node)
      ),
      fact(affected === null ? t('connected') : t('affected'), affected ?? amounts(node.below)),
      battery(node, open),
      fact(t('planned'), planned ? t('plannedYes') : t('plannedNo'))
    ),
    way(node, open),
    node.alarms.length > 0 ? alarms(node.alarms) : null,
    devices(node.devices),
    children(node, open),
    historyBlock(node, history, showHistory)
  )
}

/** @param {string} name @param {any} value */
const fact = (name, value) => h('div', null, h('dt', null, name), h('dd', null, value))

/** @param {any} node @param {(id: string) => void} open */
function way(node, open) {
  if (node.wayToCore.length === 0) return null
  const steps = [...node.wayToCore].reverse()
  return h(
    'section',
    null,
    h('h2', null, t('way')),
    h(
      'ol.way',
      null,
      steps.map(step =>
        h(
          `li.${step.effective}`,
          null,
          lamp(step.effective),
          nodeLink(step.id, open, h('span.step-name', null, step.name)),
          h('span.step-light', null, t(`light.${step.effective}`))
        )
      ),
      h(
        `li.here.${node.effective}`,
        { 'aria-current': 'true' },
        lamp(node.effective),
        h('span.step-name', null, node.name),
        h('span.step-light', null, t('thisNode'))
      )
    )
  )
}

/** @param {any[]} list */
function alarms(list) {
  return h(
    'section',
    null,
    h('h2', null, t('alarms')),
    h(
      'ul.alarms',
      null,
      list.map(alarm => {
        const { evidence } = alarm
        const light = alarm.severity === 'critical' || alarm.severity === 'major' ? 'red' : 'yellow'
        const value = evidence.valueName ?? `${number(evidence.value)} ${evidence.unit}`.trim()
        const limit = evidence.limit === null ? '' : ` (${t('limit', { limit: number(evidence.limit) })})`
        return h(
          'li',
          null,
          lamp(light),
          h(
            'div',
            null,
            h('p.alarm-text', null, alarm.text[current()]),
            h(
              'p.soft',
              null,
              `${t(`severity.${alarm.severity}`)} · `,
              time(alarm.raisedAtMs),
              ' · ',
              passed(alarm.raisedAtMs),
              ' · ',
              h('code', null, alarm.resource)
            ),
            h(
              'details',
              { 'data-key': `alarm-${alarm.id}` },
              h('summary', null, t('evidence')),
              h(
                'dl.evidence',
                null,
                fact(t('rule'), h('code', null, evidence.rule)),
                alarm.runbook === null
                  ? null
                  : fact(t('runbook'), h('a', { href: alarm.runbook }, alarm.runbook)),
                fact(t('signal'), h('code', null, evidence.signal)),
                fact(t('value'), value + limit),
                fact(t('eventTime'), time(evidence.eventTimeMs, true)),
                fact(
                  t('record'),
                  evidence.coordinates === null ? t('noRecord') : t('recordOf', evidence.coordinates)
                )
              )
            )
          )
        )
      })
    )
  )
}

/** @param {any[]} list */
function devices(list) {
  if (list.length === 0) return null
  return h(
    'section',
    null,
    h('h2', null, t('devices')),
    h(
      'ul.devices',
      null,
      list.map(device =>
        h(
          'li',
          null,
          h('span.device-name', null, `${device.vendor} ${device.model}`),
          h('code', null, device.id),
          h(
            'span.soft',
            null,
            device.silent ? h('strong.silent', null, t('silent'), ' · ') : null,
            device.clockOffsetMs === null
              ? null
              : t(device.clockOffsetMs > 0 ? 'clockAhead' : 'clockBehind', {
                  by: duration(Math.abs(device.clockOffsetMs))
                }) + ' · ',
            device.lastSeenMs === null
              ? t('never')
              : t('lastSeen')
                  .split('{ago}')
                  .flatMap((/** @type {string} */ part, /** @type {number} */ at) =>
                    at === 0 ? part : [passed(device.lastSeenMs), part]
                  )
          )
        )
      )
    )
  )
}

const childrenShownMax = 60

/** @param {any} node @param {(id: string) => void} open */
function children(node, open) {
  if (node.children.length === 0) return null
  const worst = { red: 0, grey: 1, yellow: 2, green: 3 }
  const sorted = [...node.children].sort(
    (a, b) =>
      worst[/** @type {keyof typeof worst} */ (a.effective)] -
      worst[/** @type {keyof typeof worst} */ (b.effective)]
  )
  const rest = node.childrenTotal - Math.min(sorted.length, childrenShownMax)
  return h(
    'section',
    null,
    h('h2', null, t('children'), ' ', h('span.count', null, number(node.childrenTotal))),
    h(
      'ul.children',
      null,
      sorted
        .slice(0, childrenShownMax)
        .map(child =>
          h('li', null, nodeLink(child.id, open, lamp(child.effective), h('span', null, child.name)))
        ),
      rest > 0 ? h('li.soft', null, t('more', { n: number(rest) })) : null
    )
  )
}

/** @param {any} node @param {any[] | null} history @param {(id: string) => void} showHistory */
function historyBlock(node, history, showHistory) {
  if (history === null) {
    return h(
      'p.history-button',
      null,
      h(
        'button.quiet',
        { type: 'button', 'data-key': 'history', onclick: () => showHistory(node.id) },
        t('historyShow')
      )
    )
  }
  return h(
    'section',
    null,
    h('h2', null, t('history')),
    history.length === 0
      ? h('p.soft', null, t('historyEmpty'))
      : h(
          'ol.history',
          null,
          history.map(entry => h('li', null, time(entry.atMs, true), h('span', null, historyText(entry))))
        )
  )
}

/** @param {any} entry */
function historyText({ kind, data }) {
  const change = t('historyChange')[data.change] ?? ''
  if (kind === 'light') {
    const light = data.to ?? data.effective ?? data.light
    return ['green', 'yellow', 'red', 'grey'].includes(light)
      ? [lamp(light, 'small'), ' ', word(light)]
      : String(light)
  }
  if (kind === 'alarm') return `${t('historyAlarm')} ${data.type ?? data.rule ?? ''} ${change}`
  return `${t('historyIncident')}: ${t('kind')[data.kind] ?? data.kind ?? ''} ${change}`
}

/** @param {any} summary  answer of /api/v1/summary */
export function overviewCard(summary) {
  const order = /** @type {const} */ (['red', 'grey', 'yellow', 'green'])
  return h(
    'article.card.overview',
    { 'aria-labelledby': 'overview-title' },
    h(
      'header.overview-head',
      null,
      h('h1', { id: 'overview-title' }, t('overview')),
      h('p.soft', null, counted('overviewNodes', summary.nodes))
    ),
    h(
      'ul.tiles',
      null,
      order.map(light =>
        h(
          `li.tile.${light}${summary.lights[light] === 0 ? '.none' : ''}`,
          null,
          lamp(light, 'medium'),
          h('strong', null, number(summary.lights[light])),
          h('span', null, t(`light.${light}`))
        )
      )
    ),
    h(
      'table.tiers',
      null,
      h(
        'thead',
        null,
        h(
          'tr',
          null,
          h('td'),
          order.map(light =>
            h('th', { scope: 'col' }, lamp(light), h('span.hidden', null, t(`light.${light}`)))
          )
        )
      ),
      h(
        'tbody',
        null,
        summary.tiers.map((/** @type {any} */ tier) =>
          h(
            'tr',
            null,
            h('th', { scope: 'row' }, t(`tierLong.${tier.tier}`)),
            order.map(light =>
              h(`td${tier.lights[light] === 0 ? '.zero' : `.${light}`}`, null, number(tier.lights[light]))
            )
          )
        )
      )
    )
  )
}

/**
 * @param {{ candidates: any[], outcome?: string, streets?: string[] }} problem
 * @param {(match: any) => void} choose
 */
export function candidatesCard({ candidates: list, outcome = 'list', streets = [] }, choose) {
  const named = streets.join('; ')
  if (list.length === 0) {
    const isNear = outcome === 'no-street' && streets.length > 0
    return messageCard(t('notFound'), isNear ? t('noStreetText', { streets: named }) : t('notFoundText'))
  }
  const text =
    outcome === 'no-house'
      ? t('noHouseText', { streets: named })
      : outcome === 'no-street'
        ? t('noStreetText', { streets: named })
        : t('chooseText')
  return h(
    'article.card',
    { 'aria-labelledby': 'candidates-title' },
    h('h1', { id: 'candidates-title' }, t('choose')),
    h('p.soft', null, text),
    h(
      'ul.candidates',
      null,
      list.map((match, index) =>
        h(
          'li',
          null,
          h(
            'button',
            { type: 'button', 'data-key': `candidate-${index}`, onclick: () => choose(match) },
            lamp(match.light),
            ' ',
            match.address
          )
        )
      )
    )
  )
}

/** @param {string} title @param {string} text */
export const messageCard = (title, text) =>
  h('article.card', null, h('h1', null, title), h('p.soft', null, text))
