// @ts-check
/** The operator page: puts the parts together. The address in the bar (?address=, ?node=) is the whole state. */
import { createAddressBox } from './address-box.js'
import { Refused, follow, get, onTokenNeeded, setToken } from './api.js'
import {
  answerCard,
  candidatesCard,
  incidentList,
  messageCard,
  overviewCard,
  tick,
  verdictWord
} from './card.js'
import { byId, h } from './dom.js'
import { showFreshness, showLost, showNotice } from './notice.js'
import { createModel, createTreeView } from './tree.js'
import { choose, current, number, t } from './words.js'

const input = byId('address')
const answer = byId('answer')

/** @type {{ kind: 'overview' } | { kind: 'node', id: string, address: string | null, node: any, history: any[] | null }
 *   | { kind: 'candidates', query: string, list: any[] } | { kind: 'message', title: string, text: string }} */
let shown = { kind: 'overview' }
/** @type {any} */
let summary = null
/** @type {Map<string, any>} */
let incidents = new Map()
let lastEventMs = 0
let live = false
/** Rises with every look-up, so that a late answer never replaces a newer one. */
let question = 0

const model = createModel()
const treeView = createTreeView({
  tree: byId('tree'),
  space: byId('tree-space'),
  empty: byId('tree-empty'),
  model,
  onOpen: id => void openNode(id),
  loadChildren: async id => {
    try {
      model.loadChildren(await get(`api/v1/nodes/${encodeURIComponent(id)}`))
    } catch {
      // The branch stays closed in effect; the banner already says that the connection is lost.
    }
  }
})

/* ---------- the card ---------- */

function draw() {
  const key = document.activeElement?.getAttribute('data-key')
  const inCard = answer.contains(document.activeElement)
  const opened = [...answer.querySelectorAll('details[open]')].map(details => details.dataset.key)
  answer.replaceChildren(card())
  for (const details of answer.querySelectorAll('details'))
    details.open = opened.includes(details.dataset.key)
  if (inCard && key) {
    const again = [...answer.querySelectorAll('[data-key]')].find(element => element.dataset.key === key)
    again?.focus({ preventScroll: true })
  }
  say()
  document.title = shown.kind === 'node' ? `${shown.address ?? shown.node.name} · ${t('name')}` : t('name')
}

/** Tells those who listen: the answer once, and again only when it becomes another. */
function say() {
  const text =
    shown.kind === 'node'
      ? `${shown.address ?? shown.node.name}: ${verdictWord(shown.node)}. ${shown.node.says[current()]}`
      : shown.kind === 'candidates'
        ? t(shown.list.length === 0 ? 'notFound' : 'choose')
        : ''
  if (byId('say').textContent !== text) byId('say').textContent = text
}

/** Whether somebody is marking text of the card, perhaps to copy it. */
function marking() {
  const selection = window.getSelection()
  return selection !== null && !selection.isCollapsed && answer.contains(selection.anchorNode)
}

function card() {
  switch (shown.kind) {
    case 'overview':
      return summary === null ? h('p.soft', null, t('loading')) : overviewCard(summary)
    case 'node':
      return answerCard(shown.node, {
        ...{ address: shown.address, understoodAs: shown.understoodAs ?? null },
        history: shown.history,
        open: id => void openNode(id),
        showHistory: id => void showHistory(id)
      })
    case 'candidates':
      return candidatesCard(shown.problem, match => void openNode(match.nodeId, match.address))
    case 'message':
      return messageCard(shown.title, shown.text)
  }
}

/** @param {any} error */
const isStarting = error => error instanceof Refused && error.problem.type === '/problems/starting'

/** @param {any} error */
function showError(error) {
  const detail = error instanceof Refused ? error.message : String(error.message ?? error)
  if (isStarting(error)) shown = { kind: 'message', title: t('loading'), text: t('starting') }
  else shown = { kind: 'message', title: t('failed', { detail: '' }).replace(/: ?$/, ''), text: detail }
  draw()
}

/** @param {string} query  of the address bar @param {boolean} push */
function navigate(query, push) {
  if (push && location.search !== query) history.pushState(null, '', query === '' ? location.pathname : query)
}

