// @ts-check
/** A few lines in place of a framework. Text always goes in as text nodes, never as markup. */

const svgSpace = 'http://www.w3.org/2000/svg'

/**
 * @param {string} tag  `div.class.other`
 * @param {Record<string, any> | null} [props]  `on…` are listeners, `data…`, `aria-…` and the rest are attributes
 * @param {...any} children  nodes, strings, arrays; null and false are left out
 * @returns {any}
 */
export function h(tag, props, ...children) {
  const [name, ...classes] = tag.split('.')
  const element = document.createElement(name ?? 'div')
  if (classes.length > 0) element.className = classes.join(' ')
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value)
    else element.setAttribute(key, value === true ? '' : String(value))
  }
  element.append(
    ...children.flat(3).filter(child => child !== null && child !== undefined && child !== false)
  )
  return element
}

/** @param {string} name  symbol of the sprite  @param {string} [className] */
export function symbol(name, className = '') {
  const svg = document.createElementNS(svgSpace, 'svg')
  svg.setAttribute('class', className)
  svg.setAttribute('aria-hidden', 'true')
  const use = document.createElementNS(svgSpace, 'use')
  use.setAttribute('href', `#${name}`)
  svg.append(use)
  return svg
}

/** The shape of a light. @param {string} light @param {string} [className] */
export function lamp(light, className = '') {
  return symbol(`light-${light}`, `lamp ${light} ${className}`)
}

/** @param {string} id @returns {any} */
export const byId = id => document.getElementById(id)
