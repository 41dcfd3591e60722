import type { Logger } from 'pino'

const repeatMs = 60_000
const troublesMax = 100

/** Says what is in trouble; `error` is the server's own words, or what was thrown. */
export type TroubleLog = (sentence: string, error?: unknown) => void

/**
 * Says of a trouble that lasts (a server that is down) when it begins and then once a minute, one line each: what,
 * where, and the server's own words. Nobody is helped by a stack of ours, or by a line an attempt.
 */
export function createTroubleLog(logger: Logger, nowMs: () => number): TroubleLog {
  const said = new Map<string, { atMs: number; untold: number }>()
  return (sentence, error) => {
    const last = said.get(sentence)
    if (last !== undefined && nowMs() - last.atMs < repeatMs) {
      last.untold++
      return
    }
    if (said.size >= troublesMax) said.clear()
    said.set(sentence, { atMs: nowMs(), untold: 0 })
    logger.warn(
      {
        ...(error === undefined ? {} : { error: error instanceof Error ? error.message : error }),
        ...(last === undefined || last.untold === 0 ? {} : { timesSince: last.untold })
      },
      sentence
    )
  }
}
