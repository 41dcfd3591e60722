// @ts-check
/** The middle of the page: the answer that is shown, asked for, kept up to date. The address in the bar is its whole state. */
import { Refused, get } from './api.js'
import { answerCard, candidatesCard, messageCard, overviewCard, verdictWord } from './card.js'
import { byId, h } from './dom.js'
import { showNotice } from './notice.js'
import { atMost } from './pace.js'
import { current, t } from './words.js'

/** @param {any} error */
export const isStarting = error => error instanceof Refused && error.problem.type === '/problems/starting'

/**
 * @param {{ input: any, answer: any, select: (id: string) => void, closeBox: () => void }} options
 *   `select`: shows a node in the tree, or none
 */
export function createPane({ input, answer, select, closeBox }) {
  /** @type {any} */
  let shown = { kind: 'overview' }
  /** @type {any} */
  let summary = null
  /** Rises with every look-up, so that a late answer never replaces a newer one. */
  let question = 0

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
  function showError(error) {
    const detail = error instanceof Refused ? error.message : String(error.message ?? error)
    if (isStarting(error)) shown = { kind: 'message', title: t('loading'), text: t('starting') }
    else shown = { kind: 'message', title: t('failed', { detail: '' }).replace(/: ?$/, ''), text: detail }
    draw()
  }

  /** @param {string} query  of the address bar @param {boolean} push */
  function navigate(query, push) {
    if (push && location.search !== query)
      history.pushState(null, '', query === '' ? location.pathname : query)
  }

  /** @param {string} id @param {string | null} [address] @param {boolean} [push] */
  async function openNode(id, address = null, push = true) {
    const mine = ++question
    closeBox()
    try {
      const node = await get(`api/v1/nodes/${encodeURIComponent(id)}`)
      if (mine !== question) return
      shown = { kind: 'node', id, address, node, history: null }
      navigate(
        address === null ? `?node=${encodeURIComponent(id)}` : `?address=${encodeURIComponent(address)}`,
        push
      )
      if (address !== null) input.value = address
      select(id)
      draw()
      if (window.innerWidth < 900) answer.scrollIntoView({ block: 'nearest' })
    } catch (error) {
      if (mine === question) showError(error)
    }
  }

  /** @param {string} query @param {boolean} [push] */
  async function lookUp(query, push = true) {
    const mine = ++question
    closeBox()
    if (query.trim() === '') return goHome(push)
    try {
      const { node, match, understoodAs } = await get('api/v1/status', { address: query, limit: 10 })
      if (mine !== question) return
      shown = { kind: 'node', id: node.id, address: match.address, understoodAs, node, history: null }
      select(node.id)
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
    select('')
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
      if (error instanceof Refused && shown.kind === 'node')
        showNotice(t('failed', { detail: error.message }))
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
      // Only the worst of many children are listed, and any of the others may be one of them now.
      node.childrenTotal > node.children.length ||
      node.children.some((/** @type {any} */ child) => child.id === nodeId)
    )
  }

  return {
    draw,
    openNode,
    lookUp,
    goHome,
    fromLocation,
    refreshNode,
    concernsShown,
    /** @param {any} next  answer of /api/v1/summary */
    setSummary(next) {
      summary = next
      if (shown.kind === 'overview') draw()
    },
    /** Asks again for what was asked while the server was not there yet. */
    askAgain() {
      if (shown.kind === 'message') fromLocation()
    },
    shownNode: () => (shown.kind === 'node' ? shown.id : '')
  }
}
