import type { Lists } from '../lists.ts'

/** The order of a network that may have rings: nodes after what feeds them, the nodes of a ring together. */
export interface Order {
  /** Every parent before its children, but for those of one ring, which stand side by side. */
  readonly order: Int32Array
  /** Longest way to a node without parents, in steps; nodes of one ring are equally deep. */
  readonly depth: Int32Array
  /** Number of the ring a node stands in, or -1. */
  readonly ringOf: Int32Array
  readonly rings: Lists
  /**
   * The parent a node belongs to: the first it lists, but never one that is fed by it. In a ring, what the ring's way in
   * leads to first. -1 for a node without parents. Following it always ends at a core.
   */
  readonly home: Int32Array
}

/** What is wrong with a ring: nobody feeds it from outside, or a neighbour does not list the other. */
export type RingProblem = 'no way in' | 'one-sided'

/** Calls `onProblem` once for each ring that is none, with nodes that lead from one to the next and back. */
export function orderOf(
  parents: Lists,
  children: Lists,
  onProblem: (problem: RingProblem, cycle: readonly number[]) => void
): Order {
  const nodeCount = parents.start.length - 1
  const order = new Int32Array(nodeCount)
  const waiting = new Int32Array(nodeCount)
  let end = 0
  for (let i = 0; i < nodeCount; i++) {
    waiting[i] = parents.start[i + 1]! - parents.start[i]!
    if (waiting[i] === 0) order[end++] = i
  }
  for (let at = 0; at < end; at++) {
    const i = order[at]!
    for (let e = children.start[i]!; e < children.start[i + 1]!; e++) {
      const child = children.list[e]!
      if (--waiting[child]! === 0) order[end++] = child
    }
  }
  const ringOf = new Int32Array(nodeCount).fill(-1)
  const ringStart: number[] = [0]
  const ringList: number[] = []
  if (end < nodeCount) {
    for (const group of groupsUpwards(parents, waiting)) {
      for (const node of group) order[end++] = node
      const isRing = group.length > 1 || isOwnParent(parents, group[0]!)
      if (!isRing) continue
      for (const node of group) {
        ringOf[node] = ringStart.length - 1
        ringList.push(node)
      }
      ringStart.push(ringList.length)
    }
  }
  const rings = { start: Int32Array.from(ringStart), list: Int32Array.from(ringList) }
  const depth = depthsOf(parents, order, ringOf, rings)
  const home = homesOf(parents, children, ringOf, rings)
  for (let r = 0; r + 1 < rings.start.length; r++) checkRing(parents, ringOf, rings, r, onProblem)
  return { order, depth, ringOf, rings, home }
}

function isOwnParent(parents: Lists, node: number): boolean {
  for (let e = parents.start[node]!; e < parents.start[node + 1]!; e++) {
    if (parents.list[e] === node) return true
  }
  return false
}

/** Groups of nodes that are each other's ancestors, among those left waiting; what feeds a group comes before it (Tarjan). */
function* groupsUpwards(parents: Lists, waiting: Int32Array): Generator<readonly number[]> {
  const count = waiting.length
  /** When a node was come to, from 1; 0 for not yet. */
  const visit = new Int32Array(count)
  const lowest = new Int32Array(count)
  const isOpen = new Uint8Array(count)
  const nextEdge = new Int32Array(count)
  const open: number[] = []
  const way: number[] = []
  let visits = 0
  for (let from = 0; from < count; from++) {
    if (waiting[from] === 0 || visit[from] !== 0) continue
    way.push(from)
    while (way.length > 0) {
      const at = way.at(-1)!
      if (visit[at] === 0) {
        visit[at] = lowest[at] = ++visits
        nextEdge[at] = parents.start[at]!
        isOpen[at] = 1
        open.push(at)
      }
      let next = -1
      while (next === -1 && nextEdge[at]! < parents.start[at + 1]!) {
        const parent = parents.list[nextEdge[at]!++]!
        if (waiting[parent] === 0) continue
        if (visit[parent] === 0) next = parent
        else if (isOpen[parent] === 1) lowest[at] = Math.min(lowest[at]!, visit[parent]!)
      }
      if (next !== -1) {
        way.push(next)
        continue
      }
      way.pop()
      const before = way.at(-1)
      if (before !== undefined) lowest[before] = Math.min(lowest[before]!, lowest[at]!)
      if (lowest[at] !== visit[at]) continue
      const group = open.splice(open.lastIndexOf(at))
      for (const node of group) isOpen[node] = 0
      yield group
    }
  }
}

