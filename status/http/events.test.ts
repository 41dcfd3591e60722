import { once } from 'node:events'
import { createServer, request, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createEventHub, eventLimits, type EventHub, type EventLimits } from './events.ts'
import { createFakeView, type FakeView } from '../../test/support/fake-view.ts'

interface Received {
  readonly id: string
  readonly type: string
  readonly data: unknown
}

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

async function startHub(
  change: Partial<EventLimits> = {}
): Promise<{ hub: EventHub; view: FakeView; port: number; slow: () => number; server: Server }> {
  const view = createFakeView({
    districts: 2,
    areasPerDistrict: 2,
    campusesPerArea: 2,
    buildingsPerCampus: 5,
    nowMs: () => 1_000_000
  })
  let slow = 0
  const hub = createEventHub({
    view,
    nameOf: id => view.node(id)?.name ?? id,
    nowMs: () => 1_000_000,
    limits: { ...eventLimits, flushMs: 5, ...change },
    onSlowClient: () => slow++
  })
  const server = createServer((asked, response) => {
    const after = asked.headers['last-event-id']
    if (!hub.connect(response, typeof after === 'string' ? after : undefined, {}))
      response.writeHead(503).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => {
    hub.close()
    server.closeAllConnections()
    server.close()
  })
  return { hub, view, port: (server.address() as AddressInfo).port, slow: () => slow, server }
}

/** A client that reads; `received` grows as messages come. */
async function follow(
  port: number,
  after?: string
): Promise<{ received: Received[]; response: IncomingMessage; ended: () => boolean; stop: () => void }> {
  const headers = after === undefined ? {} : { 'last-event-id': after }
  const sent = request({ port, host: '127.0.0.1', headers })
  sent.end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const received: Received[] = []
  let text = ''
  let ended = false
  response.setEncoding('utf8')
  response.on('data', (chunk: string) => {
    const blocks = (text + chunk).split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? ''
      received.push({ id: field('id'), type: field('event'), data: JSON.parse(field('data')) as unknown })
    }
  })
  response.on('close', () => (ended = true))
  response.on('error', () => (ended = true))
  closing.push(() => sent.destroy())
  return { received, response, ended: () => ended, stop: () => sent.destroy() }
}

const typesOf = (received: readonly Received[]): string[] => received.map(event => event.type)

describe('the event stream', () => {
  it('joins changes into one message a type, in order, with names and ISO times', async () => {
    const { view, port } = await startHub()
    const client = await follow(port)
    view.fail('ku-1-1-1', { kind: 'power', severity: 'critical' })
    await expect.poll(() => typesOf(client.received)).toEqual(['hello', 'alarm', 'light', 'incident'])
    const [, alarm, light, incident] = client.received
    expect(alarm?.data).toMatchObject([{ change: 'raised', alarm: { raisedAt: '1970-01-01T00:16:40.000Z' } }])
    expect(light?.data).toHaveLength(6)
    expect(light?.data).toMatchObject([
      { node: 'ku-1-1-1', from: 'green', to: 'red' },
      { to: 'grey' },
      {},
      {},
      {},
      {}
    ])
    expect(incident?.data).toMatchObject([{ change: 'opened', incident: { rootName: 'КУ Северный 1/1' } }])
  })

  it('continues without a gap behind the last id of a client that comes back', async () => {
    const { hub, view, port } = await startHub()
    const from = hub.lastId()
    view.fail('ku-1-1-1', { kind: 'power', severity: 'critical' })
    const first = await follow(port, from)
    await expect.poll(() => first.received.length).toBe(4)
    first.stop()
    const lastId = first.received.at(-1)?.id
    view.clear('ku-1-1-1')
    const second = await follow(port, lastId)
    await expect.poll(() => typesOf(second.received)).toEqual(['hello', 'alarm', 'light', 'incident'])
    expect(second.received[3]?.data).toMatchObject([{ change: 'closed' }])
  })

  it.each(['another-1', 'nonsense', '', '-'])('tells a client with the foreign id %j to resync', async id => {
    const { port, hub } = await startHub()
    const client = await follow(port, id)
    await expect.poll(() => typesOf(client.received)).toEqual(['hello', 'resync'])
    expect(client.received[1]?.id).toBe(hub.lastId())
  })

  it('tells a client that was away too long to resync', async () => {
    const { hub, view, port } = await startHub({ replayItemsMax: 10 })
    const from = hub.lastId()
    const reader = await follow(port)
    for (let i = 0; i < 3; i++) {
      view.fail('ku-1-1-1', { kind: 'power', severity: 'critical' })
      view.clear('ku-1-1-1')
      await expect.poll(() => reader.received.at(-1)?.id).toBe(hub.lastId())
    }
    const late = await follow(port, from)
    await expect.poll(() => typesOf(late.received)).toEqual(['hello', 'resync'])
  })

  it('cuts a flood into messages and forgets what no one can read any more', async () => {
    const { hub, view, port } = await startHub({ flushMs: 20 })
    const client = await follow(port)
    for (let i = 0; i < 2500; i++) view.emit({ type: 'reload', atMs: i, data: { inventoryVersion: i } })
    await expect.poll(() => client.received.at(-1)?.id).toBe(hub.lastId())
    expect(client.received.slice(1).map(event => (event.data as unknown[]).length)).toEqual([1000, 1000, 500])

    const small = await startHub({ replayItemsMax: 100 })
    const lost = await follow(small.port)
    for (let i = 0; i < 2500; i++) small.view.emit({ type: 'reload', atMs: i, data: { inventoryVersion: i } })
    await expect.poll(() => typesOf(lost.received)).toContain('resync')
  })

  it('closes a client that does not read, and only that one', async () => {
    const { view, port, hub, slow } = await startHub({ clientBufferBytesMax: 50_000 })
    const reader = await follow(port)
    const sleeper = await follow(port)
    sleeper.response.pause()
    expect(hub.clients()).toBe(2)
    await expect
      .poll(
        () => {
          for (let i = 0; i < 20; i++) {
            view.fail('cu-1', { kind: 'link', severity: 'critical' })
            view.clear('cu-1')
          }
          return slow()
        },
        { timeout: 8000, interval: 10 }
      )
      .toBe(1)
    expect(hub.clients()).toBe(1)
    expect(reader.ended()).toBe(false)
  })

  it('sends heartbeats, and lets a client go', async () => {
    const { port, hub } = await startHub({ heartbeatMs: 10 })
    const client = await follow(port)
    await expect.poll(() => typesOf(client.received)).toContain('heartbeat')
    client.stop()
    await expect.poll(() => hub.clients()).toBe(0)
  })

  it('has a limited number of places', async () => {
    const { port } = await startHub({ clientsMax: 1 })
    await follow(port)
    expect((await follow(port)).response.statusCode).toBe(503)
  })

  it('ends every stream and forgets the engine when it is closed', async () => {
    const { hub, view, port } = await startHub()
    const client = await follow(port)
    hub.close()
    await expect.poll(() => client.ended()).toBe(true)
    expect(view.subscribers()).toBe(0)
  })
})
