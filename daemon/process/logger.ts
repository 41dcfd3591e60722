import { pino, type DestinationStream, type Logger } from 'pino'
import pretty from 'pino-pretty'

/**
 * The log of the daemon and of the demonstration: one line an event, for someone who was woken by it. A stack is for
 * faults of the program itself; a server that is down is told by its own words.
 */
export function createLogger(options: {
  readonly level: string
  /** For a person's eyes rather than for a log store. */
  readonly pretty: boolean
  readonly colour?: boolean
  readonly destination?: DestinationStream
}): Logger {
  const { level, destination } = options
  const serializers = { err: describeError, error: describeError }
  if (options.pretty)
    return pino(
      { level, serializers },
      pretty({
        ignore: 'pid,hostname',
        sync: true,
        singleLine: true,
        ...(options.colour === undefined ? {} : { colorize: options.colour })
      })
    )
  const settings = {
    level,
    serializers,
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime
  }
  return destination === undefined ? pino(settings) : pino(settings, destination)
}

const faultsOfOurs: readonly string[] = ['TypeError', 'RangeError', 'ReferenceError', 'AssertionError']

function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  return {
    type: error.name,
    message: error.message,
    ...('code' in error ? { code: error.code } : {}),
    ...(error.cause instanceof Error ? { cause: error.cause.message } : {}),
    ...(faultsOfOurs.includes(error.name) ? { stack: error.stack } : {})
  }
}
