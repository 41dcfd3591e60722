import { ProblemsError, type Path, type Problem } from '../schemas/located-yaml.ts'
import { tiers } from '../schemas/words.ts'
import type { Inventory, InventoryDevice, InventoryNode } from './model.ts'

/** How many problems are written out in full; the rest are counted in one last line. */
export const problemsShownMax = 100

/** Where an entry of a file stands. */
export interface Place {
  readonly line: number
  readonly column: number
  /** Path inside the document, such as `nodes[3].parents[0]`; '' in files of one entry a line. */
  readonly path: string
}

/** One inventory file, read but not yet checked against the others. */
export interface InventoryPart {
  readonly file: string
  readonly nodes: readonly InventoryNode[]
  readonly devices: readonly InventoryDevice[]
  /** Problems found while reading; already limited, `problemCount` says how many there were. */
  readonly problems: readonly Problem[]
  readonly problemCount: number
  placeOf(kind: 'node' | 'device', at: number, inside: Path): Place
}

/** The compiled inventory with its tree as flat arrays, for the light engine's loops. */
export interface CompiledInventory extends Inventory {
  /** Parents of node i: `parentList[parentStart[i] … parentStart[i + 1] - 1]`; children and devices alike. */
  readonly parentStart: Int32Array
  readonly parentList: Int32Array
  readonly childStart: Int32Array
  readonly childList: Int32Array
  readonly deviceStart: Int32Array
  readonly deviceList: Int32Array
  /** Node of each device. */
  readonly deviceNode: Int32Array
  /** Longest way to a node without parents, in steps: parents are always less deep than their children. */
  readonly depth: Int32Array
}

/** Gathers problems up to a limit and counts the rest. */
export interface ProblemList {
  readonly shown: readonly Problem[]
  readonly count: number
  add(problem: Problem): void
  addCounted(problems: readonly Problem[], count: number): void
}

export function problemList(shownMax = problemsShownMax): ProblemList {
  const shown: Problem[] = []
  let count = 0
  return {
    shown,
    get count() {
      return count
    },
    add(problem) {
      count++
      if (shown.length < shownMax) shown.push(problem)
    },
    addCounted(problems, total) {
      count += total
      for (const problem of problems) if (shown.length < shownMax) shown.push(problem)
    }
  }
}

/** Throws every problem of the list at once, with a last line for those not shown. */
export function throwProblems(list: ProblemList): void {
  if (list.count === 0) return
  const rest = list.count - list.shown.length
  const last = list.shown[list.shown.length - 1]
  throw new ProblemsError(
    rest === 0 || last === undefined
      ? list.shown
      : [
          ...list.shown,
          {
            file: last.file,
            line: last.line,
            column: last.column,
            path: '',
            message: `and ${rest} more problems are not shown`,
            remedy: 'correct those above and check again'
          }
        ]
  )
}

/** An inventory that did not come from a file: a generated city, a test. */
export function inventoryPart(
  nodes: Iterable<InventoryNode>,
  devices: Iterable<InventoryDevice>,
  file = 'inventory'
): InventoryPart {
  return {
    file,
    nodes: Array.isArray(nodes) ? (nodes as InventoryNode[]) : [...nodes],
    devices: Array.isArray(devices) ? (devices as InventoryDevice[]) : [...devices],
    problems: [],
    problemCount: 0,
    placeOf: (kind, at) => ({ line: at + 1, column: 1, path: `${kind}s[${at}]` })
  }
}

/**
 * Joins the files of an inventory, checks them as a whole and compiles them.
 *
 * @throws ProblemsError with every problem of every file: those found while reading, doubled ids and identifiers,
 * unknown parents, nodes and peers, wrong tier order, nodes without a way up, cycles.
 */
