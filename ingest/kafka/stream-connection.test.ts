import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { fetchV13, saslAuthenticateV2, saslHandshakeV1, Writer } from '@platformatic/kafka'
import { afterEach, describe, expect, it } from 'vitest'
import { createSlabPool } from '../../schemas/slab.ts'
import { StreamConnection, type StreamConnectionOptions } from './stream-connection.ts'

interface Asked {
  readonly apiKey: number
  readonly correlationId: number
}

let server: Server | undefined
afterEach(() => server?.close())

/** A broker that answers what it is asked by `answer`, a byte at a time; null for no answer. Returns what it was asked. */
async function broker(answer: (asked: Asked) => Writer | null): Promise<{ port: number; asked: Asked[] }> {
  const asked: Asked[] = []
  server = createServer(socket => {
    let received = Buffer.alloc(0)
    socket.on('error', () => undefined)
    socket.on('data', (piece: Buffer) => {
      received = Buffer.concat([received, piece])
      while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
        const request = { apiKey: received.readInt16BE(4), correlationId: received.readInt32BE(8) }
        received = received.subarray(4 + received.readInt32BE(0))
        asked.push(request)
        const bytes = answer(request)?.prependLength().buffer ?? []
        for (const byte of bytes) socket.write(Buffer.from([byte]))
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, asked }
}

const options: StreamConnectionOptions = {
  clientId: 'test',
  connectTimeoutMs: 5000,
  answerBytesMax: 1000,
  tls: null,
  serverName: null,
  credentials: null
}

const emptyFetch = (correlationId: number, throttleMs: number): Writer =>
  Writer.create()
    .appendInt32(correlationId)
    .appendUnsignedVarInt(0)
    .appendInt32(throttleMs)
    .appendInt16(0)
    .appendInt32(0)
    .appendUnsignedVarInt(1)
    .appendUnsignedVarInt(0)

const loginAnswer = ({ apiKey, correlationId }: Asked, lifetimeMs: bigint): Writer =>
  apiKey === saslHandshakeV1.api.key
    ? Writer.create().appendInt32(correlationId).appendInt16(0).appendInt32(1).appendString('PLAIN', false)
    : Writer.create()
        .appendInt32(correlationId)
        .appendUnsignedVarInt(0)
        .appendInt16(0)
        .appendUnsignedVarInt(0)
        .appendUnsignedVarInt(1)
        .appendInt64(lifetimeMs)
        .appendUnsignedVarInt(0)

const ask = (connection: StreamConnection) =>
  connection.fetch(
    { maxWaitMs: 100, minBytes: 1, maxBytes: 1000, isReadCommitted: false, topics: [] },
    createSlabPool(0)
  )

describe('a connection to a broker', () => {
  it('gives each its answer, in the order they asked', async () => {
    const { port } = await broker(({ correlationId }) => emptyFetch(correlationId, correlationId * 10))
    const connection = new StreamConnection(options)
    await connection.connect('127.0.0.1', port)
    const answers = await Promise.all([ask(connection), ask(connection)])
    expect(answers.map(answer => answer.throttleMs)).toEqual([10, 20])
    expect(connection.isConnected()).toBe(true)
    await connection.close()
  })

  it.each([
    ['an answer to another request', () => emptyFetch(77, 0), /answered the request 77/],
    ['an answer beyond the limit', () => Writer.create().append(Buffer.alloc(2000)), /limit is 1000/],
    ['an answer that ends too soon', () => Writer.create().appendInt32(1).appendInt16(0), /more bytes must/]
  ])('breaks on %s', async (_what, answer, message) => {
    const { port } = await broker(answer)
    const connection = new StreamConnection(options)
    await connection.connect('127.0.0.1', port)
    const failure = await ask(connection).catch((error: unknown) => error as Error)
    expect(failure).toBeInstanceOf(Error)
    expect(((failure as Error).cause as Error).message).toMatch(message)
    expect(connection.isConnected()).toBe(false)
    await expect(ask(connection)).rejects.toThrow('Connection error')
  })

  it('renews its login before it ends, and sends nothing else meanwhile', async () => {
    let logins = 0
    const { port, asked } = await broker(request => {
      if (request.apiKey === fetchV13.api.key) return emptyFetch(request.correlationId, 5)
      if (request.apiKey === saslHandshakeV1.api.key) logins++
      return loginAnswer(request, logins === 1 ? 50n : 0n)
    })
    const connection = new StreamConnection({
      ...options,
      credentials: { mechanism: 'PLAIN', username: 'u', password: 'p' }
    })
    await connection.connect('127.0.0.1', port)
    while (logins < 2) expect((await ask(connection)).throttleMs).toBe(5)
    await ask(connection)
    const login = [saslHandshakeV1.api.key, saslAuthenticateV2.api.key]
    expect(asked.slice(0, 2).map(request => request.apiKey)).toEqual(login)
    const renewed = asked.findIndex((request, at) => at > 1 && request.apiKey === login[0])
    expect(asked.slice(renewed, renewed + 2).map(request => request.apiKey)).toEqual(login)
    expect(connection.isConnected()).toBe(true)
    await connection.close()
  })

  it('says that it could not connect', async () => {
    const { port } = await broker(() => null)
    server?.close()
    await once(server!, 'close')
    await expect(new StreamConnection(options).connect('127.0.0.1', port)).rejects.toThrow(
      `Connection to 127.0.0.1:${port} failed.`
    )
  })
})