/** @param {string} id @param {string | null} [address] @param {boolean} [push] */
async function openNode(id, address = null, push = true) {
  const mine = ++question
  box.close()
  try {
    const node = await get(`api/v1/nodes/${encodeURIComponent(id)}`)
    if (mine !== question) return
    shown = { kind: 'node', id, address, node, history: null }
    navigate(
      address === null ? `?node=${encodeURIComponent(id)}` : `?address=${encodeURIComponent(address)}`,
      push
    )
    if (address !== null) input.value = address
    treeView.select(id)
    draw()
    if (window.innerWidth < 900) answer.scrollIntoView({ block: 'nearest' })
  } catch (error) {
    if (mine === question) showError(error)
  }
}

/** @param {string} query @param {boolean} [push] */
async function lookUp(query, push = true) {
  const mine = ++question
  box.close()
  if (query.trim() === '') return goHome(push)
  try {
    const { node, match, understoodAs } = await get('api/v1/status', { address: query, limit: 10 })
    if (mine !== question) return
    shown = { kind: 'node', id: node.id, address: match.address, understoodAs, node, history: null }
    treeView.select(node.id)
  } catch (error) {
    if (mine !== question) return
    if (!(error instanceof Refused) || error.problem.candidates === undefined) return showError(error)
    shown = { kind: 'candidates', query, list: error.problem.candidates, problem: error.problem }
  }
  navigate(`?address=${encodeURIComponent(query)}`, push)
  draw()
  // The next caller is already on the line: typing replaces the old address.
  if (document.activeElement === input) input.select()
}

function goHome(push = true) {
  question++
  shown = { kind: 'overview' }
  input.value = ''
  navigate('', push)
  treeView.select('')
  draw()
}

/** @param {string} id */
async function showHistory(id) {
  try {
    const { items } = await get(`api/v1/nodes/${encodeURIComponent(id)}/history`, { limit: 100 })
    if (shown.kind !== 'node' || shown.id !== id) return
    shown = { ...shown, history: items }
    draw()
  } catch (error) {
    if (error instanceof Refused && shown.kind === 'node') showNotice(t('failed', { detail: error.message }))
  }
}

function fromLocation() {
  const query = new URLSearchParams(location.search)
  const address = query.get('address')
  const node = query.get('node')
  input.value = address ?? ''
  if (address !== null) void lookUp(address, false)
  else if (node !== null) void openNode(node, null, false)
  else goHome(false)
}

/* ---------- the address box ---------- */

const box = createAddressBox({
  form: byId('ask'),
  input,
  list: byId('suggestions'),
  open: (id, address) => openNode(id, address),
  lookUp: query => void lookUp(query),
  intoCandidates: () => answer.querySelector('.candidates button')?.focus(),
  leave: () => goHome()
})
answer.addEventListener('keydown', (/** @type {any} */ event) => {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return
  const buttons = [...answer.querySelectorAll('.candidates button')]
  const at = buttons.indexOf(event.target)
  if (at < 0) return
  event.preventDefault()
  const next = at + (event.key === 'ArrowDown' ? 1 : -1)
  if (next < 0) input.focus()
  else buttons[Math.min(next, buttons.length - 1)]?.focus()
})

/* ---------- live data ---------- */

function drawIncidents() {
  const open = [...incidents.values()].sort(
    (a, b) =>
      Number(a.maintenance) - Number(b.maintenance) ||
      b.affectedSubscribers - a.affectedSubscribers ||
      b.affectedNodes - a.affectedNodes ||
      a.openedAtMs - b.openedAtMs
  )
  byId('incidents-count').textContent = open.length === 0 ? '' : number(open.length)
  const focused = document.activeElement?.getAttribute('data-key')
  const inside = byId('incidents').contains(document.activeElement)
  byId('incidents').replaceChildren(incidentList(open.slice(0, 100), id => void openNode(id)))
  if (inside && focused) {
    const again = [...byId('incidents').querySelectorAll('[data-key]')].find(e => e.dataset.key === focused)
    again?.focus({ preventScroll: true })
  }
}