function depthsOf(parents: Lists, order: Int32Array, ringOf: Int32Array, rings: Lists): Int32Array {
  const depth = new Int32Array(order.length)
  const deepen = (node: number, ring: number): number => {
    let deepest = 0
    for (let e = parents.start[node]!; e < parents.start[node + 1]!; e++) {
      const parent = parents.list[e]!
      if (ring === -1 || ringOf[parent] !== ring) deepest = Math.max(deepest, depth[parent]! + 1)
    }
    return deepest
  }
  let done = -1
  for (const node of order) {
    const ring = ringOf[node]!
    if (ring === -1) depth[node] = deepen(node, -1)
    else if (ring !== done) {
      let deepest = 0
      const members = rings.list.subarray(rings.start[ring], rings.start[ring + 1])
      for (const member of members) deepest = Math.max(deepest, deepen(member, ring))
      for (const member of members) depth[member] = deepest
      done = ring
    }
  }
  return depth
}

function homesOf(parents: Lists, children: Lists, ringOf: Int32Array, rings: Lists): Int32Array {
  const home = new Int32Array(ringOf.length).fill(-1)
  for (let node = 0; node < home.length; node++) {
    for (let e = parents.start[node]!; e < parents.start[node + 1]!; e++) {
      const parent = parents.list[e]!
      if (ringOf[node] !== -1 && ringOf[parent] === ringOf[node]) continue
      home[node] = parent
      break
    }
  }
  // Within a ring, from where it is fed onwards, a step at a time.
  const fed = [...rings.list].filter(node => home[node] !== -1)
  for (const at of fed) {
    for (let e = children.start[at]!; e < children.start[at + 1]!; e++) {
      const child = children.list[e]!
      if (ringOf[child] !== ringOf[at] || home[child] !== -1) continue
      home[child] = at
      fed.push(child)
    }
  }
  return home
}

function checkRing(
  parents: Lists,
  ringOf: Int32Array,
  rings: Lists,
  ring: number,
  onProblem: (problem: RingProblem, cycle: readonly number[]) => void
): void {
  const members = rings.list.subarray(rings.start[ring], rings.start[ring + 1])
  const parentsOf = (node: number): Int32Array =>
    parents.list.subarray(parents.start[node], parents.start[node + 1])
  const isFed = members.some(node => parentsOf(node).some(parent => ringOf[parent] !== ring))
  const onesided = members.find(node =>
    parentsOf(node).some(
      parent => ringOf[parent] === ring && (parent === node || !parentsOf(parent).includes(node))
    )
  )
  if (onesided !== undefined) onProblem('one-sided', cycleFrom(onesided, parentsOf, ringOf))
  else if (!isFed) onProblem('no way in', cycleFrom(Math.min(...members), parentsOf, ringOf))
}

/** A shortest walk over parents from a node of a ring back to itself. */
function cycleFrom(
  from: number,
  parentsOf: (node: number) => Int32Array,
  ringOf: Int32Array
): readonly number[] {
  const cameFrom = new Map<number, number>()
  const walk = [from]
  for (const at of walk) {
    for (const parent of parentsOf(at)) {
      if (parent === from) {
        const cycle = [at]
        for (let back = at; back !== from;) {
          back = cameFrom.get(back)!
          cycle.push(back)
        }
        return cycle.reverse()
      }
      if (ringOf[parent] !== ringOf[from] || cameFrom.has(parent)) continue
      cameFrom.set(parent, at)
      walk.push(parent)
    }
  }
  return [from]
}
