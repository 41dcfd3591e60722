// @ts-check
/** The box for the address: what is typed, and the addresses offered for it. */
import { get } from './api.js'
import { h, lamp } from './dom.js'
import { t } from './words.js'

/**
 * @param {{
 *   form: any, input: any, list: any,
 *   open: (nodeId: string, address: string) => Promise<unknown>,
 *   lookUp: (query: string) => void,
 *   intoCandidates: () => void,
 *   leave: () => void
 * }} options  what is done with a choice, with text that was not chosen, and by the keys that leave the box
 */
export function createAddressBox({ form, input, list, open, lookUp, intoCandidates, leave }) {
  /** @type {any[]} */
  let offered = []
  let selected = -1
  /** @type {any} */
  let typing
  /** @type {any} */
  let asked

  function close() {
    clearTimeout(typing)
    asked?.abort()
    offered = []
    selected = -1
    list.hidden = true
    input.setAttribute('aria-expanded', 'false')
    input.removeAttribute('aria-activedescendant')
  }

  async function suggest() {
    const query = input.value.trim()
    if (query === '') return close()
    asked?.abort()
    asked = new AbortController()
    try {
      const { items } = await get('api/v1/addresses', { q: query, limit: 8 }, asked.signal)
      offered = items
      selected = -1
      draw()
    } catch (error) {
      if (/** @type {any} */ (error).name !== 'AbortError') close()
    }
  }

  function draw() {
    list.replaceChildren(
      ...offered.map((match, index) =>
        h(
          'li',
          {
            role: 'option',
            id: `suggestion-${index}`,
            'aria-selected': String(index === selected),
            onmousedown: (/** @type {any} */ event) => event.preventDefault(),
            onclick: () => void open(match.nodeId, match.address)
          },
          h('span', null, lamp(match.light), ' ', match.address),
          h('span.soft', null, t(`tier.${match.tier}`))
        )
      )
    )
    list.hidden = offered.length === 0
    input.setAttribute('aria-expanded', String(offered.length > 0))
    if (selected >= 0) input.setAttribute('aria-activedescendant', `suggestion-${selected}`)
    else input.removeAttribute('aria-activedescendant')
    list.children[selected]?.scrollIntoView({ block: 'nearest' })
  }

  input.addEventListener('input', () => {
    clearTimeout(typing)
    typing = setTimeout(() => void suggest(), 90)
  })
  input.addEventListener('blur', () => close())
  input.addEventListener('keydown', (/** @type {any} */ event) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      if (offered.length > 0) {
        const places = offered.length + 1
        selected = ((selected + 1 + (event.key === 'ArrowDown' ? 1 : -1) + places) % places) - 1
        draw()
      } else intoCandidates()
      event.preventDefault()
    } else if (event.key === 'Escape') {
      event.stopPropagation()
      if (offered.length > 0) close()
      else leave()
    }
  })
  form.addEventListener('submit', (/** @type {any} */ event) => {
    event.preventDefault()
    const match = offered[selected]
    if (match === undefined) lookUp(input.value)
    else void open(match.nodeId, match.address).then(() => input.select())
  })

  return { close }
}