function drawPulse() {
  const pulse = byId('pulse')
  pulse.classList.toggle('live', live)
  pulse.textContent = live ? t('live') : t('connecting')
}

/**
 * Calls `work` at once and then at most every `everyMs`, however often it is asked.
 * @param {() => Promise<unknown>} work
 * @param {number} everyMs
 */
function atMost(work, everyMs) {
  /** @type {any} */
  let timer
  let again = false
  const run = () => {
    if (timer !== undefined) {
      again = true
      return
    }
    void work()
    timer = setTimeout(() => {
      timer = undefined
      if (again) {
        again = false
        run()
      }
    }, everyMs)
  }
  return run
}

const refreshSummary = atMost(async () => {
  try {
    summary = await get('api/v1/summary')
    showFreshness(summary)
    if (shown.kind === 'overview') draw()
  } catch {
    // The next event asks again; the banner tells of a lost connection.
  }
}, 1000)

const refreshNode = atMost(async () => {
  if (shown.kind !== 'node') return
  const { id } = shown
  const mine = question
  try {
    const node = await get(`api/v1/nodes/${encodeURIComponent(id)}`)
    if (mine !== question || shown.kind !== 'node') return
    shown = { ...shown, node }
    if (marking()) refreshNode()
    else draw()
  } catch (error) {
    if (error instanceof Refused && mine === question) showError(error)
  }
}, 1000)

/** Whether a change at this node may change the answer that is shown. @param {string} nodeId */
function concernsShown(nodeId) {
  if (shown.kind !== 'node') return false
  const { node } = shown
  return (
    nodeId === shown.id ||
    nodeId === node.cause.node ||
    node.wayToCore.some((/** @type {any} */ step) => step.id === nodeId) ||
    node.children.some((/** @type {any} */ child) => child.id === nodeId)
  )
}

let eventId = ''
/** Changes that come while the tree is on its way; they are applied to it when it is here. @type {any[] | null} */
let waiting = null

async function loadAll() {
  waiting = []
  try {
    const [tree, open] = await Promise.all([
      get('api/v1/tree'),
      get('api/v1/incidents', { open: true, limit: 500 })
    ])
    const first = model.size() === 0
    model.load(tree)
    eventId = tree.eventId
    incidents = new Map(open.items.map((/** @type {any} */ incident) => [incident.id, incident]))
    const missed = waiting ?? []
    waiting = null
    for (const [type, data] of missed) apply(type, data)
    if (first) treeView.expandTop()
    if (shown.kind === 'node') treeView.select(shown.id)
    treeView.refresh()
    drawIncidents()
    refreshSummary()
    refreshNode()
  } finally {
    waiting = null
  }
}

/** @param {string} type @param {any} data */
function apply(type, data) {
  if (type === 'light') {
    for (const change of data) model.apply(change)
    treeView.refresh()
    refreshSummary()
    if (data.some((/** @type {any} */ change) => concernsShown(change.node))) refreshNode()
  } else if (type === 'incident') {
    for (const { incident } of data) {
      if (incident.closedAtMs === null) incidents.set(incident.id, incident)
      else incidents.delete(incident.id)
    }
    drawIncidents()
    refreshSummary()
    if (data.some((/** @type {any} */ change) => concernsShown(change.incident.root))) refreshNode()
  } else if (type === 'alarm') {
    if (data.some((/** @type {any} */ change) => concernsShown(change.alarm.node))) refreshNode()
  }
}

/** @param {string} type @param {any} data */
function onEvent(type, data) {
  lastEventMs = Date.now()
  showFreshness(data)
  if (type === 'resync' || type === 'reload') {
    if (waiting === null) reloadAll()
    return
  }
  if (waiting !== null) waiting.push([type, data])
  else apply(type, data)
}

const reloadAll = atMost(() => loadAll().catch(() => undefined), 2000)

/** @param {boolean} up */
function onState(up) {
  if (up !== live) {
    live = up
    drawPulse()
  }
  showLost(up ? 0 : lastEventMs)
}

