import { connect as connectTcp, type Socket, type TcpSocketConnectOpts } from 'node:net'
import { connect as connectTls } from 'node:tls'
import {
  AuthenticationError,
  type Callback,
  type CallbackWithPromise,
  Connection,
  type ConnectionOptions,
  fetchV13,
  NetworkError,
  Reader,
  type ResponseParser,
  saslAuthenticateV2,
  saslHandshakeV1,
  saslPlain,
  saslScramSha,
  Writer
} from '@platformatic/kafka'
import type { SlabPool } from '../schemas/slab.ts'
import { asError } from './errors.ts'
import { encodeFetchRequest, type FetchRequest } from './fetch-request.ts'
import { type FetchResponse, readFetchResponse } from './fetch-response.ts'
import { Inflow, type Reading } from './inflow.ts'

/** How a connection logs in; the mechanisms are the library's. */
export interface Credentials {
  readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
  readonly username: string
  readonly password: string
}

export interface StreamConnectionOptions {
  readonly clientId: string
  readonly connectTimeoutMs: number
  /** Largest answer that is taken. */
  readonly answerBytesMax: number
  readonly tls: ConnectionOptions['tls'] | null
  /** Name to ask for and to expect in the certificate; none where it is null. */
  readonly serverName: string | null
  readonly credentials: Credentials | null
}

/**
 * A connection of the client library whose socket is ours. The library's requests and logins go over it like over its
 * own; what differs is that answers are read while they come, and fetched batches straight into their slabs.
 * It answers nobody twice: when it breaks, it says so by `error` or `close` first and then fails what waits.
 */
export class StreamConnection extends Connection {
  readonly #options: StreamConnectionOptions
  readonly #inflow = new Inflow()
  readonly #reading: Reading<never>
  /** Sent and not answered; a broker answers in the order it is asked. */
  readonly #waiting: Request[] = []
  /** What must not be sent before a renewed login is through. */
  #held: Request[] = []
  #socket: Socket | undefined
  #correlationId = 0
  #isReady = false
  #isRenewing = false
  #broken: Error | undefined
  #renewal: NodeJS.Timeout | undefined

  constructor(options: StreamConnectionOptions) {
    super(options.clientId)
    this.#options = options
    this.#reading = this.#answers()
    this.#reading.next()
  }

  override get socket(): Socket {
    if (this.#socket === undefined) throw new Error('The connection was not opened.')
    return this.#socket
  }

  override isConnected(): boolean {
    return this.#isReady && this.#broken === undefined
  }

  override async connect(host: string, port: number): Promise<void> {
    try {
      await this.#open(host, port)
      await this.#logIn()
    } catch (error) {
      throw new NetworkError(`Connection to ${host}:${port} failed.`, {
        cause: asError(error)
      })
    }
    if (this.#broken !== undefined) throw this.#broken
    this.#isReady = true
    this.emit('connect')
  }

  override close(callback: CallbackWithPromise<void>): void
  override close(): Promise<void>
  override close(callback?: CallbackWithPromise<void>): void | Promise<void> {
    this.#socket?.destroy()
    callback?.(null)
    return Promise.resolve()
  }

  override send<T>(
    apiKey: number,
    apiVersion: number,
    createPayload: () => Writer,
    parse: ResponseParser<T>,
    hasRequestTags: boolean,
    hasResponseTags: boolean,
    callback: Callback<T>
  ): void {
    const read = function* (input: Inflow): Reading<() => void> {
      if (hasResponseTags) yield* input.skipTaggedFields()
      const bytes = Buffer.allocUnsafe(input.left)
      yield* input.fill(bytes)
      return () => {
        // What an answer says that was read to its end concerns only who asked: the connection goes on.
        const parsed = async (): Promise<T> => parse(0, apiKey, apiVersion, Reader.from(bytes))
        parsed().then(
          value => callback(null, value),
          (error: unknown) => callback(asError(error))
        )
      }
    }
    this.#request({ apiKey, apiVersion, createPayload, hasRequestTags, read, fail: callback })
  }

  /** One Fetch; the batches of each partition come in a slab of their own. */
  fetch(asked: FetchRequest, slabs: SlabPool): Promise<FetchResponse> {
    return new Promise<FetchResponse>((resolve, reject) => {
      this.#request({
        apiKey: fetchV13.api.key,
        apiVersion: fetchV13.api.version,
        createPayload: () => Writer.create().append(encodeFetchRequest(asked)),
        hasRequestTags: true,
        *read(input) {
          yield* input.skipTaggedFields()
          const response = yield* readFetchResponse(input, slabs)
          return () => resolve(response)
        },
        fail: reject
      })
    })
  }