export function compileInventory(parts: readonly InventoryPart[], version: number): CompiledInventory {
  const problems = problemList()
  for (const part of parts) problems.addCounted(part.problems, part.problemCount)
  const only = parts.length === 1 ? parts[0] : undefined
  const nodes = only?.nodes ?? parts.flatMap(part => part.nodes)
  const devices = only?.devices ?? parts.flatMap(part => part.devices)
  const report = reporter(parts, problems)

  const nodeIds = new Map<string, number>()
  for (let i = 0; i < nodes.length; i++) {
    const id = nodes[i]!.id
    const first = nodeIds.get(id)
    if (first === undefined) nodeIds.set(id, i)
    else {
      report(
        'node',
        i,
        ['id'],
        `node id "${id}" is doubled, first at ${report.where('node', first)}`,
        doubledId
      )
    }
  }
  const parents = linkParents(nodes, nodeIds, report)
  const children = invert(parents, nodes.length)
  const order = sortTopologically(nodes, parents, children, report)
  const { deviceIds, identifiers, deviceNode } = linkDevices(devices, nodeIds, report)
  throwProblems(problems)

  const devicesByNode = group(deviceNode, nodes.length)
  const depth = new Int32Array(nodes.length)
  for (const i of order) {
    for (let e = parents.start[i]!; e < parents.start[i + 1]!; e++) {
      depth[i] = Math.max(depth[i]!, depth[parents.list[e]!]! + 1)
    }
  }
  const slice = (lists: Lists, i: number): readonly number[] =>
    Array.from(lists.list.subarray(lists.start[i] ?? 0, lists.start[i + 1] ?? 0))
  return {
    nodes,
    devices,
    version,
    nodeIndex: id => nodeIds.get(id),
    deviceIndex: id => deviceIds.get(id),
    deviceByIdentifier: identifier =>
      identifiers.get(identifier) ?? identifiers.get(identifier.toLowerCase()),
    nodeOfDevice: device => deviceNode[device] ?? -1,
    devicesOfNode: node => slice(devicesByNode, node),
    parentsOf: node => slice(parents, node),
    childrenOf: node => slice(children, node),
    port: (device, instance) => devices[device]?.ports.find(port => port.instance === instance),
    topologicalOrder: order,
    parentStart: parents.start,
    parentList: parents.list,
    childStart: children.start,
    childList: children.list,
    deviceStart: devicesByNode.start,
    deviceList: devicesByNode.list,
    deviceNode,
    depth
  }
}

const doubledId = 'give each its own id, or remove one of them'

interface Lists {
  readonly start: Int32Array
  readonly list: Int32Array
}

interface Report {
  (kind: 'node' | 'device', at: number, inside: Path, message: string, remedy: string): void
  where(kind: 'node' | 'device', at: number): string
}

/** Finds the file of an entry by its place in the joined lists. */
function reporter(parts: readonly InventoryPart[], problems: ProblemList): Report {
  const find = (kind: 'node' | 'device', at: number): { part: InventoryPart; at: number } => {
    let rest = at
    for (const part of parts) {
      const count = kind === 'node' ? part.nodes.length : part.devices.length
      if (rest < count) return { part, at: rest }
      rest -= count
    }
    throw new RangeError(`no ${kind} number ${at} in the inventory`)
  }
  const report = (
    kind: 'node' | 'device',
    at: number,
    inside: Path,
    message: string,
    remedy: string
  ): void => {
    const found = find(kind, at)
    problems.add({
      file: found.part.file,
      ...found.part.placeOf(kind, found.at, inside),
      message,
      remedy
    })
  }
  return Object.assign(report, {
    where: (kind: 'node' | 'device', at: number): string => {
      const found = find(kind, at)
      return `${found.part.file}:${found.part.placeOf(kind, found.at, ['id']).line}`
    }
  })
}

function linkParents(
  nodes: readonly InventoryNode[],
  ids: ReadonlyMap<string, number>,
  report: Report
): Lists {
  const start = new Int32Array(nodes.length + 1)
  let links = 0
  for (const node of nodes) links += node.parents.length
  const list = new Int32Array(links)
  let end = 0
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!
    start[i] = end
    const tier = tiers.indexOf(node.tier)
    if (node.parents.length === 0 && tier > 0) {
      const message = `node "${node.id}" of tier ${node.tier} has no parent`
      report('node', i, ['parents'], message, 'name the node that feeds it; only a core stands alone')
    }
    for (let p = 0; p < node.parents.length; p++) {
      const id = node.parents[p]!
      const parent = ids.get(id)
      const inside = ['parents', p]
      if (parent === undefined) {
        const message = `parent "${id}" of node "${node.id}" is not in the inventory`
        report('node', i, inside, message, 'correct the id or add the node')
        continue
      }
      if (node.parents.indexOf(id) < p) {
        report('node', i, inside, `node "${node.id}" names its parent "${id}" twice`, 'name it once')
        continue
      }
      const parentTier = nodes[parent]!.tier
      if (tiers.indexOf(parentTier) > tier) {
        const message = `node "${node.id}" of tier ${node.tier} has a parent "${id}" of the lower tier ${parentTier}`
        report(
          'node',
          i,
          inside,
          message,
          `tiers go down as ${tiers.join(', ')}: correct the tier or the parent`
        )
      }
      list[end++] = parent
    }
  }
  start[nodes.length] = end
  return { start, list: end === links ? list : list.slice(0, end) }
}

