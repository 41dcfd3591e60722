import { isIP } from 'node:net'
// Node does not see CompressionCodecs among the names of this CommonJS module, so it is taken off the whole.
import kafkajs, {
  CompressionTypes,
  type KafkaConfig,
  type LogEntry,
  logLevel,
  type SASLOptions
} from 'kafkajs'
import type { Logger } from 'pino'
import { createDecompressor } from '../../schemas/records/decompress.ts'
import type { SourceOptions } from '../source-options.ts'

/** What the kafkajs source and the dead-letter producer are both made from. */
export type KafkaJsSettings = Pick<
  SourceOptions,
  'brokers' | 'clientId' | 'tls' | 'sasl' | 'connectTimeoutMs' | 'requestTimeoutMs' | 'logger'
>

export function kafkaJsConfig(options: KafkaJsSettings): KafkaConfig {
  const { tls, sasl } = options
  return {
    clientId: options.clientId,
    brokers: [...options.brokers],
    connectionTimeout: options.connectTimeoutMs,
    authenticationTimeout: options.connectTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    logLevel: logLevel.WARN,
    logCreator: () => entry => logEntry(options.logger, entry),
    ...(tls === null
      ? {}
      : {
          ssl: {
            ...(tls.ca === undefined ? {} : { ca: tls.ca }),
            ...(tls.cert === undefined ? {} : { cert: tls.cert }),
            ...(tls.key === undefined ? {} : { key: tls.key }),
            ...(tls.passphrase === undefined ? {} : { passphrase: tls.passphrase }),
            ...serverName(tls.serverName, options.brokers)
          }
        }),
    ...(sasl === null
      ? {}
      : {
          sasl: {
            mechanism: sasl.mechanism,
            username: sasl.username,
            password: sasl.password
          } as SASLOptions
        })
  }
}

/** kafkajs names the broker's host by itself; an address may not be named, so then the name must be left empty. */
function serverName(given: string | undefined, brokers: readonly string[]): { servername?: string } {
  if (given !== undefined) return { servername: given }
  const hosts = brokers.map(broker => broker.replace(/:\d+$/, '').replace(/^\[|\]$/g, ''))
  return hosts.every(host => isIP(host) !== 0) ? { servername: '' } : {}
}

/** Said of every idempotent producer with limited retries; the dead-letter sink is made for that. */
const expected = /^Limiting retries for the idempotent producer/

/** What kafkajs calls an error is mostly something it then mends by itself. */
function logEntry(logger: Logger, entry: LogEntry): void {
  const { message, error, groupId, broker }: Record<string, unknown> & { message: string } = entry.log
  const fields = { client: 'kafkajs', scope: entry.namespace, groupId, broker, error }
  if (entry.level <= logLevel.WARN && !expected.test(message)) logger.warn(fields, message)
  else logger.debug(fields, message)
}

/**
 * Registers the codecs that kafkajs lacks. They are held by the kafkajs module, one set for the process, so this
 * may be called any number of times.
 */
export function registerCodecs(decompressedBytesMax: number): void {
  const codecs: Record<number, unknown> = kafkajs.CompressionCodecs
  for (const codec of [CompressionTypes.Snappy, CompressionTypes.LZ4, CompressionTypes.ZSTD]) {
    codecs[codec] = () => ({
      compress: () =>
        Promise.reject(new Error('Svetofor reads this compression with kafkajs, but does not write it.')),
      decompress: (input: Buffer) => {
        // One decompressor a call: its buffer is handed out, and kafkajs keeps slices of it.
        const { bytes, length } = createDecompressor(decompressedBytesMax).decompress(codec, input)
        return Promise.resolve(Buffer.from(bytes.buffer, bytes.byteOffset, length))
      }
    })
  }
}
