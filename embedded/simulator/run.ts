import type { SimulatedRecord } from './readings.ts'
import type { Simulation } from './simulation.ts'
import type { RecordSink } from './sink.ts'

export interface RunOptions {
  readonly simulation: Simulation
  readonly sink: RecordSink
  /** Simulated time begins here, and passes as the clock does. */
  readonly startMs: number
  readonly clock?: Clock
  readonly tickMs?: number
  readonly batchRecordsMax?: number
  /** Stop after this many records, or after this much simulated time; 0 for neither. */
  readonly recordsMax?: number
  readonly durationMs?: number
  /** Do not wait for the clock: simulated time runs as fast as the sink takes it (with an end given). */
  readonly flatOut?: boolean
  readonly onSent?: (records: number) => void
}

interface Clock {
  nowMs(): number
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

export interface SimulatorRun {
  /** Resolves with the number of records sent when the run ends; rejects when the sink fails. */
  readonly done: Promise<number>
  sent(): number
  /** Ends the run after the batch under way and closes the sink. */
  stop(): Promise<number>
}

const systemClock: Clock = {
  nowMs: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise(resolve => {
      if (signal.aborted) return resolve()
      const wake = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      const timer = setTimeout(wake, ms)
      signal.addEventListener('abort', wake)
    })
}

/** Plays a simulation into a sink by the clock. At most one batch is in flight; a slow sink makes it run late. */
export function runSimulator(options: RunOptions): SimulatorRun {
  const { simulation, sink, startMs } = options
  const clock = options.clock ?? systemClock
  const tickMs = options.tickMs ?? 100
  const batchRecordsMax = options.batchRecordsMax ?? 5_000
  const recordsMax = options.recordsMax ?? 0
  const endMs = (options.durationMs ?? 0) > 0 ? startMs + (options.durationMs ?? 0) : Infinity
  const flatOut = options.flatOut ?? false
  if (flatOut && endMs === Infinity && recordsMax === 0)
    throw new Error('simulator: to run flat out, say when to end (a count of records or a duration)')
  const stopping = new AbortController()
  let sent = 0

  const send = async (records: SimulatedRecord[]): Promise<void> => {
    for (let from = 0; from < records.length; from += batchRecordsMax) {
      const room = recordsMax > 0 ? recordsMax - sent : Infinity
      const part = records.slice(from, from + Math.min(batchRecordsMax, room))
      if (part.length === 0 || stopping.signal.aborted) return
      await sink.send(part)
      sent += part.length
      options.onSent?.(part.length)
    }
  }

  const play = async (): Promise<number> => {
    const beganMs = clock.nowMs()
    let simulatedMs = startMs
    try {
      while (!stopping.signal.aborted && simulatedMs < endMs && (recordsMax === 0 || sent < recordsMax)) {
        const wantedMs = flatOut ? simulatedMs + tickMs : startMs + clock.nowMs() - beganMs
        // A second at most in one go: after a pause of the machine the records come in order, not in one heap.
        const toMs = Math.min(endMs, wantedMs, simulatedMs + 1_000)
        if (toMs > simulatedMs) {
          const records: SimulatedRecord[] = []
          simulation.advance(toMs, record => records.push(record))
          simulatedMs = toMs
          await send(records)
        }
        if (!flatOut && wantedMs - simulatedMs < tickMs) await clock.sleep(tickMs, stopping.signal)
      }
      return sent
    } finally {
      await sink.close()
    }
  }

  const done = play()
  // The caller may look at `done` late; a failure before that is not an unhandled one.
  done.catch(() => undefined)
  return {
    done,
    sent: () => sent,
    stop: async () => {
      stopping.abort()
      return done
    }
  }
}