/** From "parents of each" to "children of each", children in the order of the inventory. */
function invert(lists: Lists, count: number): Lists {
  const start = new Int32Array(count + 1)
  for (const target of lists.list) start[target + 1]!++
  for (let i = 0; i < count; i++) start[i + 1]! += start[i]!
  const next = start.slice()
  const list = new Int32Array(lists.list.length)
  for (let i = 0; i < count; i++) {
    for (let e = lists.start[i]!; e < lists.start[i + 1]!; e++) list[next[lists.list[e]!]!++] = i
  }
  return { start, list }
}

function group(ownerOf: Int32Array, owners: number): Lists {
  const start = new Int32Array(owners + 1)
  for (const owner of ownerOf) start[owner + 1]!++
  for (let i = 0; i < owners; i++) start[i + 1]! += start[i]!
  const next = start.slice()
  const list = new Int32Array(ownerOf.length)
  for (let k = 0; k < ownerOf.length; k++) list[next[ownerOf[k]!]!++] = k
  return { start, list }
}

function sortTopologically(
  nodes: readonly InventoryNode[],
  parents: Lists,
  children: Lists,
  report: Report
): Int32Array {
  const order = new Int32Array(nodes.length)
  const waiting = new Int32Array(nodes.length)
  let end = 0
  for (let i = 0; i < nodes.length; i++) {
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
  if (end < nodes.length) reportCycles(nodes, parents, waiting, report)
  return order
}

/** What is left waiting stands on a cycle or below one; each cycle is named once, from the child up. */
function reportCycles(
  nodes: readonly InventoryNode[],
  parents: Lists,
  waiting: Int32Array,
  report: Report
): void {
  const walk = new Int32Array(nodes.length)
  for (let i = 0; i < nodes.length; i++) {
    if (waiting[i] === 0 || walk[i] !== 0) continue
    const path: number[] = []
    let at = i
    while (walk[at] === 0) {
      walk[at] = i + 1
      path.push(at)
      for (let e = parents.start[at]!; e < parents.start[at + 1]!; e++) {
        const parent = parents.list[e]!
        if (waiting[parent]! > 0) {
          at = parent
          break
        }
      }
    }
    if (walk[at] !== i + 1) continue
    const cycle = path.slice(path.indexOf(at))
    const shown = cycle.slice(0, 20).map(n => `"${nodes[n]!.id}"`)
    const names = cycle.length > 20 ? [...shown, '…'] : [...shown, `"${nodes[at]!.id}"`]
    const message = `nodes are their own ancestors: ${names.join(' → ')}`
    report('node', at, ['parents'], message, 'remove one of these parents')
  }
}

function linkDevices(
  devices: readonly InventoryDevice[],
  nodeIds: ReadonlyMap<string, number>,
  report: Report
): { deviceIds: Map<string, number>; identifiers: Map<string, number>; deviceNode: Int32Array } {
  const deviceIds = new Map<string, number>()
  const identifiers = new Map<string, number>()
  const deviceNode = new Int32Array(devices.length)
  for (let d = 0; d < devices.length; d++) {
    const device = devices[d]!
    const first = deviceIds.get(device.id)
    if (first === undefined) deviceIds.set(device.id, d)
    else {
      const message = `device id "${device.id}" is doubled, first at ${report.where('device', first)}`
      report('device', d, ['id'], message, doubledId)
    }
    const node = nodeIds.get(device.node)
    if (node === undefined) {
      const message = `device "${device.id}" stands on node "${device.node}", which is not in the inventory`
      report('device', d, ['node'], message, 'correct the node id or add the node')
    } else deviceNode[d] = node
    for (let k = 0; k < device.identifiers.length; k++) {
      const identifier = device.identifiers[k]!.toLowerCase()
      const owner = identifiers.get(identifier)
      if (owner === undefined) identifiers.set(identifier, d)
      else if (owner !== d) {
        const message = `identifier "${device.identifiers[k]!}" of device "${device.id}" belongs to device "${devices[owner]!.id}" already, at ${report.where('device', owner)}`
        report('device', d, ['identifiers', k], message, 'telemetry must name one device: remove it from one')
      }
    }
    for (let p = 0; p < device.ports.length; p++) {
      const port = device.ports[p]!
      if (port.peer !== '' && !nodeIds.has(port.peer)) {
        const message = `port ${port.instance} of device "${device.id}" leads to node "${port.peer}", which is not in the inventory`
        report(
          'device',
          d,
          ['ports', p, 'peer'],
          message,
          'correct the node id, add the node, or leave it out'
        )
      }
      if (p > 0 && device.ports.findIndex(other => other.instance === port.instance) < p) {
        const message = `port ${port.instance} of device "${device.id}" is listed twice`
        report('device', d, ['ports', p, 'instance'], message, 'list each port once')
      }
    }
  }
  return { deviceIds, identifiers, deviceNode }
}
