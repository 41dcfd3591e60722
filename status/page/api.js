// @ts-check
/** Talks to the server: requests with the token, and the event stream with reconnection. */

const tokenKey = 'svetofor.token'
let token = window.sessionStorage.getItem(tokenKey) ?? localStorage.getItem(tokenKey) ?? ''
/** @type {() => Promise<void>} */
let askForToken = async () => {}
/** @type {Promise<void> | null} */
let asking = null

/** @param {() => Promise<void>} ask  resolves once setToken was called */
export function onTokenNeeded(ask) {
  askForToken = ask
}

/** @param {string} value @param {boolean} keep  beyond this tab */
export function setToken(value, keep) {
  token = value
  window.sessionStorage.setItem(tokenKey, value)
  if (keep) localStorage.setItem(tokenKey, value)
  else localStorage.removeItem(tokenKey)
}

export class Refused extends Error {
  /** @param {any} problem  RFC 9457 problem details */
  constructor(problem) {
    super(problem.detail ?? problem.title ?? 'error')
    this.problem = problem
  }
}

/** @param {string} path @param {any} [init] @returns {Promise<any>} */
async function send(path, init = {}) {
  const used = token
  const headers = token === '' ? {} : { authorization: `Bearer ${token}` }
  const response = await fetch(path, { ...init, headers: { ...init.headers, ...headers } })
  if (response.status !== 401) return response
  // Several requests may be refused at once: the question is put once.
  if (used === token) {
    asking ??= askForToken().finally(() => (asking = null))
    await asking
  }
  return send(path, init)
}

/**
 * GETs JSON; throws Refused with the server's problem details.
 * @param {string} path  @param {Record<string, string | number | boolean>} [query]  @param {any} [signal]
 * @returns {Promise<any>}
 */
export async function get(path, query = {}, signal) {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) search.set(name, String(value))
  const text = search.toString()
  const response = await send(text === '' ? path : `${path}?${text}`, { signal })
  const body = await response.json().catch(() => ({ detail: `HTTP ${response.status}` }))
  if (!response.ok) throw new Refused(body)
  return body
}

/** Heartbeats come every 10 s; this long without a byte, the line is dead. */
const silenceMsMax = 25_000
const backoffMsMax = 15_000

/**
 * Follows the event stream for ever. EventSource cannot send a token, so this reads the stream itself.
 * @param {{ after: () => string, onEvent: (type: string, data: any) => void, onState: (up: boolean) => void }} options
 */
export async function follow({ after, onEvent, onState }) {
  let lastId = ''
  let tries = 0
  for (;;) {
    const abort = new AbortController()
    let watchdog = setTimeout(() => abort.abort(), silenceMsMax)
    const heard = () => {
      clearTimeout(watchdog)
      watchdog = setTimeout(() => abort.abort(), silenceMsMax)
    }
    try {
      const response = await send('api/v1/events', {
        signal: abort.signal,
        cache: 'no-store',
        headers: { accept: 'text/event-stream', 'last-event-id': lastId === '' ? after() : lastId }
      })
      if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`)
      const decoder = new window.TextDecoder()
      const reader = response.body.getReader()
      let text = ''
      for (;;) {
        const { done, value } = await reader.read()
        if (done) break
        heard()
        text += decoder.decode(value, { stream: true })
        const blocks = text.split('\n\n')
        text = blocks.pop() ?? ''
        for (const block of blocks) {
          const event = parse(block)
          if (event.id !== '') lastId = event.id
          if (event.data === '') continue
          tries = 0
          onState(true)
          onEvent(event.type, JSON.parse(event.data))
        }
      }
    } catch (error) {
      if (!(error instanceof Error)) throw error
    } finally {
      clearTimeout(watchdog)
    }
    onState(false)
    // Half of the wait is by chance, so that a room full of pages does not come back in one instant.
    const waitMs = Math.min(backoffMsMax, 500 * 2 ** tries++) * (0.5 + Math.random() / 2)
    await new Promise(resolve => setTimeout(resolve, waitMs))
  }
}

/** @param {string} block */
function parse(block) {
  const event = { id: '', type: 'message', data: '' }
  for (const line of block.split('\n')) {
    if (line.startsWith('id: ')) event.id = line.slice(4)
    else if (line.startsWith('event: ')) event.type = line.slice(7)
    else if (line.startsWith('data: ')) event.data += line.slice(6)
  }
  return event
}
