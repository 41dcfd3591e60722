import { parseLocatedYaml, type Path } from '../schemas/config/located-yaml.ts'
import { nearest } from '../schemas/config/nearest.ts'
import { tiers, type Tier } from '../schemas/words.ts'
import { splitCsv } from './csv.ts'
import type { InventoryPart } from './compile.ts'
import type { InventoryDevice, InventoryNode, InventoryPort } from './model.ts'
import { problemList, type ProblemList } from './problems.ts'
import { createInventoryStore, type InventoryStore } from './store.ts'
import { createColumn } from './texts.ts'

/** Longest text of one field, and most entries of one list: what is longer is a mistake, not a network. */
const textLengthMax = 300
const listLengthMax = 5000
const subscribersMax = 10_000_000
const intervalSMax = 7 * 24 * 3600
const tagsMax = 16
const tagPattern = /^[\p{L}\p{N}][\p{L}\p{N}_.-]{0,39}$/u

const nodeKeys = 'id tier name parents addresses subscribers premises maintenance mains tags devices'.split(
  ' '
)
const deviceKeys = 'id node role vendor model identifiers interval_s tags ports'.split(' ')
const portKeys = 'instance name role peer optic_class lag'.split(' ')
const portRoles = ['uplink', 'downlink', 'access'] as const

/** The operator's own abbreviations, accepted beside the tiers' names. */
const tierAbbreviations: Readonly<Record<string, Tier>> = {
  ЦУ: 'core',
  ОУ: 'district',
  РУ: 'area',
  КУ: 'campus',
  ДУ: 'building'
}

/** Says what is wrong at a place inside the entry being read. */
type Complain = (inside: Path, message: string, remedy: string) => void

/**
 * Reads an inventory written by people. Does not throw: what is wrong is in `problems`, and compiling the part
 * throws it together with what is wrong between files. Files of one inventory are best read into one store.
 */
export function parseInventoryYaml(
  file: string,
  text: string,
  store: InventoryStore = createInventoryStore()
): InventoryPart {
  const problems = problemList()
  const located = parseLocatedYaml(file, text)
  for (const problem of located.problems) problems.add(problem)
  const reader = createReader()
  const entries = entriesFrom(store)
  const paths = { node: [] as Path[], device: [] as Path[] }
  const complainAt =
    (path: Path): Complain =>
    (inside, message, remedy) =>
      problems.add(located.problemAt([...path, ...inside], message, remedy))

  const takeDevice = (raw: unknown, path: Path, owner: string | undefined): void => {
    const device = reader.device(raw, complainAt(path), owner)
    if (device === null) return
    store.addDevice(device)
    paths.device.push(path)
  }
  const takeNode = (raw: unknown, path: Path): void => {
    const node = reader.node(raw, complainAt(path))
    if (node === null) return
    store.addNode(node)
    paths.node.push(path)
    const own = (raw as Record<string, unknown>)['devices']
    for (const [d, device] of reader.list(own, ['devices'], complainAt(path)).entries()) {
      takeDevice(device, [...path, 'devices', d], node.id)
    }
  }
  if (located.problems.length === 0) {
    const top = located.value ?? {}
    const complain = complainAt([])
    if (!isRecord(top)) {
      complain([], 'an inventory is a mapping', 'write it as "nodes:" and "devices:" with a list under each')
    } else {
      checkKeys(top, ['nodes', 'devices'], complain)
      for (const [i, node] of reader.list(top['nodes'], ['nodes'], complain).entries())
        takeNode(node, ['nodes', i])
      for (const [i, device] of reader.list(top['devices'], ['devices'], complain).entries()) {
        takeDevice(device, ['devices', i], undefined)
      }
    }
  }
  return {
    file,
    store,
    ...entries(),
    problems: problems.shown,
    problemCount: problems.count,
    placeOf: (kind, at, inside) => located.problemAt([...(paths[kind][at] ?? []), ...inside], '', '')
  }
}

/**
 * Reads an inventory of any size line by line: NDJSON with one node or device a line (the keys of the YAML form), or
 * CSV with a header. Nothing is kept but the entries themselves and their line numbers. Does not throw.
 */
