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
import type { SlabPool } from '../../schemas/slab.ts'
import { asError } from '../errors.ts'
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
 * A connection of the client library whose socket we read ourselves. The library's requests and logins work as over its own
 * socket. What differs: answers are read while they arrive, and fetched batches go straight into their slabs. When the connection
 * breaks, it first says so by `error` or `close` and then rejects every request that still waits.
 */
export class StreamConnection extends Connection {
  readonly #options: StreamConnectionOptions
  readonly #inflow = new Inflow()
  readonly #reading: Reading<never>
  /** Sent and not answered; a broker answers in the order it is asked. */
  readonly #waiting: Request[] = []
  /** Requests that wait until a renewed login has succeeded. */
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
    this.#request(
      new LibraryRequest(apiKey, apiVersion, createPayload, parse, hasRequestTags, hasResponseTags, callback)
    )
  }

  /** One Fetch; the batches of each partition come in a slab of their own. */
  fetch(asked: FetchRequest, slabs: SlabPool): Promise<FetchResponse> {
    return new Promise((resolve, reject) => this.#request(new Fetch(asked, slabs, resolve, reject)))
  }

  /** A login is valid for a limited time; it is renewed before that ends. */
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
    // The caller that opens the connection gets the rejected promise; it may not listen for `error` yet.
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
    const { apiKey, apiVersion } = request
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
    if (request.hasRequestTags) writer.appendTaggedFields()
    request.correlationId = correlationId
    this.#waiting.push(request)
    this.socket.write(writer.appendFrom(request.payload()).prependLength().buffer)
  }

  #received(bytes: number): void {
    try {
      if (this.#inflow.wrote(bytes)) this.#reading.next()
    } catch (error) {
      // From here on nobody can tell where the next answer in the stream begins.
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
      yield* request.read(input)
      yield* input.skip(input.left)
      this.#waiting.shift()
      request.answered()
    }
  }
}

type SaslAuthenticateResponse = Awaited<ReturnType<typeof saslAuthenticateV2.api.async>>

interface Request {
  readonly apiKey: number
  readonly apiVersion: number
  readonly hasRequestTags: boolean
  correlationId: number
  payload(): Writer
  /** Reads the answer, which `answered` then hands to who asked. */
  read(input: Inflow): Reading<void>
  answered(): void
  fail(error: Error): void
}

/** A request that the client library made, and whose answer it parses. */
class LibraryRequest<T> implements Request {
  readonly apiKey: number
  readonly apiVersion: number
  readonly hasRequestTags: boolean
  readonly payload: () => Writer
  readonly #parse: ResponseParser<T>
  readonly #hasResponseTags: boolean
  readonly #callback: Callback<T>
  correlationId = 0
  #answer = Buffer.alloc(0)

  constructor(
    apiKey: number,
    apiVersion: number,
    payload: () => Writer,
    parse: ResponseParser<T>,
    hasRequestTags: boolean,
    hasResponseTags: boolean,
    callback: Callback<T>
  ) {
    this.apiKey = apiKey
    this.apiVersion = apiVersion
    this.payload = payload
    this.#parse = parse
    this.hasRequestTags = hasRequestTags
    this.#hasResponseTags = hasResponseTags
    this.#callback = callback
  }

  *read(input: Inflow): Reading<void> {
    if (this.#hasResponseTags) yield* input.skipTaggedFields()
    this.#answer = Buffer.allocUnsafe(input.left)
    yield* input.fill(this.#answer)
  }

  answered(): void {
    // The answer was read to its end, so the connection is sound: an error in it is told to the caller alone.
    const parsed = async (): Promise<T> =>
      this.#parse(0, this.apiKey, this.apiVersion, Reader.from(this.#answer))
    parsed().then(
      value => this.#callback(null, value),
      (error: unknown) => this.#callback(asError(error))
    )
  }

  fail(error: Error): void {
    this.#callback(error)
  }
}

/** There are a hundred fetches a second, so the garbage that each leaves counts. */
class Fetch implements Request {
  readonly apiKey = fetchV13.api.key
  readonly apiVersion = fetchV13.api.version
  readonly hasRequestTags = true
  readonly fail: (error: Error) => void
  readonly #asked: FetchRequest
  readonly #slabs: SlabPool
  readonly #resolve: (response: FetchResponse) => void
  correlationId = 0
  #response: FetchResponse | undefined

  constructor(
    asked: FetchRequest,
    slabs: SlabPool,
    resolve: (response: FetchResponse) => void,
    reject: (error: Error) => void
  ) {
    this.#asked = asked
    this.#slabs = slabs
    this.#resolve = resolve
    this.fail = reject
  }

  payload(): Writer {
    return Writer.create().append(encodeFetchRequest(this.#asked))
  }

  *read(input: Inflow): Reading<void> {
    yield* input.skipTaggedFields()
    this.#response = yield* readFetchResponse(input, this.#slabs)
  }

  answered(): void {
    if (this.#response !== undefined) this.#resolve(this.#response)
  }
}

/** Longest time a timer of Node takes. */
const timerMsMax = 2 ** 31 - 1
