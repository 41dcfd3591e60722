import { stringify } from 'yaml'
import type { InventoryDevice, InventoryNode } from './model.ts'

/** One node as the inventory files spell it; what is empty is left out. */
export function nodeRecord(node: InventoryNode): Record<string, unknown> {
  return {
    id: node.id,
    tier: node.tier,
    name: node.name,
    ...(node.parents.length > 0 && { parents: node.parents }),
    ...(node.addresses.length > 0 && { addresses: node.addresses }),
    ...(node.subscribers > 0 && { subscribers: node.subscribers }),
    ...(node.premises !== '' && { premises: node.premises }),
    ...(node.maintenance && { maintenance: true }),
    ...(node.mains !== undefined && { mains: node.mains }),
    ...(node.tags !== undefined && { tags: node.tags })
  }
}

/** One device as the inventory files spell it; what is empty is left out. */
export function deviceRecord(device: InventoryDevice): Record<string, unknown> {
  return {
    id: device.id,
    node: device.node,
    role: device.role,
    ...(device.vendor !== '' && { vendor: device.vendor }),
    ...(device.model !== '' && { model: device.model }),
    identifiers: device.identifiers,
    ...(device.intervalS > 0 && { interval_s: device.intervalS }),
    ...(device.tags !== undefined && { tags: device.tags }),
    ...(device.ports.length > 0 && {
      ports: device.ports.map(port => ({
        ...(port.instance !== '' && { instance: port.instance }),
        ...(port.name !== undefined && { name: port.name }),
        role: port.role,
        ...(port.peer !== '' && { peer: port.peer }),
        ...(port.opticClass !== '' && { optic_class: port.opticClass }),
        ...(port.lag !== undefined && { lag: port.lag })
      }))
    })
  }
}

/** The inventory as NDJSON, one line (with its end) at a time: what `parseInventoryLines` reads. */
export function* inventoryNdjson(
  nodes: Iterable<InventoryNode>,
  devices: Iterable<InventoryDevice>
): Generator<string> {
  for (const node of nodes) yield `${JSON.stringify(nodeRecord(node))}\n`
  for (const device of devices) yield `${JSON.stringify(deviceRecord(device))}\n`
}

/** The inventory as one YAML text for people: what `parseInventoryYaml` reads. For thousands of nodes, not millions. */
export function inventoryYaml(nodes: Iterable<InventoryNode>, devices: Iterable<InventoryDevice>): string {
  return stringify(
    { nodes: [...nodes].map(nodeRecord), devices: [...devices].map(deviceRecord) },
    { lineWidth: 0, aliasDuplicateObjects: false }
  )
}