export async function parseInventoryLines(
  file: string,
  lines: AsyncIterable<string> | Iterable<string>,
  format: 'csv' | 'ndjson',
  store: InventoryStore = createInventoryStore()
): Promise<InventoryPart> {
  const problems = problemList()
  const reader = createReader()
  const entries = entriesFrom(store)
  const lineOf = { node: createColumn(lines32), device: createColumn(lines32) }
  let line = 0
  const complain: Complain = (inside, message, remedy) =>
    complainOn(problems, file, line, inside, message, remedy)
  const take = (raw: unknown): void => {
    if (!isRecord(raw)) {
      complain([], 'a line is one node or one device', 'write it as a JSON object')
      return
    }
    const kind = kindOf(raw)
    if (kind === undefined) {
      const remedy = 'give a node its "tier", a device its "node"'
      complain([], 'this is neither a node nor a device', remedy)
    } else if (kind === 'node') {
      const node = reader.node(raw, complain)
      if (node === null) return
      store.addNode(node)
      lineOf.node.push(line)
      for (const own of reader.list(raw['devices'], ['devices'], complain)) {
        const device = reader.device(own, complain, node.id)
        if (device === null) continue
        store.addDevice(device)
        lineOf.device.push(line)
      }
    } else {
      const device = reader.device(raw, complain, undefined)
      if (device === null) return
      store.addDevice(device)
      lineOf.device.push(line)
    }
  }
  if (format === 'ndjson') {
    for await (const text of lines) {
      line++
      if (text.trim() === '') continue
      let raw: unknown
      try {
        raw = JSON.parse(line === 1 ? text.replace(/^\uFEFF/, '') : text)
      } catch (error) {
        complain([], `not valid JSON: ${(error as Error).message}`, 'correct or remove this line')
        continue
      }
      take(raw)
    }
  } else {
    let header: readonly string[] | undefined
    for await (const row of splitCsv(lines)) {
      line = row.line
      if (row.problem !== '')
        complain([], row.problem, 'close the quotation mark; a quote inside is written twice')
      if (header === undefined) {
        header = row.fields.map(field => field.trim().toLowerCase())
        checkHeader(header, complain)
        continue
      }
      if (row.fields.length > header.length) {
        const message = `${row.fields.length} fields, but the header has ${header.length}`
        complain([], message, 'put quotes around a field that holds the separator')
        continue
      }
      take(fromCsv(header, row.fields))
    }
    if (header === undefined)
      complainOn(problems, file, 1, [], 'the file has no header', 'begin it with column names')
  }
  return {
    file,
    store,
    ...entries(),
    problems: problems.shown,
    problemCount: problems.count,
    placeOf: (kind, at, inside) => ({
      line: lineOf[kind].array[at] ?? 1,
      column: 1,
      path: String(inside[0] ?? '')
    })
  }
}

const lines32 = (length: number): Int32Array => new Int32Array(length)

/** Tells in the end which entries of the store were added since. */
function entriesFrom(store: InventoryStore): () => Pick<InventoryPart, 'nodes' | 'devices'> {
  const node = store.nodeCount
  const device = store.deviceCount
  return () => ({
    nodes: { first: node, count: store.nodeCount - node },
    devices: { first: device, count: store.deviceCount - device }
  })
}

function complainOn(
  problems: ProblemList,
  file: string,
  line: number,
  inside: Path,
  message: string,
  remedy: string
): void {
  problems.add({ file, line, column: 1, path: inside.join('.'), message, remedy })
}

/** A line says what it is by its `kind`, or a node by its tier and a device by its node. */
function kindOf(raw: Record<string, unknown>): 'node' | 'device' | undefined {
  if (raw['kind'] === 'node' || raw['kind'] === 'device') return raw['kind']
  if (raw['tier'] !== undefined) return 'node'
  return raw['node'] === undefined ? undefined : 'device'
}

const csvColumns = ['kind', ...new Set([...nodeKeys, ...deviceKeys])].filter(key => key !== 'devices')

function checkHeader(header: readonly string[], complain: Complain): void {
  for (const [at, column] of header.entries()) {
    if (!csvColumns.includes(column)) {
      const near = nearest(column, csvColumns)
      complain(
        [],
        `unknown column "${column}"`,
        near === undefined ? `columns are ${csvColumns.join(', ')}` : `did you mean "${near}"?`
      )
    } else if (header.indexOf(column) < at) complain([], `column "${column}" stands twice`, 'remove one')
  }
}

const listColumns = new Set(['parents', 'addresses', 'identifiers', 'tags'])

/** Gives a CSV row the shape of the other forms: empty fields are absent, lists are cut at ";" or "|". */
function fromCsv(header: readonly string[], fields: readonly string[]): Record<string, unknown> {
  const raw: Record<string, unknown> = {}
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i]!.trim()
    const column = header[i]!
    if (field === '') continue
    if (listColumns.has(column)) raw[column] = cutList(field)
    else if (column === 'ports') {
      raw[column] = cutList(field).map(port => {
        // The name stands last, for it may have a colon in it.
        const [instance, role, peer, opticClass, lag, ...name] = port.split(':').map(part => part.trim())
        return { instance, name: name.join(':'), role, peer: peer ?? '', optic_class: opticClass ?? '', lag }
      })
    } else if (column === 'subscribers' || column === 'interval_s') {
      raw[column] = /^\d+$/.test(field) ? Number(field) : field
    } else if (column === 'maintenance') raw[column] = booleans.get(field.toLowerCase()) ?? field
    else raw[column] = field
  }
  return raw
}

