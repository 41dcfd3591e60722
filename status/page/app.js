// @ts-check
/** The operator page: puts the parts together. The address in the bar (?address=, ?node=) is the whole state. */
import { createAddressBox } from './address-box.js'
import { follow, get, onTokenNeeded, setToken } from './api.js'
import { tick } from './card.js'
import { byId, h } from './dom.js'
import { createIncidentPanel } from './incidents.js'
import { listenToKeys } from './keys.js'
import { showFreshness, showLost, showNotice } from './notice.js'
import { atMost } from './pace.js'
import { createPane, isStarting } from './pane.js'
import { createModel } from './tree-model.js'
import { createTreeView } from './tree.js'
import { choose, current, t } from './words.js'

const input = byId('address')
const answer = byId('answer')
let lastEventMs = 0
let live = false

const model = createModel(query => get('api/v1/nodes', query))
const treeView = createTreeView({
  tree: byId('tree'),
  space: byId('tree-space'),
  empty: byId('tree-empty'),
  model,
  onOpen: id => void pane.openNode(id)
})
const incidents = createIncidentPanel({ open: id => void pane.openNode(id) })
const pane = createPane({
  input,
  answer,
  select: id => void treeView.select(id),
  closeBox: () => box.close()
})

/* ---------- the address box ---------- */

const box = createAddressBox({
  form: byId('ask'),
  input,
  list: byId('suggestions'),
  open: (id, address) => pane.openNode(id, address),
  lookUp: query => void pane.lookUp(query),
  intoCandidates: () => answer.querySelector('.candidates button')?.focus(),
  leave: () => pane.goHome()
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

function drawPulse() {
  const pulse = byId('pulse')
  pulse.classList.toggle('live', live)
  pulse.textContent = live ? t('live') : t('connecting')
}

const refreshSummary = atMost(async () => {
  try {
    const summary = await get('api/v1/summary')
    showFreshness(summary)
    pane.setSummary(summary)
    incidents.setOpen(summary.openIncidents)
    exampleAddress = summary.exampleAddress ?? ''
    drawPlaceholder()
  } catch {
    // The next event asks again; the banner tells of a lost connection.
  }
}, 1000)
// What fails is asked for again with the next event.
const refreshIncidents = atMost(() => incidents.refresh().catch(() => undefined), 1000)

/** The stream is followed from here on. */
let eventId = ''

/** Asks for everything that is shown. Changes that come meanwhile are applied as they come: what they touch is asked for again. */
async function loadAll() {
  model.age()
  const first = await get('api/v1/nodes', { top: true, limit: 1 })
  await Promise.all([treeView.begin(), incidents.refresh(), incidents.loadDistricts()])
  eventId = first.eventId
  const shown = pane.shownNode()
  if (shown !== '') void treeView.select(shown)
  refreshSummary()
  pane.refreshNode()
}

/** @param {string} type @param {any} data */
function onEvent(type, data) {
  lastEventMs = Date.now()
  showFreshness(data)
  /** @param {(change: any) => string} nodeOf */
  const concerns = nodeOf => data.some((/** @type {any} */ change) => pane.concernsShown(nodeOf(change)))
  if (type === 'resync' || type === 'reload') reloadAll()
  else if (type === 'light') {
    for (const change of data) model.apply(change)
    treeView.refresh()
    refreshSummary()
    if (concerns(change => change.node)) pane.refreshNode()
  } else if (type === 'incident') {
    refreshIncidents()
    refreshSummary()
    if (concerns(change => change.incident.root)) pane.refreshNode()
  } else if (type === 'alarm' && concerns(change => change.alarm.node)) pane.refreshNode()
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
  pane.askAgain()
  await follow({ after: () => eventId, onEvent, onState })
}

/* ---------- words, keys, dialogs ---------- */

/** An address of this network, as soon as one is known. */
let exampleAddress = ''

function drawPlaceholder() {
  const isShort = window.innerWidth < 620 || exampleAddress === ''
  input.placeholder = isShort ? t('askPlaceholderShort') : t('askPlaceholder', { address: exampleAddress })
}

function drawWords() {
  document.documentElement.lang = current()
  for (const element of document.querySelectorAll('[data-t]')) {
    element.textContent = t(element.getAttribute('data-t') ?? '')
  }
  for (const element of document.querySelectorAll('[data-t-label]')) {
    element.setAttribute('aria-label', t(element.getAttribute('data-t-label') ?? ''))
  }
  drawPlaceholder()
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
  incidents.drawWords()
  treeView.refresh()
  pane.draw()
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
  pane.goHome()
  input.focus()
})
window.addEventListener('popstate', () => pane.fromLocation())

listenToKeys({
  input,
  home: () => pane.goHome(),
  toIncidents: incidents.focus,
  onlyTrouble: toggleTrouble,
  language: switchLanguage
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
pane.fromLocation()
void start()
