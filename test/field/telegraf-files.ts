import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../schemas/package-root.ts'
import type { UpsMib } from './reading.ts'
import type { Walk } from './walk.ts'

/**
 * The shipped files of deploy/telegraf as an operator fills them in: the addresses of the devices into `agents`, the brokers, and
 * nothing else but the intervals, which are shortened so that a test need not wait for minutes.
 */
const folder = join(packageRoot, 'deploy', 'telegraf')

export interface PollBlock {
  /** File and number of the block in it, `dlink.conf 2`. */
  readonly name: string
  readonly file: string
  readonly measurement: string
  /** OIDs that are values, without those of tags. */
  readonly oids: readonly string[]
}

interface TextBlock extends PollBlock {
  readonly text: string
}

function blocksOf(file: string): { readonly before: string; readonly blocks: TextBlock[] } {
  const content = readFileSync(join(folder, 'telegraf.d', file), 'utf8')
  const [before = '', ...texts] = content.split(/^(?=\[\[inputs\.snmp\]\]$)/m)
  return {
    before,
    blocks: texts.map((text, i) => ({
      name: `${file} ${i + 1}`,
      file,
      measurement: /^ {2}name = "(\w+)"$/m.exec(text)?.[1] ?? '',
      text,
      oids: text
        .split(/^\s*(?=\[\[)/m)
        .filter(part => !/^\s*is_tag = true$/m.test(part))
        .flatMap(part => /^\s*oid = "\.?([\d.]+)"$/m.exec(part)?.[1] ?? [])
    }))
  }
}

const files = readdirSync(join(folder, 'telegraf.d')).filter(file => file.endsWith('.conf'))

/** A block of a UPS MIB is for devices that are read by that MIB. */
const upsFiles: Readonly<Record<string, UpsMib>> = {
  'apc.conf': 'apc',
  'ups-mib.conf': 'ups-mib',
  'xppc.conf': 'xppc'
}

const isOfPorts = (oids: readonly string[]): boolean => oids.some(oid => oid.startsWith('1.3.6.1.2.1.2.2.'))

/** The measurement of a family of Huawei, which the switch itself names in its description. */
function huaweiFamily(walk: Walk): string {
  const description = walk.get('1.3.6.1.2.1.1.1.0')?.value ?? ''
  if (/YunShan|\bNE\d/.test(description)) return 'huawei_optics_dbm'
  return /\bCE\d/.test(description) ? 'huawei_optics_ce' : 'huawei_optics'
}

/**
 * The blocks a device belongs into: those that poll something it answers. Of a UPS only the file of one MIB, as the files say;
 * its management card's ports are nobody's trunk, so that a UPS is in no block of ports.
 */
export function blocksFor(walk: Walk, upsMib: UpsMib | undefined): PollBlock[] {
  return files
    .flatMap(file => blocksOf(file).blocks)
    .filter(({ file, measurement, oids }) => {
      const of = upsFiles[file]
      if (of !== undefined && of !== upsMib) return false
      if (upsMib !== undefined && isOfPorts(oids)) return false
      const isOfOldPorts = oids.includes('1.3.6.1.2.1.2.2.1.10')
      if (isOfPorts(oids) && isOfOldPorts !== (walk.below('1.3.6.1.2.1.31.1.1.1.6').length === 0))
        return false
      if (measurement.startsWith('huawei_optics') && measurement !== huaweiFamily(walk)) return false
      return oids.some(oid => walk.get(oid) !== undefined || walk.below(oid).length > 0)
    })
}

export interface PollField {
  readonly oid: string
  readonly name: string
  readonly isTag: boolean
  /** `oid_index_suffix`: rows with this behind their index, without it. */
  readonly suffix: string
}

export interface PollTable {
  readonly name: string
  readonly indexAsTag: boolean
  readonly inheritTags: readonly string[]
  readonly fields: readonly PollField[]
}

/** Every block, taken apart as far as the shipped files use Telegraf's form. */
export function pollBlocks(): (PollBlock & {
  readonly fields: readonly PollField[]
  readonly tables: readonly PollTable[]
})[] {
  return files
    .flatMap(file => blocksOf(file).blocks)
    .map(block => {
      const fields: PollField[] = []
      const tables: (Omit<PollTable, 'fields'> & { readonly fields: PollField[] })[] = []
      for (const part of block.text.split(/^\s*(?=\[\[)/m)) {
        const value = (key: string): string =>
          new RegExp(`^\\s*${key} = "?([^"\n]*?)"?$`, 'm').exec(part)?.[1] ?? ''
        if (part.startsWith('[[inputs.snmp.table]]'))
          tables.push({
            name: value('name'),
            indexAsTag: value('index_as_tag') === 'true',
            inheritTags: [
              ...(/^\s*inherit_tags = \[(.*)\]$/m.exec(part)?.[1] ?? '').matchAll(/"(\w+)"/g)
            ].map(match => match[1] ?? ''),
            fields: []
          })
        if (!part.includes('.field]]')) continue
        const list = part.startsWith('[[inputs.snmp.table.field]]') ? tables.at(-1)?.fields : fields
        list?.push({
          oid: value('oid').replace(/^\./, ''),
          name: value('name'),
          isTag: value('is_tag') === 'true',
          suffix: value('oid_index_suffix')
        })
      }
      return { ...block, fields, tables }
    })
}

export interface RenderedFiles {
  readonly main: string
  /** By name, for the folder of `--config-directory`. */
  readonly directory: ReadonlyMap<string, string>
}

/** `agents`: addresses (`udp://127.1.0.1:1161`) by the name of the block. */
export function renderFiles(options: {
  readonly agents: ReadonlyMap<string, readonly string[]>
  readonly broker: string
  readonly topic: string
  readonly healthPort: number
  readonly intervalS: number
}): RenderedFiles {
  const replaced = (text: string, pattern: RegExp, by: string): string => {
    if (!pattern.test(text)) throw new Error(`deploy/telegraf has nothing like ${String(pattern)} any more`)
    return text.replace(pattern, by)
  }
  let main = readFileSync(join(folder, 'telegraf.conf'), 'utf8')
  main = replaced(main, /^ {2}interval = "\d+s"$/m, `  interval = "${options.intervalS}s"`)
  main = replaced(main, /^ {2}collection_jitter = "\d+s"$/m, '  collection_jitter = "0s"')
  main = replaced(main, /^ {2}flush_interval = "\w+"$/m, '  flush_interval = "1s"')
  main = replaced(main, /brokers = \["kafka:9092"\]/, `brokers = ["${options.broker}"]`)
  main = replaced(main, /topic = "telemetry"/, `topic = "${options.topic}"`)
  main = replaced(main, /http:\/\/:8888/, `http://127.0.0.1:${options.healthPort}`)
  const directory = new Map<string, string>()
  for (const file of files) {
    const { before, blocks } = blocksOf(file)
    const texts = blocks.map(({ name, text }) => {
      const list = (options.agents.get(name) ?? []).map(agent => JSON.stringify(agent)).join(', ')
      return replaced(text, /^ {2}agents = \[\]$/m, `  agents = [${list}]`).replaceAll(
        /^ {2}interval = "\d+s"$/gm,
        `  interval = "${options.intervalS}s"`
      )
    })
    directory.set(file, [before, ...texts].join(''))
  }
  return { main, directory }
}
