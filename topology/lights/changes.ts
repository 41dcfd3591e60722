import { lights } from '../../schemas/words.ts'
import type { CompiledInventory } from '../compile.ts'
import type { LightCause, LightChange, LightChanges } from '../model.ts'

/**
 * Changes of lights as they are made. When half a network goes dark there are half a million of them, so they are kept in columns, and
 * an object with its texts is made of one only when it is told.
 */
export interface ChangeColumns {
  count: number
  nodes: Int32Array
  /** Codes of the lights before, now, and the node's own: two bits each. */
  codes: Uint8Array
  /** Where the cause of each stands in `causes`: neighbours mostly have one in common. */
  causeOf: Int32Array
  /** Null for a node that is well: its cause is that there is none. */
  causes: (LightCause | null)[]
}

const firstCapacity = 256

export const noChanges = (): ChangeColumns => ({
  count: 0,
  nodes: new Int32Array(firstCapacity),
  codes: new Uint8Array(firstCapacity),
  causeOf: new Int32Array(firstCapacity),
  causes: []
})

export function addChange(
  columns: ChangeColumns,
  node: number,
  from: number,
  to: number,
  own: number,
  cause: LightCause | null
): void {
  const { causes } = columns
  const at = columns.count++
  if (at === columns.nodes.length) grow(columns)
  columns.nodes[at] = node
  columns.codes[at] = from | (to << 2) | (own << 4)
  if (causes.length === 0 || causes[causes.length - 1] !== cause) causes.push(cause)
  columns.causeOf[at] = causes.length - 1
}

function grow(columns: ChangeColumns): void {
  const { nodes, codes, causeOf } = columns
  const capacity = nodes.length * 2
  columns.nodes = new Int32Array(capacity)
  columns.nodes.set(nodes)
  columns.codes = new Uint8Array(capacity)
  columns.codes.set(codes)
  columns.causeOf = new Int32Array(capacity)
  columns.causeOf.set(causeOf)
}

const nothing: LightChanges = { length: 0, [Symbol.iterator]: () => [][Symbol.iterator]() }

/** The same for who is told of them; the columns are empty afterwards, and take others. */
export function takeChanges(
  inventory: CompiledInventory,
  columns: ChangeColumns,
  atMs: number
): LightChanges {
  const { count, causes } = columns
  if (count === 0) return nothing
  const nodes = columns.nodes.slice(0, count)
  const codes = columns.codes.slice(0, count)
  const causeOf = columns.causeOf.slice(0, count)
  columns.count = 0
  columns.causes = []
  const change = (i: number): LightChange => {
    const code = codes[i]!
    const node = inventory.nodeId(nodes[i]!)
    return {
      node,
      from: lights[code & 3]!,
      to: lights[(code >> 2) & 3]!,
      own: lights[code >> 4]!,
      atMs,
      cause: causes[causeOf[i]!] ?? { by: 'none', node, alarm: '', kind: 'unknown' }
    }
  }
  return {
    length: count,
    // No generator, and one result for all: what half a million leave behind for the collection of garbage holds up look-ups.
    [Symbol.iterator]() {
      let next = 0
      const result = { done: false as const, value: change(0) }
      return {
        next() {
          if (next === count) return { done: true, value: undefined }
          result.value = change(next++)
          return result
        }
      }
    }
  }
}
