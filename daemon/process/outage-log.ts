import type { Logger } from 'pino'

/** A loss that is over sooner (ms) is not worth two lines: a group that rebalances, a connection that is opened anew. */
const saidAfterMs = 3000
const repeatMs = 60_000

/**
 * Says once when something that should be there is lost, again every minute while it lasts, and once when it is back, with
 * how long it was away. Told several times a second how things are.
 */
export interface OutageLog {
  /** `what` names it as the line begins ("Kafka at …"); `detail` says what is wrong while `ok` is false. */
  look(what: string, ok: boolean, detail: string): void
}

export function createOutageLog(logger: Pick<Logger, 'info' | 'warn'>, nowMs: () => number): OutageLog {
  const lost = new Map<string, { readonly sinceMs: number; saidMs: number | null }>()
  return {
    look(what, ok, detail) {
      const now = nowMs()
      const found = lost.get(what)
      if (ok) {
        if (found === undefined) return
        lost.delete(what)
        if (found.saidMs !== null) logger.info({ forS: seconds(now - found.sinceMs) }, `${what} is back`)
        return
      }
      if (found === undefined) {
        lost.set(what, { sinceMs: now, saidMs: null })
        return
      }
      const due = found.saidMs === null ? now - found.sinceMs >= saidAfterMs : now - found.saidMs >= repeatMs
      if (!due) return
      const isFirst = found.saidMs === null
      found.saidMs = now
      const fields = { forS: seconds(now - found.sinceMs), ...(detail === '' ? {} : { detail }) }
      logger.warn(fields, isFirst ? `${what} is lost` : `${what} is still away`)
    }
  }
}

const seconds = (ms: number): number => Math.round(ms / 1000)