  /** A login ends some time; it is renewed before that. */
  override reauthenticate(): void {
    this.#isRenewing = true
    this.#logIn().then(
      () => {
        this.#isRenewing = false
        const held = this.#held
        this.#held = []
        for (const request of held) this.#request(request)
      },
      (error: unknown) => this.#socket?.destroy(asError(error))
    )
  }

  #open(host: string, port: number): Promise<void> {
    const { tls, serverName, connectTimeoutMs } = this.#options
    const options: TcpSocketConnectOpts = {
      host,
      port,
      noDelay: true,
      onread: {
        buffer: () => this.#inflow.space(),
        callback: bytes => {
          this.#received(bytes)
          return true
        }
      }
    }
    const isSecure = tls !== null && tls !== undefined
    const socket = isSecure
      ? connectTls({ ...tls, ...options, ...(serverName === null ? {} : { servername: serverName }) })
      : connectTcp(options)
    this.#socket = socket
    socket.setTimeout(connectTimeoutMs)
    return new Promise<void>((resolve, reject) => {
      socket.once('timeout', () =>
        socket.destroy(
          new NetworkError(`Connection to ${host}:${port} timed out after ${connectTimeoutMs} ms.`)
        )
      )
      socket.once(isSecure ? 'secureConnect' : 'connect', () => {
        socket.setTimeout(0)
        resolve()
      })
      socket.on('error', (error: Error) => {
        this.#break(new NetworkError('Connection error', { cause: error }))
        reject(error)
      })
      socket.on('close', () => {
        const error = new NetworkError('Connection closed')
        this.#break(error)
        reject(error)
      })
    })
  }

  #break(error: Error): void {
    if (this.#broken !== undefined) return
    this.#broken = error
    clearTimeout(this.#renewal)
    // Whoever opens it hears of it by the rejected promise, and may not listen yet.
    if (this.listenerCount('error') > 0) this.emit('error', error)
    this.emit('close')
    for (const request of [...this.#waiting.splice(0), ...this.#held.splice(0)]) request.fail(error)
  }

  async #logIn(): Promise<void> {
    const { credentials } = this.#options
    if (credentials === null) return
    const { mechanism, username, password } = credentials
    const api = saslAuthenticateV2.api
    await saslHandshakeV1.api.async(this, mechanism).catch((error: unknown) => {
      throw new AuthenticationError(`The broker refuses to log in by ${mechanism}.`, {
        cause: asError(error)
      })
    })
    const answer = await new Promise<SaslAuthenticateResponse>((resolve, reject) => {
      const done: CallbackWithPromise<SaslAuthenticateResponse> = (error, response) => {
        if (error === null && response !== undefined) resolve(response)
        else
          reject(
            new AuthenticationError('SASL authentication failed.', error === null ? {} : { cause: error })
          )
      }
      if (mechanism === 'PLAIN') saslPlain.authenticate(api, this, username, password, done)
      else
        saslScramSha.authenticate(
          api,
          this,
          mechanism === 'SCRAM-SHA-256' ? 'SHA-256' : 'SHA-512',
          username,
          password,
          saslScramSha.defaultCrypto,
          done
        )
    })
    const lifetimeMs = Number(answer.sessionLifetimeMs)
    if (lifetimeMs > 0)
      this.#renewal = setTimeout(() => this.reauthenticate(), Math.min(lifetimeMs * 0.8, timerMsMax))
  }

  #request(request: Request): void {
    if (this.#broken !== undefined) {
      request.fail(this.#broken)
      return
    }
    const { apiKey, apiVersion, createPayload, hasRequestTags } = request
    const isLogin = apiKey === saslHandshakeV1.api.key || apiKey === saslAuthenticateV2.api.key
    if (this.#isRenewing && !isLogin) {
      this.#held.push(request)
      return
    }
    const correlationId = ++this.#correlationId
    const writer = Writer.create()
      .appendInt16(apiKey)
      .appendInt16(apiVersion)
      .appendInt32(correlationId)
      .appendString(this.#options.clientId, false)
    if (hasRequestTags) writer.appendTaggedFields()
    this.#waiting.push({ ...request, correlationId })
    this.socket.write(writer.appendFrom(createPayload()).prependLength().buffer)
  }

  #received(bytes: number): void {
    try {
      if (this.#inflow.wrote(bytes)) this.#reading.next()
    } catch (error) {
      // What follows in the stream cannot be told apart any more.
      this.#socket?.destroy(asError(error))
    }
  }

  /** Reads answers one behind the other, for as long as the connection lasts. */
  *#answers(): Reading<never> {
    const input = this.#inflow
    for (;;) {
      yield* input.open(this.#options.answerBytesMax)
      yield* input.gather(4)
      const correlationId = input.int32()
      const [request] = this.#waiting
      if (request?.correlationId !== correlationId)
        throw new Error(`The broker answered the request ${correlationId}, which was not the next one.`)
      const answer = yield* request.read(input)
      yield* input.skip(input.left)
      this.#waiting.shift()
      answer()
    }
  }
}

type SaslAuthenticateResponse = Awaited<ReturnType<typeof saslAuthenticateV2.api.async>>

interface Request {
  readonly apiKey: number
  readonly apiVersion: number
  readonly createPayload: () => Writer
  readonly hasRequestTags: boolean
  readonly correlationId?: number
  /** Reads the answer; what it returns hands the answer to who asked. */
  readonly read: (input: Inflow) => Reading<() => void>
  readonly fail: (error: Error) => void
}

/** Longest time a timer of Node takes. */
const timerMsMax = 2 ** 31 - 1