async function start() {
  for (let tries = 0; ; tries++) {
    try {
      await loadAll()
      break
    } catch (error) {
      const starting = isStarting(error)
      showNotice(starting ? t('starting') : t('failed', { detail: /** @type {Error} */ (error).message }))
      await new Promise(resolve => setTimeout(resolve, starting ? 1000 : Math.min(10_000, 500 * 2 ** tries)))
    }
  }
  showNotice('')
  // What was asked for while the server was not there yet is asked again.
  if (shown.kind === 'message') fromLocation()
  await follow({ after: () => eventId, onEvent, onState })
}

/* ---------- words, keys, dialogs ---------- */

function drawWords() {
  document.documentElement.lang = current()
  for (const element of document.querySelectorAll('[data-t]')) {
    element.textContent = t(element.getAttribute('data-t') ?? '')
  }
  for (const element of document.querySelectorAll('[data-t-label]')) {
    element.setAttribute('aria-label', t(element.getAttribute('data-t-label') ?? ''))
  }
  input.placeholder = t(window.innerWidth < 620 ? 'askPlaceholderShort' : 'askPlaceholder')
  byId('language').textContent = t('other')
  byId('language').lang = current() === 'ru' ? 'en' : 'ru'
  byId('help-body').replaceChildren(
    h(
      'dl.keys',
      null,
      t('keys').map((/** @type {string[]} */ [key, what]) =>
        h('div', null, h('dt', null, h('kbd', null, key)), h('dd', null, what))
      )
    )
  )
  drawPulse()
  drawIncidents()
  treeView.refresh()
  draw()
}

function switchLanguage() {
  choose(current() === 'ru' ? 'en' : 'ru')
  drawWords()
}

function toggleTrouble() {
  const button = byId('only-trouble')
  const on = button.getAttribute('aria-pressed') !== 'true'
  button.setAttribute('aria-pressed', String(on))
  treeView.setOnlyTrouble(on)
}

byId('language').addEventListener('click', switchLanguage)
byId('only-trouble').addEventListener('click', toggleTrouble)
byId('help-button').addEventListener('click', () => byId('help').showModal())
byId('home').addEventListener('click', (/** @type {any} */ event) => {
  event.preventDefault()
  goHome()
  input.focus()
})
window.addEventListener('popstate', fromLocation)

document.addEventListener('keydown', (/** @type {any} */ event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId('help').open || byId('token-dialog').open) return
  const inField = event.target instanceof HTMLElement && event.target.matches('input')
  if (event.key === 'Escape') {
    goHome()
    input.focus()
    return
  }
  if (inField) return
  // By place on the keyboard, so that the Russian layout needs no switching.
  /** @type {Record<string, () => void>} */
  const keys = {
    Slash: () => {
      input.focus()
      input.select()
    },
    KeyI: () => (byId('incidents').querySelector('a') ?? byId('incidents')).focus(),
    KeyT: () => byId('tree').focus(),
    KeyF: toggleTrouble,
    KeyL: switchLanguage
  }
  const act =
    event.key === '?' || (event.code === 'Slash' && event.shiftKey)
      ? () => byId('help').showModal()
      : keys[event.code]
  if (act === undefined || (event.shiftKey && event.code !== 'Slash' && event.key !== '?')) return
  event.preventDefault()
  act()
})

let tokenTries = 0
onTokenNeeded(
  () =>
    new Promise(resolve => {
      const dialog = byId('token-dialog')
      byId('token-wrong').hidden = tokenTries++ === 0
      dialog.showModal()
      byId('token-form').addEventListener(
        'submit',
        (/** @type {any} */ event) => {
          event.preventDefault()
          setToken(byId('token').value.trim(), byId('token-keep').checked)
          byId('token').value = ''
          dialog.close()
          resolve(undefined)
        },
        { once: true }
      )
    })
)
// Without a token there is nothing to see: Escape must not leave an empty page.
byId('token-dialog').addEventListener('cancel', (/** @type {any} */ event) => event.preventDefault())

setInterval(() => tick(document), 1000)
drawWords()
fromLocation()
void start()
