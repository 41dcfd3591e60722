import { pollBlocks, type PollTable } from './telegraf-files.ts'
import type { FieldDevice } from './network.ts'
import type { Walk, WalkRow } from './walk.ts'

/**
 * The records that Telegraf's SNMP input makes of a walk with the shipped files, as far as those use it: fields, tables, tags by
 * index, inherited tags, index suffixes. For the test without servers; whether Telegraf does so is what `npm run test:field` shows.
 */
export function recordsOf(device: FieldDevice, walk: Walk, timestampS: number): string[] {
  const names = new Set(device.blocks.map(({ name }) => name))
  return pollBlocks()
    .filter(({ name }) => names.has(name))
    .flatMap(block => {
      const tags: Record<string, string> = { agent_host: device.address, host: 'collector' }
      const record = (name: string, fields: Fields, own: Record<string, string>): string[] =>
        Object.keys(fields).length === 0
          ? []
          : [JSON.stringify({ fields, name, tags: { ...own }, timestamp: timestampS })]
      const top: Fields = {}
      const topTags: Record<string, string> = {}
      for (const { oid, name, isTag } of block.fields) {
        const row = walk.get(oid)
        if (row === undefined || row.type === nullType) continue
        if (isTag) topTags[name] = String(valueOf(row))
        else top[name] = valueOf(row)
      }
      return [
        ...record(block.measurement, top, { ...tags, ...topTags }),
        ...block.tables.flatMap(table =>
          rowsOf(table, walk).flatMap(row => {
            const inherited = table.inheritTags.flatMap(name =>
              topTags[name] === undefined ? [] : [[name, topTags[name]] as const]
            )
            return record(table.name, row.fields, { ...tags, ...Object.fromEntries(inherited), ...row.tags })
          })
        )
      ]
    })
}

type Fields = Record<string, string | number>

interface Row {
  readonly fields: Fields
  readonly tags: Record<string, string>
}

function rowsOf(table: PollTable, walk: Walk): Row[] {
  const rows = new Map<string, Row>()
  for (const { oid, name, isTag, suffix } of table.fields)
    for (const row of walk.below(oid)) {
      if (row.type === nullType) continue
      // The suffix is cut off as it is written: without its dot it would leave one behind, and the row would join no other.
      if (!`.${row.index}`.endsWith(suffix)) continue
      const index = row.index.slice(0, row.index.length - suffix.length)
      const found = rows.get(index) ?? { fields: {}, tags: table.indexAsTag ? { index } : {} }
      rows.set(index, found)
      if (isTag) found.tags[name] = String(valueOf(row))
      else found.fields[name] = valueOf(row)
    }
  return [...rows.values()]
}

/** An agent that has the object and nothing to say of it. */
const nullType = 5
const oidType = 6
const textType = 4

function valueOf({ type, value }: WalkRow): string | number {
  if (type === oidType) return `.${value.replace(/^\./, '')}`
  return type === textType || type === 64 ? value : Number(value)
}
