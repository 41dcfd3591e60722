import { lights } from '../../schemas/words.ts'
import type { CompiledInventory } from '../compile.ts'
import type { LightCause, LightChange, LightChanges } from '../model.ts'

/**
 * Changes of lights as they are made. When half a network goes dark there are half a million of them, so they are kept in columns, and
 * an object with its texts is made of one only when it is told.
 */
export interface ChangeColumns {
  readonly nodes: number[]
  /** Codes of the lights before, now, and the node's own: two bits each. */
  readonly codes: number[]
  /** Null for a node that is well: its cause is that there is none. */
  readonly causes: (LightCause | null)[]
}

export const noChanges = (): ChangeColumns => ({ nodes: [], codes: [], causes: [] })

export function addChange(
  columns: ChangeColumns,
  node: number,
  from: number,
  to: number,
  own: number,
  cause: LightCause | null
): void {
  columns.nodes.push(node)
  columns.codes.push(from | (to << 2) | (own << 4))
  columns.causes.push(cause)
}

/** The same for who is told of them: `columns` must not be added to any more. */
export function changesOf(inventory: CompiledInventory, columns: ChangeColumns, atMs: number): LightChanges {
  const { nodes, codes, causes } = columns
  const change = (i: number): LightChange => {
    const code = codes[i]!
    const node = inventory.nodeId(nodes[i]!)
    return {
      node,
      from: lights[code & 3]!,
      to: lights[(code >> 2) & 3]!,
      own: lights[code >> 4]!,
      atMs,
      cause: causes[i] ?? { by: 'none', node, alarm: '', kind: 'unknown' }
    }
  }
  return {
    length: nodes.length,
    *[Symbol.iterator]() {
      for (let i = 0; i < nodes.length; i++) yield change(i)
    }
  }
}