const booleans = new Map([
  ['true', true],
  ['yes', true],
  ['1', true],
  ['да', true],
  ['false', false],
  ['no', false],
  ['0', false],
  ['нет', false]
])

function cutList(field: string): string[] {
  return field
    .split(/[;|]/)
    .map(part => part.trim())
    .filter(part => part !== '')
}

function isRecord(raw: unknown): raw is Record<string, unknown> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw)
}

function checkKeys(raw: Record<string, unknown>, known: readonly string[], complain: Complain): void {
  for (const key in raw) {
    if (known.includes(key)) continue
    const near = nearest(key, known)
    const remedy = near === undefined ? `known are ${known.join(', ')}` : `did you mean "${near}"?`
    complain([key], `unknown key "${key}"`, remedy)
  }
}

interface Reader {
  /** null when it has no usable id: then nothing more can be said of it. */
  node(raw: unknown, complain: Complain): InventoryNode | null
  device(raw: unknown, complain: Complain, owner: string | undefined): InventoryDevice | null
  list(raw: unknown, inside: Path, complain: Complain): readonly unknown[]
}

const noStrings: readonly string[] = []
const noPorts: readonly InventoryPort[] = []
const nodeLineKeys = [...nodeKeys, 'kind']
const deviceLineKeys = [...deviceKeys, 'kind']

