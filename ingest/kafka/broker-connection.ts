import { isIP } from 'node:net'
import {
  apiVersionsV3,
  fetchV13,
  findCoordinatorV4,
  heartbeatV4,
  joinGroupV9,
  leaveGroupV4,
  listOffsetsV7,
  metadataV12,
  offsetCommitV8,
  offsetFetchV8,
  protocolErrors,
  protocolErrorsCodesById,
  syncGroupV5
} from '@platformatic/kafka'
import { asError } from '../errors.ts'
import { saslNames, type BrokerAddress, type SourceOptions } from '../source-options.ts'
import { StreamConnection, type StreamConnectionOptions } from './stream-connection.ts'

/**
 * One connection to one broker. A broker answers in the order it is asked, so an answer that nobody waits for any more would be
 * taken for that of the next request. An answer that comes too late therefore closes the connection.
 */
export interface BrokerConnection {
  readonly address: BrokerAddress
  /** Sends one request. Rejects with the broker's error, at the time limit, or when the connection breaks. */
  call<T>(limitMs: number, send: (connection: StreamConnection) => Promise<T>): Promise<T>
  alive(): boolean
  close(): void
}

/** The versions of the protocol that are spoken; each is there from Kafka 3.2 on. */
const spoken = [
  fetchV13,
  findCoordinatorV4,
  heartbeatV4,
  joinGroupV9,
  leaveGroupV4,
  listOffsetsV7,
  metadataV12,
  offsetCommitV8,
  offsetFetchV8,
  syncGroupV5
].map(({ api }) => ({ key: api.key, version: api.version }))

export class UnsuitableBrokerError extends Error {
  override readonly name = 'UnsuitableBrokerError'
}

function connectionOptions(address: BrokerAddress, options: SourceOptions): StreamConnectionOptions {
  const { tls, sasl } = options
  return {
    clientId: options.clientId,
    connectTimeoutMs: options.connectTimeoutMs,
    answerBytesMax: Math.max(answerBytesMaxLeast, options.fetchMaxBytes * 16 + MiB),
    tls:
      tls === null
        ? null
        : {
            ...(tls.ca === undefined ? {} : { ca: tls.ca }),
            ...(tls.cert === undefined ? {} : { cert: tls.cert }),
            ...(tls.key === undefined ? {} : { key: tls.key }),
            ...(tls.passphrase === undefined ? {} : { passphrase: tls.passphrase })
          },
    // Node names no server by itself, and no server may be named by its address.
    serverName: tls?.serverName ?? (isIP(address.host) === 0 ? address.host : null),
    credentials:
      sasl === null
        ? null
        : { mechanism: saslNames[sasl.mechanism], username: sasl.username, password: sasl.password }
  }
}

const MiB = 1024 * 1024
/** A broker sends the first batch of a fetch whole, however large it is: so much is taken in any case. */
const answerBytesMaxLeast = 256 * MiB

