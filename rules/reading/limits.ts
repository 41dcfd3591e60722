import { placeText, type Path } from '../../schemas/config/located-yaml.ts'
import type { Limit } from '../compiled.ts'
import { signalIds } from '../../schemas/signals.ts'
import { isFields, shown, suggestion, type Fields, type Reader } from '../yaml-reader.ts'
import { readSignal } from './selectors.ts'

/** Tables of limits, the limit of a condition, and what clears it. */

export interface LimitTable {
  readonly columns: readonly string[]
  readonly rows: Map<string, readonly (number | null)[]>
  /** Where it was overridden last, as `file:line`; '' where it was not. */
  readonly overriddenAt: string
}

export const tableKeys = ['name', 'columns', 'rows', 'override'] as const
export const limitKeys = ['limits', 'module'] as const

export function readTables(reader: Reader, document: Fields, tables: Map<string, LimitTable>): void {
  reader.list(document['limits'], ['limits']).forEach((entry, index) => {
    const path: Path = ['limits', index]
    const fields = reader.fields(entry, path, tableKeys)
    if (fields === undefined) return
    const name = fields['name']
    if (typeof name !== 'string' || !/^[a-z][a-z0-9_]*$/.test(name)) {
      reader.report([...path, 'name'], `${shown(name)} is not a name`, 'use lower-case letters, digits and _')
      return
    }
    const earlier = tables.get(name)
    const override = fields['override'] === true
    if (earlier !== undefined && !override) {
      reader.report([...path, 'name'], `there is a table ${name} already`, 'rename it, or add override: true')
      return
    }
    if (earlier === undefined && override) {
      reader.report(
        [...path, 'override'],
        `there is no table ${name} to override`,
        suggestion(name, [...tables.keys()]) ?? 'leave override out'
      )
      return
    }
    const columns = reader.words(fields['columns'], [...path, 'columns'])
    if (columns === undefined) return
    if (earlier !== undefined && columns.join() !== earlier.columns.join()) {
      reader.report(
        [...path, 'columns'],
        'differ from those of the table it overrides',
        `write [${earlier.columns.join(', ')}]`
      )
      return
    }
    const rows = new Map(earlier?.rows ?? [])
    if (!isFields(fields['rows'])) {
      reader.report(
        [...path, 'rows'],
        'a table needs rows',
        'write `default: […]` and one row an optic class'
      )
      return
    }
    for (const [key, row] of Object.entries(fields['rows'])) {
      const at = [...path, 'rows', key]
      const values = reader.list(row, at)
      const numbers = values.filter(value => value === null || typeof value === 'number')
      if (numbers.length !== values.length || values.length !== columns.length)
        reader.report(
          at,
          `needs ${columns.length} numbers`,
          `write one for each of ${columns.join(', ')}; ~ for none`
        )
      else rows.set(key.toLowerCase(), numbers)
    }
    const overriddenAt = override ? placeText(reader.problem([...path, 'name'], '', '')) : ''
    tables.set(name, { columns, rows, overriddenAt })
  })
}

/** A number with the unit it is in: `80 %`, `-21 dBm`, `2 /s`. */
export const quantityPattern = /^\s*([-+]?\d+(?:\.\d+)?)\s*([^\d\s].*?)?\s*$/

/** How a unit may be written. */
const namesOf = (unit: string): readonly string[] => (unit === '1/s' ? ['/s', '1/s'] : [unit])

/** A difference of two levels in dBm is one in dB. */
const namesOfDifference = (unit: string): readonly string[] =>
  unit.startsWith('dB') ? ['dB', unit] : namesOf(unit)

/** A number, or a number with its unit. A wrong unit is reported: a limit in another one would never, or always, be crossed. */
function readQuantity(
  reader: Reader,
  value: unknown,
  path: Path,
  unit: string,
  min: number,
  max: number,
  names = namesOf(unit)
): number | undefined {
  const match = typeof value === 'string' ? quantityPattern.exec(value) : null
  if (match === null) return reader.number(value, path, min, max)
  const [, number = '', given] = match
  if (given !== undefined && !names.includes(given)) {
    const wanted = names[0] ?? unit
    reader.report(
      path,
      wanted === '1'
        ? `${shown(value)} has a unit, and it is a count`
        : `${shown(value)} is not in ${wanted}`,
      wanted === '1' ? 'leave the unit out' : `give a number of ${wanted}`
    )
    return undefined
  }
  return reader.number(Number(number), path, min, max)
}