function createReader(): Reader {
  const text = (raw: unknown, inside: Path, complain: Complain): string => {
    if (raw === undefined || raw === null) return ''
    if (typeof raw === 'number' && Number.isFinite(raw)) return String(raw)
    if (typeof raw !== 'string') {
      complain(
        inside,
        `expected text, found ${nameOfType(raw)}`,
        'write it as text, in quotes where YAML needs them'
      )
      return ''
    }
    const trimmed = raw.trim()
    if (trimmed.length <= textLengthMax) return trimmed
    complain(inside, `longer than ${textLengthMax} characters`, 'shorten it')
    return trimmed.slice(0, textLengthMax)
  }

  const list = (raw: unknown, inside: Path, complain: Complain): readonly unknown[] => {
    if (raw === undefined || raw === null) return []
    if (!Array.isArray(raw)) {
      complain(inside, `expected a list, found ${nameOfType(raw)}`, 'write it as a list')
      return []
    }
    if (raw.length > listLengthMax && inside[0] !== 'nodes' && inside[0] !== 'devices') {
      complain(inside, `more than ${listLengthMax} entries`, 'split it')
      return raw.slice(0, listLengthMax)
    }
    return raw
  }

  /** One text or a list of them. */
  const texts = (raw: unknown, key: string, complain: Complain): readonly string[] => {
    if (typeof raw === 'string' || typeof raw === 'number') return [text(raw, [key], complain)]
    const items = list(raw, [key], complain)
    if (items.length === 0) return noStrings
    const found: string[] = []
    for (let i = 0; i < items.length; i++) {
      const item = text(items[i], [key, i], complain)
      if (item === '') complain([key, i], `an entry of ${key} is empty`, 'write it or remove it')
      else found.push(item)
    }
    return found
  }

  /** In lower case, each once; nothing where there are none. */
  const readTags = (raw: unknown, complain: Complain): Pick<InventoryNode, 'tags'> => {
    const tags = [...new Set(texts(raw, 'tags', complain).map(tag => tag.toLowerCase()))]
    for (const tag of tags)
      if (!tagPattern.test(tag))
        complain(
          ['tags'],
          `"${tag}" is not a tag`,
          'write 40 letters, digits, "_", "-", "." at most, no spaces'
        )
    if (tags.length > tagsMax) complain(['tags'], `more than ${tagsMax} tags`, 'remove some')
    return tags.length === 0 ? {} : { tags: tags.slice(0, tagsMax) }
  }

  const whole = (raw: unknown, key: string, most: number, complain: Complain): number => {
    if (raw === undefined || raw === null) return 0
    if (typeof raw === 'number' && Number.isInteger(raw) && raw >= 0 && raw <= most) return raw
    complain([key], `${key} is not a whole number from 0 to ${most}`, 'write the number without a unit')
    return 0
  }

  const id = (raw: Record<string, unknown>, what: string, complain: Complain): string | null => {
    const found = text(raw['id'], ['id'], complain)
    if (found !== '') return found
    complain(['id'], `the ${what} has no id`, 'give it an id of its own')
    return null
  }

  const readPorts = (raw: unknown, complain: Complain): readonly InventoryPort[] => {
    const items = list(raw, ['ports'], complain)
    if (items.length === 0) return noPorts
    const ports: InventoryPort[] = []
    for (const [p, item] of items.entries()) {
      const at: Complain = (inside, message, remedy) => complain(['ports', p, ...inside], message, remedy)
      if (!isRecord(item)) {
        at(
          [],
          `expected a port, found ${nameOfType(item)}`,
          'write it as a mapping with "instance" or "name", and "role"'
        )
        continue
      }
      checkKeys(item, portKeys, at)
      const instance = text(item['instance'], ['instance'], at)
      const name = text(item['name'], ['name'], at)
      if (instance === '' && name === '')
        at(['instance'], 'the port has neither an instance nor a name', 'give it its ifIndex or its ifName')
      const role = portRoles.find(known => known === item['role'])
      if (role === undefined)
        at(['role'], 'the port has no known role', `write one of ${portRoles.join(', ')}`)
      const lag = text(item['lag'], ['lag'], at)
      ports.push({
        instance,
        ...(name !== '' && { name }),
        role: role ?? ('access' as const),
        peer: text(item['peer'], ['peer'], at),
        opticClass: text(item['optic_class'], ['optic_class'], at).toLowerCase(),
        ...(lag !== '' && { lag })
      })
    }
    return ports
  }

  return {
    list,
    node(raw, complain) {
      if (!isRecord(raw)) {
        complain(
          [],
          `expected a node, found ${nameOfType(raw)}`,
          'write it as a mapping with "id", "tier" and "name"'
        )
        return null
      }
      checkKeys(raw, nodeLineKeys, complain)
      const nodeId = id(raw, 'node', complain)
      if (nodeId === null) return null
      const written = text(raw['tier'], ['tier'], complain)
      const tier = tiers.find(known => known === written) ?? tierAbbreviations[written]
      if (tier === undefined) {
        complain(['tier'], `node "${nodeId}" has no known tier`, `write one of ${tiers.join(', ')}`)
      }
      const parents = texts(raw['parents'], 'parents', complain)
      const { maintenance } = raw
      if (maintenance !== undefined && maintenance !== null && typeof maintenance !== 'boolean') {
        complain(['maintenance'], 'maintenance is neither true nor false', 'write true or false')
      }
      const name = text(raw['name'], ['name'], complain)
      const mains = text(raw['mains'], ['mains'], complain)
      return {
        id: nodeId,
        tier: tier ?? 'building',
        name: name === '' ? nodeId : name,
        parents,
        addresses: texts(raw['addresses'], 'addresses', complain),
        subscribers: whole(raw['subscribers'], 'subscribers', subscribersMax, complain),
        premises: text(raw['premises'], ['premises'], complain),
        maintenance: maintenance === true,
        ...(mains !== '' && { mains }),
        ...readTags(raw['tags'], complain)
      }
    },
    device(raw, complain, owner) {
      if (!isRecord(raw)) {
        complain(
          [],
          `expected a device, found ${nameOfType(raw)}`,
          'write it as a mapping with "id" and "identifiers"'
        )
        return null
      }
      checkKeys(raw, deviceLineKeys, complain)
      const deviceId = id(raw, 'device', complain)
      if (deviceId === null) return null
      const node = text(raw['node'], ['node'], complain)
      if (owner !== undefined && node !== '' && node !== owner) {
        complain(
          ['node'],
          `device "${deviceId}" stands under node "${owner}" but names "${node}"`,
          'remove "node" here'
        )
      }
      if (owner === undefined && node === '') {
        complain(['node'], `device "${deviceId}" has no node`, 'name the node it stands on')
      }
      const identifiers = texts(raw['identifiers'], 'identifiers', complain)
      if (identifiers.length === 0) {
        const remedy = 'list its management address and names, as its telemetry carries them'
        complain(['identifiers'], `device "${deviceId}" has no identifiers`, remedy)
      }
      const role = text(raw['role'], ['role'], complain)
      if (role === '')
        complain(['role'], `device "${deviceId}" has no role`, 'write switch, ups, catv or another')
      return {
        id: deviceId,
        node: owner ?? node,
        role: role,
        vendor: text(raw['vendor'], ['vendor'], complain),
        model: text(raw['model'], ['model'], complain),
        identifiers,
        intervalS: whole(raw['interval_s'], 'interval_s', intervalSMax, complain),
        ...readTags(raw['tags'], complain),
        ports: readPorts(raw['ports'], complain)
      }
    }
  }
}

function nameOfType(raw: unknown): string {
  if (raw === null || raw === undefined) return 'nothing'
  if (Array.isArray(raw)) return 'a list'
  return typeof raw === 'object' ? 'a mapping' : `the ${typeof raw} ${JSON.stringify(raw)}`
}
