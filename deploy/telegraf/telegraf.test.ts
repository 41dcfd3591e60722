import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../../schemas/package-root.ts'
import { compileProfiles } from '../../schemas/records/profile.ts'
import { readProfileFiles } from '../../schemas/records/profile-files.ts'
import { signals } from '../../schemas/signals.ts'

/**
 * The collector's files against the shipped profiles, by name: what is polled is read, and what a profile reads by SNMP is polled.
 * No Telegraf runs here.
 */
const folder = join(packageRoot, 'deploy', 'telegraf', 'telegraf.d')
const files = readdirSync(folder).filter(file => file.endsWith('.conf'))
const profiles = compileProfiles(await readProfileFiles())

interface Polled {
  readonly file: string
  readonly measurement: string
  readonly oid: string
  readonly field: string
  readonly isTag: boolean
}

/** The blocks of a file, as far as these files use TOML: headers in brackets, and a key and its value a line. */
function polledBy(file: string): { readonly polled: Polled[]; readonly blocks: Record<string, string>[] } {
  const polled: Polled[] = []
  const blocks: Record<string, string>[] = []
  let measurement = ''
  let block: Record<string, string> = {}
  const close = (): void => {
    if (block['header']?.endsWith('.field') === true)
      polled.push({
        file,
        measurement,
        oid: block['oid'] ?? '',
        field: block['name'] ?? '',
        isTag: block['is_tag'] === 'true'
      })
    if (block['header'] !== undefined) blocks.push(block)
  }
  for (const line of readFileSync(join(folder, file), 'utf8').split('\n')) {
    const text = line.trim()
    if (text === '' || text.startsWith('#')) continue
    const header = /^\[\[([\w.]+)\]\]$/.exec(text)?.[1]
    if (header !== undefined) {
      close()
      block = { header }
      continue
    }
    const [, name = '', value = ''] = /^(\w+) = (.+)$/.exec(text) ?? []
    expect(name, `${file}: ${text}`).not.toBe('')
    block[name] = value.replace(/^"(.*)"$/, '$1')
    if (name === 'name' && !(block['header'] ?? '').endsWith('.field')) measurement = block['name'] ?? ''
  }
  close()
  return { polled, blocks }
}

const all = files.flatMap(file => polledBy(file).polled)

/** Measurements of profiles by a name of Telegraf. */
const plansOf = (name: string) =>
  (profiles.byName.telegraf.exact.get(name) ?? []).map(index => profiles.measurements[index]!)

describe("the collector's files", () => {
  it('poll a hundred fields by numeric OIDs', () => {
    expect(all.filter(({ isTag }) => !isTag).length).toBeGreaterThan(90)
    for (const { file, oid, field } of all) expect(oid, `${file}: ${field}`).toMatch(/^(?:\.\d+){8,}$/)
  })

  it('poll nothing that no profile reads', () => {
    const unread = all.filter(
      ({ measurement, field, isTag }) =>
        !isTag &&
        !plansOf(measurement).some(plan => plan.slotsByField.has(field) || plan.linkedKeys.has(field))
    )
    expect(unread.map(({ file, measurement, field }) => `${file}: ${measurement}.${field}`)).toEqual([])
  })

  it('cut indices at a dot, or their rows join no other', () => {
    const suffixes = files.flatMap(file =>
      polledBy(file).blocks.flatMap(block => block['oid_index_suffix'] ?? [])
    )
    expect(suffixes.length).toBeGreaterThan(0)
    for (const suffix of suffixes) expect(suffix).toMatch(/^(?:\.\d+)+$/)
  })

  it('key every record by its device, wait for nobody long, and name no device', () => {
    for (const file of files)
      for (const block of polledBy(file).blocks.filter(({ header }) => header === 'inputs.snmp')) {
        expect(block, file).toMatchObject({
          agent_host_tag: 'agent_host',
          timeout: '3s',
          retries: '1',
          agents: '[]'
        })
      }
  })

  it.each([
    [
      'ups-mib',
      [
        'ups.output_source',
        'ups.battery_status',
        'ups.charge_pct',
        'ups.runtime_s',
        'ups.input_v',
        'ups.test_result',
        'ups.alarms',
        'ups.load_pct'
      ]
    ],
    ['ups-alarm-table', ['ups.alarm']],
    [
      'apc-powernet',
      [
        'ups.output_source',
        'ups.transfer_cause',
        'ups.comm_status',
        'ups.replace_battery',
        'ups.test_result',
        'ups.input_v'
      ]
    ],
    ['xppc', ['ups.output_source', 'ups.battery_status', 'ups.charge_pct', 'ups.runtime_s', 'ups.input_v']],
    ['if-mib', ['if.oper_status', 'if.admin_status', 'if.in_discards', 'if.in_errors', 'device.uptime_s']],
    ['dlink-ddm', ['optics.rx_dbm', 'optics.rx_low_alarm_dbm', 'optics.rx_high_warn_dbm']],
    ['dlink-ddm-sw', ['optics.rx_dbm', 'optics.rx_state', 'optics.rx_low_warn_dbm']],
    ['cisco-optics', ['optics.rx_dbm']],
    ['huawei-optics', ['optics.rx_dbm', 'optics.rx_low_alarm_dbm', 'optics.rx_low_warn_dbm']],
    ['catv', ['catv.input_dbm', 'catv.rf_dbuv']]
  ])('poll of profile %s what lights are made of', (profile, wanted) => {
    const read = new Set<string>()
    for (const { measurement, field } of all)
      for (const plan of plansOf(measurement).filter(one => one.profile === profile))
        for (const slot of plan.slotsByField.get(field) ?? [])
          read.add(signals[plan.slots[slot]!.signal]!.name)
    expect([...read]).toEqual(expect.arrayContaining(wanted))
  })
})