export function readLimit(
  reader: Reader,
  value: unknown,
  path: Path,
  tables: ReadonlyMap<string, LimitTable>,
  unit: string
): Limit | undefined {
  if (typeof value === 'number' || (typeof value === 'string' && quantityPattern.test(value))) {
    const fallback = readQuantity(reader, value, path, unit, -1e12, 1e12)
    return fallback === undefined ? undefined : { fallback, byOpticClass: new Map(), moduleSignal: -1 }
  }
  if (!isFields(value)) {
    reader.report(path, `${shown(value)} is not a limit`, 'give a number, or { limits: table.column }')
    return undefined
  }
  const fields = reader.fields(value, path, limitKeys)
  if (fields === undefined) return undefined
  const module =
    fields['module'] === undefined
      ? undefined
      : readSignal(reader, fields['module'], [...path, 'module'], path)
  const [tableName = '', columnName = ''] =
    typeof fields['limits'] === 'string' ? fields['limits'].split('.') : []
  const table = tables.get(tableName)
  if (table === undefined) {
    reader.report(
      [...path, 'limits'],
      `${shown(fields['limits'])} names no table of limits`,
      suggestion(tableName, [...tables.keys()]) ?? 'write it as table.column, with a table of limits:'
    )
    return undefined
  }
  const column = table.columns.indexOf(columnName)
  if (column < 0) {
    reader.report(
      [...path, 'limits'],
      `${tableName} has no column ${shown(columnName)}`,
      `give one of ${table.columns.map(name => `${tableName}.${name}`).join(', ')}`
    )
    return undefined
  }
  if (fields['module'] !== undefined && module === undefined) return undefined
  const byOpticClass = new Map<string, number | null>()
  for (const [opticClass, row] of table.rows)
    if (opticClass !== 'default') byOpticClass.set(opticClass, row[column] ?? null)
  return {
    fallback: table.rows.get('default')?.[column] ?? null,
    byOpticClass,
    moduleSignal: module === undefined ? -1 : (signalIds.get(module) ?? -1),
    table: `${tableName}.${columnName}`,
    ...(table.overriddenAt === '' ? {} : { overriddenAt: table.overriddenAt })
  }
}

/** The distance to the clear limit; undefined when `clear` or `hysteresis` is wrong. */
export function readClear(
  reader: Reader,
  fields: Fields,
  path: Path,
  op: 'below' | 'above',
  limit: Limit | undefined,
  unit: string
): number | undefined {
  if (fields['clear'] !== undefined && fields['hysteresis'] !== undefined) {
    reader.report([...path, 'hysteresis'], 'stands beside clear', 'give one of the two')
    return undefined
  }
  if (fields['hysteresis'] !== undefined)
    return readQuantity(
      reader,
      fields['hysteresis'],
      [...path, 'hysteresis'],
      unit,
      0,
      1e9,
      namesOfDifference(unit)
    )
  if (fields['clear'] === undefined) return 0
  const clear = readQuantity(reader, fields['clear'], [...path, 'clear'], unit, -1e12, 1e12)
  if (clear === undefined || limit === undefined) return undefined
  if (limit.fallback === null || limit.byOpticClass.size > 0 || limit.moduleSignal >= 0) {
    reader.report([...path, 'clear'], 'the limit differs by optic class or module', 'use hysteresis instead')
    return undefined
  }
  const distance = op === 'below' ? clear - limit.fallback : limit.fallback - clear
  if (distance < 0) {
    reader.report(
      [...path, 'clear'],
      `${clear} is on the wrong side of the limit ${limit.fallback}`,
      op === 'below'
        ? `below raises under ${limit.fallback}, so clear must be ${limit.fallback} or more`
        : `above raises over ${limit.fallback}, so clear must be ${limit.fallback} or less`
    )
    return undefined
  }
  return distance
}
