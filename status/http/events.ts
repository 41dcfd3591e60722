import type { ServerResponse } from 'node:http'
import { presentAlarm, presentIncident } from './present.ts'
import type { StatusEvent, StatusView } from '../view.ts'

/**
 * Hands the engine's events to any number of SSE clients.
 *
 * Events of a few milliseconds are put together into one message per type, made into text once, and written to
 * all. The last messages are kept, so that a client that comes back (Last-Event-ID, or `after` from the tree)
 * continues without a gap; one that was away too long is told to `resync`. A client that reads too slowly is
 * closed and not waited for: it comes back and resyncs.
 */
export interface EventLimits {
  readonly clientsMax: number
  /** Bytes waiting in one client's socket before it is closed. */
  readonly clientBufferBytesMax: number
  /** Items (not messages) kept for clients that come back. */
  readonly replayItemsMax: number
  /** How long events wait to be joined (ms). */
  readonly flushMs: number
  readonly heartbeatMs: number
}

export const eventLimits: EventLimits = {
  clientsMax: 200,
  clientBufferBytesMax: 4 * 1024 * 1024,
  replayItemsMax: 50_000,
  flushMs: 40,
  heartbeatMs: 10_000
}

export interface EventHub {
  /** Id of the newest event, pending ones included. */
  lastId(): string
  /** False when there is no room; the response is then untouched. */
  connect(
    response: ServerResponse,
    after: string | undefined,
    headers: Readonly<Record<string, string>>
  ): boolean
  clients(): number
  close(): void
}

export interface EventHubOptions {
  readonly view: Pick<StatusView, 'subscribe' | 'freshness' | 'notesOf'>
  readonly nameOf: (nodeId: string) => string
  readonly nowMs: () => number
  readonly limits: EventLimits
  readonly onSlowClient: () => void
}

interface Message {
  /** Sequence number of its last item. */
  readonly seq: number
  readonly items: readonly StatusEvent[]
  /** Made when the first client needs it: with nobody listening events cost next to nothing. */
  text: Buffer | null
}

/** A longer message would hold up the main thread while it is made into text. */
const itemsPerMessageMax = 1000

export function createEventHub(options: EventHubOptions): EventHub {
  const { limits, nowMs } = options
  /** Sequence numbers of another process mean nothing here, so ids begin with the start of this one. */
  const epoch = nowMs().toString(36)
  const clients = new Set<ServerResponse>()
  const kept: Message[] = []
  let keptItems = 0
  /** Events up to this one can no longer be replayed. */
  let forgottenSeq = 0
  let seq = 0
  let pending: StatusEvent[] = []
  let flushTimer: NodeJS.Timeout | undefined
  let closed = false

  const present = (event: StatusEvent): unknown => {
    switch (event.type) {
      case 'light':
        return event.data
      case 'incident':
        return {
          change: event.data.change,
          atMs: event.atMs,
          incident: presentIncident(event.data.incident, options.nameOf)
        }
      case 'alarm': {
        const { alarm, change } = event.data
        return { change, atMs: event.atMs, alarm: presentAlarm(alarm, options.view.notesOf(alarm)) }
      }
      case 'reload':
        return { atMs: event.atMs, ...event.data }
    }
  }

  const textOf = (message: Message): Buffer => {
    message.text ??= Buffer.from(
      `id: ${epoch}-${message.seq}\nevent: ${message.items[0]?.type ?? 'light'}\n` +
        `data: ${JSON.stringify(message.items.map(present))}\n\n`
    )
    return message.text
  }

  const drop = (client: ServerResponse): void => {
    clients.delete(client)
    client.destroy()
  }

  const write = (client: ServerResponse, bytes: Buffer | string): void => {
    if (client.writableLength > limits.clientBufferBytesMax) {
      options.onSlowClient()
      drop(client)
      return
    }
    client.write(bytes)
  }

  const keep = (message: Message): void => {
    kept.push(message)
    keptItems += message.items.length
    while (keptItems > limits.replayItemsMax) {
      const oldest = kept.shift()
      if (oldest === undefined) break
      keptItems -= oldest.items.length
      forgottenSeq = oldest.seq
    }
  }

  /** Runs of one type become one message, in the order of the events. One message a turn of the event loop. */
  const flush = (): void => {
    flushTimer = undefined
    const first = pending[0]
    if (first === undefined || closed) return
    let length = 1
    while (length < itemsPerMessageMax && pending[length]?.type === first.type) length++
    const items = pending.slice(0, length)
    pending = pending.slice(length)
    const message: Message = { seq: seq - pending.length, items, text: null }
    keep(message)
    for (const client of clients) write(client, textOf(message))
    if (pending.length > 0) setImmediate(flush)
  }

  const unsubscribe = options.view.subscribe(event => {
    seq++
    pending.push(event)
    if (pending.length === 1) flushTimer ??= setTimeout(flush, limits.flushMs)
    // More than can be kept: what waits is forgotten too, and every client starts afresh.
    if (pending.length > limits.replayItemsMax) {
      pending = []
      kept.length = 0
      keptItems = 0
      forgottenSeq = seq
      for (const client of clients) write(client, resync())
    }
  })

  const resync = (): string =>
    `id: ${epoch}-${seq}\nevent: resync\ndata: ${JSON.stringify({ atMs: nowMs() })}\n\n`

  const heartbeatTimer = setInterval(() => {
    const beat = `event: heartbeat\ndata: ${JSON.stringify({ atMs: nowMs(), ...options.view.freshness() })}\n\n`
    for (const client of clients) write(client, beat)
  }, limits.heartbeatMs)
  heartbeatTimer.unref()

  return {
    lastId: () => `${epoch}-${seq}`,
    clients: () => clients.size,
    connect: (response, after, headers) => {
      if (closed || clients.size >= limits.clientsMax) return false
      response.writeHead(200, {
        ...headers,
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no'
      })
      response.write(`retry: 2000\nevent: hello\ndata: ${JSON.stringify({ atMs: nowMs() })}\n\n`)
      if (after !== undefined) {
        const [ofEpoch, number] = after.split('-')
        const afterSeq = Number(number)
        if (
          ofEpoch !== epoch ||
          !Number.isSafeInteger(afterSeq) ||
          afterSeq < forgottenSeq ||
          afterSeq > seq
        ) {
          response.write(resync())
        } else {
          for (const message of kept) if (message.seq > afterSeq) response.write(textOf(message))
        }
      }
      clients.add(response)
      response.on('close', () => clients.delete(response))
      response.on('error', () => drop(response))
      return true
    },
    close: () => {
      closed = true
      unsubscribe()
      clearTimeout(flushTimer)
      clearInterval(heartbeatTimer)
      for (const client of clients) client.end()
      clients.clear()
    }
  }
}
