// @ts-check
/** The panel of open incidents: the heaviest first, filtered and paged by the server. */
import { get } from './api.js'
import { amounts, darkAt, nodeLink, passed, plannedTag, time } from './card.js'
import { byId, h, lamp } from './dom.js'
import { number, t } from './words.js'

const pageItems = 100
const pageItemsMax = 1000
const kinds = ['power', 'link', 'optics', 'device', 'collector', 'ingest', 'unknown']
const tiers = ['core', 'district', 'area', 'campus', 'building']

/** @param {{ open: (id: string) => void }} options */
export function createIncidentPanel({ open }) {
  const list = byId('incidents')
  /** @type {Record<string, any>} */
  const filters = { kind: byId('filter-kind'), tier: byId('filter-tier'), under: byId('filter-district') }
  /** @type {any[]} */
  let shown = []
  let total = -1
  /** All that are open, also those that the filter leaves out. */
  let openTotal = 0
  /** @type {string | null} */
  let next = null
  /** Rises with each change of the filter, so that a late answer never replaces a newer one. */
  let question = 0
  /** @type {any[]} */
  let districts = []
  /** Rows as they were drawn, by what they show: what stays the same is not made anew. @type {Map<string, any>} */
  let drawn = new Map()

  /** @returns {Record<string, string>} */
  const asked = () =>
    Object.fromEntries(
      Object.entries(filters)
        .map(([name, select]) => [name, select.value])
        .filter(([, value]) => value !== '')
    )
  const isFiltered = () => Object.keys(asked()).length > 0

  /** @param {any} incident */
  const row = incident =>
    h(
      `li.${incident.light}`,
      null,
      nodeLink(
        incident.root,
        open,
        lamp(incident.light),
        h(
          'span.incident-body',
          null,
          h('span.incident-name', null, incident.rootName, incident.maintenance ? plannedTag() : null),
          h(
            'span.soft',
            null,
            `${t(`kind.${incident.kind}`)} · `,
            time(incident.openedAtMs),
            ' · ',
            passed(incident.openedAtMs)
          ),
          h(
            'span.soft',
            null,
            amounts({ addresses: incident.affectedAddresses, subscribers: incident.affectedSubscribers })
          ),
          incident.runway === null
            ? null
            : h('span.soft', null, `${incident.runway.nodeName}: `, darkAt(incident.runway))
        )
      )
    )

  function drawCount() {
    const count = isFiltered() ? `${number(Math.max(0, total))} / ${number(openTotal)}` : number(openTotal)
    byId('incidents-count').textContent = openTotal === 0 && !isFiltered() ? '' : count
    byId('incident-filters').hidden = openTotal === 0 && !isFiltered()
  }

  function draw() {
    drawCount()
    if (total === -1) return
    const focused = document.activeElement?.getAttribute('data-key')
    const inside = list.contains(document.activeElement)
    const before = drawn
    drawn = new Map()
    for (const incident of shown) {
      const key = JSON.stringify([t('name'), incident])
      drawn.set(key, before.get(key) ?? row(incident))
    }
    const more =
      next === null
        ? null
        : h(
            'button.quiet.more',
            { type: 'button', 'data-key': 'more', onclick: () => void loadMore() },
            t('more', { n: number(total - shown.length) })
          )
    if (shown.length === 0)
      list.replaceChildren(
        h('p.calm', null, lamp('green'), t(isFiltered() ? 'noSuchIncidents' : 'noIncidents'))
      )
    else list.replaceChildren(h('ul.incidents', null, [...drawn.values()]), ...(more === null ? [] : [more]))
    if (inside && focused) {
      const again = [...list.querySelectorAll('[data-key]')].find(e => e.dataset.key === focused)
      again?.focus({ preventScroll: true })
    }
  }

  /** Asks anew for as many as are shown. */
  async function refresh() {
    const mine = question
    const limit = Math.min(pageItemsMax, Math.max(pageItems, shown.length))
    const page = await get('api/v1/incidents', { open: true, ...asked(), limit })
    if (mine !== question) return page
    shown = page.items
    total = page.total
    next = page.next
    if (!isFiltered()) openTotal = total
    draw()
    return page
  }

  async function loadMore() {
    if (next === null) return
    const mine = question
    const page = await get('api/v1/incidents', { open: true, ...asked(), limit: pageItems, after: next })
    if (mine !== question) return
    const known = new Set(shown.map(incident => incident.id))
    shown = [...shown, ...page.items.filter((/** @type {any} */ incident) => !known.has(incident.id))]
    total = page.total
    next = page.next
    draw()
  }

  function drawFilters() {
    /** @param {string} name @param {{ value: string, text: string }[]} choices */
    const fill = (name, choices) => {
      const select = filters[name]
      const { value } = select
      const all = { value: '', text: t(`filter.${name}`) }
      select.replaceChildren(
        ...[all, ...choices].map(choice => h('option', { value: choice.value }, choice.text))
      )
      select.value = [...select.options].some((/** @type {any} */ option) => option.value === value)
        ? value
        : ''
    }
    fill(
      'kind',
      kinds.map(kind => ({ value: kind, text: t(`kind.${kind}`) }))
    )
    fill(
      'tier',
      tiers.map(tier => ({ value: tier, text: t(`tierLong.${tier}`) }))
    )
    fill(
      'under',
      districts.map(({ id, name }) => ({ value: id, text: name }))
    )
  }
  for (const select of Object.values(filters))
    select.addEventListener('change', () => {
      question++
      shown = []
      next = null
      refresh().catch(() => undefined)
    })

  return {
    refresh,
    /** @param {number} count  of all open incidents */
    setOpen(count) {
      openTotal = count
      drawCount()
    },
    async loadDistricts() {
      const page = await get('api/v1/nodes', { tier: 'district', limit: 500 })
      districts = page.items
      drawFilters()
    },
    drawWords() {
      drawFilters()
      draw()
    },
    focus: () => (list.querySelector('a') ?? list).focus()
  }
}
