/** A binary heap of moments, earliest first; those of one moment come out in the order they went in. */
export interface Deadlines<T> {
  push(atMs: number, item: T): void
  /** The earliest moment, or undefined when there is none. */
  peek(): { readonly atMs: number; readonly item: T } | undefined
  pop(): { readonly atMs: number; readonly item: T } | undefined
  size(): number
  /** Leaves only the entries that `keep` says are still meant. */
  prune(keep: (atMs: number, item: T) => boolean): void
}

export function createDeadlines<T>(): Deadlines<T> {
  interface Entry {
    readonly atMs: number
    readonly order: number
    readonly item: T
  }
  let heap: Entry[] = []
  let order = 0
  const before = (a: Entry, b: Entry): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)

  const push = (entry: Entry): void => {
    let at = heap.length
    heap.push(entry)
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent]
      if (above === undefined || !before(entry, above)) break
      heap[at] = above
      at = parent
    }
    heap[at] = entry
  }

  const sink = (entry: Entry): void => {
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      let lower = heap[child]
      const right = heap[child + 1]
      if (lower !== undefined && right !== undefined && before(right, lower)) {
        lower = right
        child++
      }
      if (lower === undefined || !before(lower, entry)) break
      heap[at] = lower
      at = child
    }
    heap[at] = entry
  }

  return {
    push: (atMs, item) => push({ atMs, order: order++, item }),
    peek: () => heap[0],
    pop() {
      const top = heap[0]
      const last = heap.pop()
      if (top !== undefined && last !== undefined && heap.length > 0) sink(last)
      return top
    },
    size: () => heap.length,
    prune(keep) {
      const kept = heap.filter(entry => keep(entry.atMs, entry.item))
      heap = []
      for (const entry of kept) push(entry)
    }
  }
}
