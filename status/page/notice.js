// @ts-check
/** The line under the head: that the connection to the server is lost, or that the data itself is late. */
import { byId } from './dom.js'
import { clock, duration, t } from './words.js'

let said = ''
let lostAtMs = 0
let lateMs = 0
/** @type {number | null} */
let asOfMs = null

function draw() {
  const text =
    said !== ''
      ? said
      : lostAtMs !== 0
        ? t('stale', { time: clock(lostAtMs, true) })
        : lateMs > 0
          ? t('late', { by: duration(lateMs), time: asOfMs === null ? '—' : clock(asOfMs, true) })
          : ''
  if (byId('banner').textContent !== text) byId('banner').textContent = text
  byId('banner').hidden = text === ''
}

/** @param {string} text  '' for none */
export function showNotice(text) {
  said = text
  draw()
}

/** The connection was lost at this time; 0 while it is there. @param {number} atMs */
export function showLost(atMs) {
  lostAtMs = atMs
  said = ''
  draw()
}

/** How new the data is, as an answer or a heartbeat says it. @param {any} answer */
export function showFreshness(answer) {
  if (typeof answer?.lateMs !== 'number') return
  lateMs = answer.lateMs
  asOfMs = answer.asOfMs
  draw()
}
