import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../../schemas/package-root.ts'
import { compileProfiles } from '../../schemas/records/profile.ts'
import { readProfileFiles } from '../../schemas/records/profile-files.ts'
import { signals } from '../../schemas/signals.ts'
import { readingsOf } from '../../test/support/shipped-readings.ts'

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
  const content = readFileSync(join(folder, file), 'utf8').replace(/'''[^]*?'''/g, "''")
  for (const line of content.split('\n')) {
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
    ['dlink-erps', ['erps.state', 'erps.role']],
    ['cisco-optics', ['optics.rx_dbm']],
    ['huawei-optics', ['optics.rx_dbm', 'optics.rx_low_alarm_dbm', 'optics.rx_low_warn_dbm']],
    ['catv', ['catv.input_dbm', 'catv.rf_dbuv']],
    [
      'dlink-health',
      ['device.cpu_pct', 'device.memory_pct', 'device.temp_c', 'device.fan_state', 'device.psu_state']
    ],
    [
      'cisco-health',
      ['device.cpu_pct', 'device.temp_c', 'device.temp_state', 'device.fan_state', 'device.psu_state']
    ],
    [
      'huawei-health',
      ['device.cpu_pct', 'device.memory_pct', 'device.temp_c', 'device.fan_state', 'device.psu_state']
    ]
  ])('poll of profile %s what lights are made of', (profile, wanted) => {
    const read = new Set<string>()
    for (const { measurement, field } of all)
      for (const plan of plansOf(measurement).filter(one => one.profile === profile))
        for (const slot of plan.slotsByField.get(field) ?? [])
          read.add(signals[plan.slots[slot]!.signal]!.name)
    expect([...read]).toEqual(expect.arrayContaining(wanted))
  })
})

describe('what stands behind NUT and apcupsd', () => {
  const nowMs = Date.UTC(2026, 0, 15)
  const content = readFileSync(join(folder, 'nut.conf'), 'utf8')
  // The tag is what the file's processor makes of the name.
  const metric = (name: string, fields: Record<string, unknown>, tags: Record<string, string> = {}) => ({
    name,
    fields,
    tags: { host: 'col1', ups_name: 'ku-7-ups', agent_host: 'ku-7-ups', model: 'x', serial: '0', ...tags },
    timestamp: nowMs
  })

  it('is asked by blocks that an operator uncomments, as often as a self-test lasts', () => {
    expect(content).not.toMatch(/^\[\[inputs/m)
    const opened = content.replaceAll(/^# (?=\[\[inputs| {2}\w+ = )/gm, '')
    const blocks = opened.split(/^(?=\[\[)/m).filter(block => block.startsWith('[[inputs.'))
    expect(blocks.map(block => /^\[\[(.+)\]\]/.exec(block)?.[1])).toEqual(['inputs.upsd', 'inputs.apcupsd'])
    for (const block of blocks) expect(block).toMatch(/^ {2}interval = "30s"$/m)
  })

  it('is keyed by the name of the UPS, which is its device', () => {
    expect(content).toContain('namepass = ["upsd", "apcupsd"]')
    expect(content).toContain('tag = "agent_host"')
    expect(content).toContain(`template = '{{ .Tag "ups_name" }}'`)
  })

  it('is read as inputs.upsd writes it', () => {
    const said = {
      battery_charge_percent: 87,
      battery_mfr_date: 'CPS',
      battery_voltage: 24,
      firmware: '',
      input_voltage: 0,
      load_percent: 13,
      nominal_input_voltage: 230,
      output_voltage: 228,
      status_flags: 16,
      time_left_ns: 1_020_000_000_000,
      ups_status: 'OB DISCHRG'
    }
    expect(readingsOf(metric('upsd', said, { status_OB: 'true' }), nowMs)).toMatchObject([
      {
        profile: 'nut-upsd',
        device: 'ku-7-ups',
        values: {
          'ups.output_source': 'battery',
          'ups.battery_status': 'normal',
          'ups.charge_pct': 87,
          'ups.runtime_s': 1020,
          'ups.input_v': 0,
          'ups.load_pct': 13
        }
      }
    ])
  })

  it('is read as inputs.apcupsd writes it, where models measure no input', () => {
    const said = {
      battery_charge_percent: 100,
      battery_date: '2024-03-01',
      battery_voltage: 27.3,
      firmware: '871.O2',
      input_frequency: 0,
      input_voltage: 0,
      internal_temp: 0,
      last_transfer: 'Automatic or explicit self test',
      load_percent: 9,
      number_transfers: 1,
      status_flags: 0x0500_0010,
      time_left_ns: 2_760_000_000_000,
      time_on_battery_ns: 4_000_000_000
    }
    const [group] = readingsOf(metric('apcupsd', said, { status: 'ONBATT' }), nowMs)
    expect(group).toMatchObject({
      profile: 'apcupsd',
      device: 'ku-7-ups',
      values: {
        // A self-test, by the cause.
        'ups.output_source': 'test',
        'ups.battery_status': 'normal',
        'ups.comm_status': 'ok',
        'ups.runtime_s': 2760,
        'ups.on_battery_s': 4
      }
    })
    expect(group?.values).not.toHaveProperty(['ups.input_v'])
    expect(group?.values).not.toHaveProperty(['ups.temp_c'])
  })
})
