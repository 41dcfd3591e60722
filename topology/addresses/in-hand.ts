import type { Inventory } from '../model.ts'
import { createNumberTable } from '../texts.ts'

/** Finds nodes by what an operator has in hand beside an address: id, name, device, management address. */
export interface InHandIndex {
  /** Nodes by number, at most some dozens; empty when nothing is called so. */
  find(text: string): { readonly by: 'node' | 'name' | 'device'; readonly nodes: readonly number[] } | null
}

export type InHandSource = Pick<
  Inventory,
  'nodeCount' | 'nodeName' | 'nodeIndex' | 'deviceIndex' | 'deviceByIdentifier' | 'nodeOfDevice'
>

const textLengthMax = 200
const nodesMax = 50
/** Names read between two steps: some milliseconds. */
const namesPerStep = 2000

const plain = (text: string): string => text.trim().toLowerCase()

function hashOf(text: string): number {
  let h = text.length ^ 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d)
  return (h ^ (h >>> 15)) >>> 0
}

/** Keeps a few bytes a node: names stay in the inventory. */
export function* inHandIndexInSteps(source: InHandSource): Generator<void, InHandIndex> {
  const names = createNumberTable(node => hashOf(plain(source.nodeName(node))), source.nodeCount)
  for (let node = 0; node < source.nodeCount; node++) {
    if (node % namesPerStep === 0) yield
    names.add(hashOf(plain(source.nodeName(node))), node)
  }
  return {
    find(text) {
      if (text.length > textLengthMax) return null
      const asked = text.trim()
      const node = source.nodeIndex(asked)
      if (node !== undefined) return { by: 'node', nodes: [node] }
      const device = source.deviceIndex(asked) ?? source.deviceByIdentifier(asked)
      if (device !== undefined) return { by: 'device', nodes: [source.nodeOfDevice(device)] }
      const name = plain(text)
      const nodes: number[] = []
      names.find(hashOf(name), value => {
        if (nodes.length < nodesMax && plain(source.nodeName(value)) === name) nodes.push(value)
        return false
      })
      return nodes.length === 0 ? null : { by: 'name', nodes }
    }
  }
}
