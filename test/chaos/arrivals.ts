import { statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** When Kafka took a record, by this machine's clock (ms): somewhere between the two. */
export interface Arrival {
  readonly notBeforeMs: number
  readonly byMs: number
}

/** Undefined where it is not known. */
export type Arrivals = (partition: number, offset: number) => Arrival | undefined

export interface ArrivalWatch {
  /** Looks a last time and ends: what is known of every record. */
  end(): Promise<Arrivals>
}

const lookMs = 20

/** A log that had another length: at `notBeforeMs` it had not, at `byMs` it had. */
interface Growth extends Arrival {
  readonly size: number
}

/**
 * Watches the files in which a broker on this machine keeps a topic, because producers set the time of a record and Kafka keeps none of its
 * own beside it. A look costs the broker nothing, and where the machine is busy a record is known to have come between two looks that lie
 * further apart: never earlier than it did.
 */
export function watchArrivals(dataDir: string, topic: string, partitions: number): ArrivalWatch {
  const logs = Array.from({ length: partitions }, (_, partition) => ({
    path: join(dataDir, `${topic}-${partition}`, `${'0'.repeat(20)}.log`),
    growth: createGrowth()
  }))
  const look = (): void => {
    for (const { path, growth } of logs) {
      const beforeMs = Date.now()
      const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
      growth.seen(size, beforeMs, Date.now())
    }
  }
  look()
  const timer = setInterval(look, lookMs)
  return {
    async end() {
      clearInterval(timer)
      look()
      const known = await Promise.all(
        logs.map(async ({ path, growth }) =>
          arrivalsIn(await readFile(path).catch(() => Buffer.alloc(0)), growth.all())
        )
      )
      return (partition, offset) => known[partition]?.(offset)
    }
  }
}

/** How a log grew, by looks at its length. */
export function createGrowth() {
  const steps: Growth[] = []
  let notBeforeMs = -Infinity
  return {
    /** The look began and ended at these times. */
    seen(size: number, beganMs: number, endedMs: number): void {
      // A broker that was killed may cut off what it had written in part.
      while ((steps.at(-1)?.size ?? 0) > size) steps.pop()
      if (size > (steps.at(-1)?.size ?? 0)) steps.push({ size, notBeforeMs, byMs: endedMs })
      notBeforeMs = beganMs
    },
    all: (): readonly Growth[] => steps
  }
}

/** When the records of a log came: its batches lie one behind the other, and each came when the log had grown beyond its end. */
export function arrivalsIn(log: Buffer, growth: readonly Growth[]): (offset: number) => Arrival | undefined {
  const lasts: number[] = []
  const arrivals: Arrival[] = []
  let step = 0
  for (let at = 0; at + headerBytes <= log.length;) {
    const end = at + 12 + log.readInt32BE(at + 8)
    if (end > log.length) break
    while (step < growth.length && growth[step]!.size < end) step++
    const found = growth[step]
    if (found === undefined) break
    lasts.push(Number(log.readBigInt64BE(at)) + log.readInt32BE(at + 23))
    arrivals.push(found)
    at = end
  }
  return offset => {
    let low = 0
    for (let high = lasts.length; low < high;) {
      const middle = (low + high) >> 1
      if (lasts[middle]! < offset) low = middle + 1
      else high = middle
    }
    return arrivals[low]
  }
}

/** Of a RecordBatch v2: first offset, length, …, offset of the last record against the first. */
const headerBytes = 61
