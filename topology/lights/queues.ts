/**
 * Queues of numbers that hold half a million of them without an object for each, and of which a part can be taken now and the rest
 * in a later turn. They grow by doubling.
 */

/** What an empty queue gives: no node, and no collector's code. */
export const empty = -2_147_483_648

const firstCapacity = 64

/** Numbers in the order they came. */
export interface Fifo {
  size(): number
  push(value: number): void
  /** The first, which is taken out; `empty` where there is none. */
  shift(): number
}

export function createFifo(): Fifo {
  let list = new Int32Array(firstCapacity)
  let head = 0
  let tail = 0
  return {
    size: () => tail - head,
    push(value) {
      if (tail === list.length) {
        const kept = list.subarray(head, tail)
        // What was taken out makes room before more is asked for.
        const next = kept.length * 2 > list.length ? new Int32Array(list.length * 2) : list
        next.set(kept)
        list = next
        tail -= head
        head = 0
      }
      list[tail++] = value
    },
    shift() {
      if (head === tail) return empty
      const value = list[head++]!
      if (head === tail) head = tail = 0
      return value
    }
  }
}

/** Nodes, and the few codes of collectors, each once, in the order they came. */
export interface RootQueue {
  size(): number
  add(root: number): void
  /** The first, which is taken out; `empty` where there is none. */
  shift(): number
}

export function createRootQueue(nodeCount: number): RootQueue {
  const fifo = createFifo()
  const isQueued = new Uint8Array(nodeCount)
  const collectors = new Set<number>()
  return {
    size: () => fifo.size(),
    add(root) {
      if (root < 0) {
        if (collectors.has(root)) return
        collectors.add(root)
      } else {
        if (isQueued[root] === 1) return
        isQueued[root] = 1
      }
      fifo.push(root)
    },
    shift() {
      const root = fifo.shift()
      if (root >= 0) isQueued[root] = 0
      else collectors.delete(root)
      return root
    }
  }
}

/** Nodes that are in it or not, to be gone over in any order. */
export interface NodeSet {
  size(): number
  add(node: number): void
  delete(node: number): void
  /** The one at a place below `size()`. */
  at(place: number): number
}

export function createNodeSet(nodeCount: number): NodeSet {
  let list = new Int32Array(firstCapacity)
  let size = 0
  /** Where each stands in the list, counted from 1; 0 for those that are not in it. */
  const places = new Int32Array(nodeCount)
  return {
    size: () => size,
    add(node) {
      if (places[node] !== 0) return
      if (size === list.length) {
        const next = new Int32Array(size * 2)
        next.set(list)
        list = next
      }
      list[size++] = node
      places[node] = size
    },
    delete(node) {
      const place = places[node]!
      if (place === 0) return
      const last = list[--size]!
      list[place - 1] = last
      places[last] = place
      places[node] = 0
    },
    at: place => list[place]!
  }
}

/** Numbers by when each is due: the earliest first, of several the smallest. */
export interface Heap {
  size(): number
  push(key: number, value: number): void
  /** The key of the first; Infinity where there is none. */
  firstKey(): number
  /** The first; `empty` where there is none. */
  first(): number
  /** Takes the first out, and gives it; `empty` where there is none. */
  shift(): number
  /** The one at a place below `size()`, in no order. */
  at(place: number): number
}

export function createHeap(): Heap {
  let keys = new Float64Array(firstCapacity)
  let values = new Int32Array(firstCapacity)
  let size = 0
  const isBefore = (key: number, value: number, place: number): boolean =>
    key < keys[place]! || (key === keys[place]! && value < values[place]!)
  const put = (place: number, key: number, value: number): void => {
    keys[place] = key
    values[place] = value
  }
  return {
    size: () => size,
    push(key, value) {
      if (size === keys.length) {
        const nextKeys = new Float64Array(size * 2)
        nextKeys.set(keys)
        keys = nextKeys
        const nextValues = new Int32Array(size * 2)
        nextValues.set(values)
        values = nextValues
      }
      let place = size++
      while (place > 0) {
        const above = (place - 1) >> 1
        if (!isBefore(key, value, above)) break
        put(place, keys[above]!, values[above]!)
        place = above
      }
      put(place, key, value)
    },
    firstKey: () => (size === 0 ? Infinity : keys[0]!),
    first: () => (size === 0 ? empty : values[0]!),
    shift() {
      if (size === 0) return empty
      const first = values[0]!
      const key = keys[--size]!
      const value = values[size]!
      let place = 0
      for (;;) {
        let below = 2 * place + 1
        if (below >= size) break
        if (below + 1 < size && isBefore(keys[below + 1]!, values[below + 1]!, below)) below++
        if (!isBefore(keys[below]!, values[below]!, size)) break
        put(place, keys[below]!, values[below]!)
        place = below
      }
      put(place, key, value)
      return first
    },
    at: place => values[place]!
  }
}