/** Connects, logs in and makes sure that the broker speaks the versions used here. */
export async function connectBroker(
  address: BrokerAddress,
  options: SourceOptions
): Promise<BrokerConnection> {
  const connection = new StreamConnection(connectionOptions(address, options))
  let broken: Error | null = null
  // An array and not a Set. When a Set grows, V8 leaves its old table pointing to the new one, so what has long been removed from
  // it stays in memory until the next full collection. Here that would be every answer.
  const breakers: ((error: Error) => void)[] = []
  const breakWith = (error: Error): void => {
    broken ??= error
    for (const reject of [...breakers]) reject(broken)
    // It is broken already: whether it can be closed in order matters to nobody.
    connection.close().catch(() => undefined)
  }
  connection.on('error', breakWith)
  connection.on('close', () =>
    breakWith(new Error(`The connection to ${address.host}:${address.port} was closed.`))
  )

  const limited = <T>(limitMs: number, work: Promise<T>, what: string): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer)
        breakers.splice(breakers.indexOf(fail), 1)
      }
      const fail = (error: Error): void => {
        done()
        reject(error)
      }
      const timer = setTimeout(() => {
        breakWith(new Error(`${address.host}:${address.port} did not ${what} within ${limitMs} ms.`))
      }, limitMs)
      breakers.push(fail)
      work.then(
        value => {
          done()
          resolve(value)
        },
        (error: unknown) => fail(asError(error))
      )
    })

  const call = async <T>(limitMs: number, send: (connection: StreamConnection) => Promise<T>): Promise<T> => {
    if (broken !== null) throw broken
    return limited(limitMs, send(connection), 'answer')
  }

  try {
    await limited(
      options.connectTimeoutMs * 2,
      connection.connect(address.host, address.port),
      'complete the connection'
    )
    const versions = await call(options.requestTimeoutMs, c =>
      apiVersionsV3.api.async(c, 'svetofor', '1').catch((error: unknown) => {
        if (errorCodes(error).includes(unsupportedVersion)) throw tooOld(address)
        throw error
      })
    )
    const ranges = new Map(versions.apiKeys.map(api => [api.apiKey, api]))
    for (const { key, version } of spoken) {
      const range = ranges.get(key)
      if (range === undefined || version < range.minVersion || version > range.maxVersion)
        throw tooOld(address)
    }
  } catch (error) {
    breakWith(asError(error))
    throw error
  }

  return {
    address,
    call,
    alive: () => broken === null && connection.isConnected(),
    close: () => breakWith(new Error(`The connection to ${address.host}:${address.port} was closed by us.`))
  }
}

const unsupportedVersion = 35

function tooOld(address: BrokerAddress): UnsuitableBrokerError {
  return new UnsuitableBrokerError(
    `The broker ${address.host}:${address.port} does not speak the protocol of Kafka 3.2 or later that the source "batch" needs; choose the source "kafkajs" or "node-rdkafka" for it.`
  )
}

/** The broker's numeric error codes in an error of the library, from the outermost inwards. */
export function errorCodes(error: unknown): number[] {
  const found: number[] = []
  const visit = (value: unknown, depth: number): void => {
    if (!(value instanceof Error) || depth > 4) return
    if ('apiCode' in value && typeof value.apiCode === 'number') found.push(value.apiCode)
    if (value instanceof AggregateError) for (const inner of value.errors) visit(inner, depth + 1)
    visit(value.cause, depth + 1)
  }
  visit(error, 0)
  return found
}

/** Whether an error of the library carries one of its codes, such as PLT_KFK_AUTHENTICATION. */
export function hasLibraryCode(error: unknown, code: string): boolean {
  for (let value = error, depth = 0; value instanceof Error && depth < 5; value = value.cause, depth++)
    if ('code' in value && value.code === code) return true
  return false
}

/** An error code as the protocol names it, with what it means. */
export function describeCode(code: number): string {
  const id = (protocolErrorsCodesById as Readonly<Record<string, string>>)[code]
  if (id === undefined) return `error ${code}`
  const known = (protocolErrors as Readonly<Record<string, { readonly message: string } | undefined>>)[id]
  return known === undefined ? id : `${id}: ${known.message}`
}

/** The answer that came with a broker's error, where the library kept it. */
export function responseOf(error: unknown): unknown {
  return error instanceof Error && 'response' in error ? error.response : undefined
}

/** One line that says what went wrong: the broker's words where it gave any, else the innermost cause's. */
export function reasonOf(error: unknown): string {
  const codes = errorCodes(error)
  if (codes.length > 0) return [...new Set(codes)].map(describeCode).join('; ')
  const found = asError(error)
  const inner: unknown = found instanceof AggregateError ? found.errors[0] : found.cause
  return inner instanceof Error && !found.message.includes(inner.message)
    ? `${found.message} (${inner.message})`
    : found.message
}
