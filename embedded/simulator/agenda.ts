import type { SimulatedRecord } from './readings.ts'

/** The world's own events, in time order; those of one moment in the order they were put in. */
export interface Agenda {
  at(timeMs: number, act: Due['act']): void
  /** When the first is due (ms); Infinity when there is none. */
  nextMs(): number
  /** Takes the first out. There must be one. */
  take(): Due
}

interface Due {
  readonly timeMs: number
  readonly order: number
  readonly act: (emit: (record: SimulatedRecord) => void) => void
}
export function createAgenda(): Agenda {
  const heap: Due[] = []
  let orders = 0
  const before = (a: Due, b: Due): boolean =>
    a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.order < b.order)
  const at = (timeMs: number, act: Due['act']): void => {
    let i = heap.length
    const due: Due = { timeMs, order: orders++, act }
    heap.push(due)
    while (i > 0) {
      const up = (i - 1) >> 1
      const parent = heap[up] as Due
      if (!before(due, parent)) break
      heap[i] = parent
      i = up
    }
    heap[i] = due
  }
  const take = (): Due => {
    const top = heap[0] as Due
    const last = heap.pop() as Due
    if (heap.length > 0) {
      let i = 0
      for (;;) {
        let down = 2 * i + 1
        if (down >= heap.length) break
        if (down + 1 < heap.length && before(heap[down + 1] as Due, heap[down] as Due)) down++
        if (!before(heap[down] as Due, last)) break
        heap[i] = heap[down] as Due
        i = down
      }
      heap[i] = last
    }
    return top
  }

  return { at, take, nextMs: () => heap[0]?.timeMs ?? Infinity }
}
