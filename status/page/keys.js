// @ts-check
/** Keys that work everywhere but where text is typed. */
import { byId } from './dom.js'

/** @param {any} target */
const isTextField = target =>
  target instanceof HTMLElement &&
  target.matches('input:not([type="checkbox"]), textarea, [contenteditable="true"]')

/**
 * @param {{ input: any, home: () => void, toIncidents: () => void, onlyTrouble: () => void, language: () => void }} actions
 */
export function listenToKeys({ input, home, toIncidents, onlyTrouble, language }) {
  const help = byId('help')
  /** By place on the keyboard, so that the Russian layout needs no switching. @type {Record<string, () => void>} */
  const keys = {
    Slash: () => {
      input.focus()
      input.select()
    },
    KeyI: toIncidents,
    // A tree without rows is hidden: the button above it is where one can go on.
    KeyT: () => (byId('tree').hidden ? byId('only-trouble') : byId('tree')).focus(),
    KeyF: onlyTrouble,
    KeyL: language
  }
  document.addEventListener('keydown', (/** @type {any} */ event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || byId('token-dialog').open) return
    if (event.key === 'Escape' && !help.open) {
      home()
      input.focus()
      return
    }
    if (isTextField(event.target)) return
    const isQuestion = event.key === '?' || (event.code === 'Slash' && event.shiftKey)
    const act = isQuestion ? () => (help.open ? help.close() : help.showModal()) : keys[event.code]
    if (act === undefined) return
    event.preventDefault()
    if (!isQuestion) help.close()
    act()
  })
}
