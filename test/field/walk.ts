import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

/** Recorded answers of a device in the form of snmpsim, `.snmprec`: a line `oid|type|value` each, in the order of OIDs. */

export interface WalkRow {
  readonly oid: string
  /** Type of the value, as ASN.1 numbers it: 2 integer, 4 text, 6 OID, 65 Counter32, 66 Gauge32, 67 TimeTicks, 70 Counter64. */
  readonly type: number
  /** Text as it is on the wire, a character a byte; numbers in decimal. */
  readonly value: string
}

export interface Walk {
  readonly name: string
  readonly rows: readonly WalkRow[]
  /** Lines that snmpsim would vary or compute: what it answers for them cannot be told from the file. */
  readonly varied: ReadonlySet<string>
  get(oid: string): WalkRow | undefined
  /** Rows below an OID, in order, with what follows it. */
  below(oid: string): readonly (WalkRow & { readonly index: string })[]
}

const text = 4
/** Larger files are no walks of one device. */
const bytesMax = 256 * 1024 * 1024
/**
 * What is kept of a walk: system, interfaces, UPS, entities and sensors, and the makes of docs/extending.md. The rest (routes, addresses,
 * processes: millions of rows of a router) nobody polls.
 */
const kept =
  /^1\.3\.6\.1\.(?:2\.1\.(?:1|2|31|33|47|99)|4\.1\.(?:9\.9\.(?:13|91|109)|171|318|935|2011\.5\.25\.31|2011\.6|5591|17409))\./

export function createWalk(
  name: string,
  rows: readonly WalkRow[],
  varied: ReadonlySet<string> = new Set()
): Walk {
  const byOid = new Map(rows.map(row => [row.oid, row]))
  const sorted = [...byOid.values()]
    .map(row => ({ row, key: row.oid.split('.').map(Number) }))
    .sort((a, b) => compareOids(a.key, b.key))
    .map(({ row }) => row)
  // A walk is asked for the same tables at every poll.
  const tables = new Map<string, readonly (WalkRow & { readonly index: string })[]>()
  return {
    name,
    rows: sorted,
    varied,
    get: oid => byOid.get(oid),
    below(oid) {
      const known = tables.get(oid)
      if (known !== undefined) return known
      const rows = sorted
        .filter(row => row.oid.startsWith(`${oid}.`))
        .map(row => ({ ...row, index: row.oid.slice(oid.length + 1) }))
      tables.set(oid, rows)
      return rows
    }
  }
}

/** Throws on a line that is none. A type in hex (`4x`) is decoded; one with a module (`67:numeric`) is listed as varied. */
export function parseWalk(name: string, content: string): Walk {
  const rows: WalkRow[] = []
  const varied = new Set<string>()
  for (const [at, line] of content.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [, oid, type, form = '', value = ''] = /^([\d.]+)\|(\d+)(x|x?:\w+)?\|(.*)$/.exec(line) ?? []
    if (oid === undefined || type === undefined)
      throw new Error(`${name}, line ${at + 1}: not oid|type|value: ${line.slice(0, 80)}`)
    if (!kept.test(oid)) continue
    if (form.includes(':')) varied.add(oid)
    rows.push({
      oid,
      type: Number(type),
      value: form.startsWith('x') ? decoded(Number(type), Buffer.from(value, 'hex')) : value
    })
  }
  return createWalk(name, rows, varied)
}

/** Text goes out in hex, so that blanks at the ends and line breaks stay. */
export function formatWalk(walk: Walk): string {
  return walk.rows
    .map(({ oid, type, value }) =>
      type === text
        ? `${oid}|${type}x|${Buffer.from(value, 'latin1').toString('hex')}`
        : `${oid}|${type}|${value}`
    )
    .map(line => `${line}\n`)
    .join('')
}

/** A walk with some rows changed: undefined takes a row out, a text gives it another value. */
export function changeWalk(
  walk: Walk,
  name: string,
  change: (row: WalkRow) => WalkRow | undefined,
  added: readonly WalkRow[] = []
): Walk {
  return createWalk(name, [...walk.rows.flatMap(row => change(row) ?? []), ...added], walk.varied)
}

/** Every `.snmprec` below a folder, named by its file. Rows come as ISO-8859-1, so that every byte is kept. */
export function readWalks(folder: string): Walk[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.snmprec'))
    .sort()
    .map(file => {
      const content = readFileSync(join(folder, file), 'latin1')
      if (content.length > bytesMax) throw new Error(`${file} is longer than ${bytesMax} bytes`)
      return parseWalk(basename(file, '.snmprec'), content)
    })
}

const ipAddress = 64

function decoded(type: number, bytes: Buffer): string {
  return type === ipAddress ? [...bytes].join('.') : bytes.toString('latin1')
}

function compareOids(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}
