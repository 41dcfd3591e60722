import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../../schemas/package-root.ts'
import { readingsOf } from '../../test/support/shipped-readings.ts'

/**
 * What telegraf.d/traps.conf makes of traps. The records below are those that Telegraf 1.37.2 wrote of the traps beside them; where
 * TELEGRAF_PATH names a Telegraf, it is asked again.
 */
const folder = join(packageRoot, 'deploy', 'telegraf')
const file = readFileSync(join(folder, 'telegraf.d', 'traps.conf'), 'utf8')
const polled = ['interfaces.conf', 'ups-mib.conf', 'apc.conf']
  .map(name => readFileSync(join(folder, 'telegraf.d', name), 'utf8'))
  .join('\n')

/** BER, as much of it as traps need. */
const tlv = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
  const value = Buffer.concat(parts)
  const length = value.length < 128 ? [value.length] : [0x82, value.length >> 8, value.length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), value])
}
const integer = (value: number, tag = 2): Buffer => {
  const bytes = Buffer.alloc(5)
  bytes.writeIntBE(value, 0, 5)
  return tlv(tag, bytes)
}
const oid = (text: string): Buffer => {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  const bytes = rest.flatMap(arc => {
    const groups = [arc & 0x7f]
    for (let more = arc >>> 7; more > 0; more >>>= 7) groups.unshift((more & 0x7f) | 0x80)
    return groups
  })
  return tlv(6, Buffer.from([first * 40 + second, ...bytes]))
}
type Varbind = readonly [string, Buffer]
const varbinds = (list: readonly Varbind[]): Buffer =>
  tlv(0x30, ...list.map(([name, value]) => tlv(0x30, oid(name), value)))
const ticks = (value: number): Buffer => integer(value, 0x43)
const message = (version: number, pdu: Buffer, community: string): Buffer =>
  tlv(0x30, integer(version), tlv(4, Buffer.from(community)), pdu)
const version2 = (trap: string, uptime: number, list: readonly Varbind[], community = 'public'): Buffer => {
  const all: Varbind[] = [['1.3.6.1.2.1.1.3.0', ticks(uptime)], ['1.3.6.1.6.3.1.1.4.1.0', oid(trap)], ...list]
  return message(1, tlv(0xa7, integer(1), integer(0), integer(0), varbinds(all)), community)
}
const version1 = (
  enterprise: string,
  generic: number,
  specific: number,
  uptime: number,
  list: readonly Varbind[] = []
): Buffer => {
  const agent = tlv(0x40, Buffer.from([10, 7, 1, 5]))
  const pdu = tlv(
    0xa4,
    oid(enterprise),
    agent,
    integer(generic),
    integer(specific),
    ticks(uptime),
    varbinds(list)
  )
  return message(0, pdu, 'public')
}

const ifEntry = '1.3.6.1.2.1.2.2.1'
const port = (admin: number, oper: number): Varbind[] => [
  [`${ifEntry}.1.25`, integer(25)],
  [`${ifEntry}.7.25`, integer(admin)],
  [`${ifEntry}.8.25`, integer(oper)]
]
const upsMib = '1.3.6.1.2.1.33'
const onBattery: Varbind[] = [
  [`${upsMib}.1.2.3.0`, integer(42)],
  [`${upsMib}.1.2.2.0`, integer(60)]
]
const alarmRow = (alarm: number): Varbind[] => [
  [`${upsMib}.1.6.2.1.1.7`, integer(7)],
  [`${upsMib}.1.6.2.1.2.7`, oid(`${upsMib}.1.6.3.${alarm}`)]
]
const snmpTraps = '1.3.6.1.6.3.1.1.5'
const gauge = (value: number): Buffer => integer(value, 0x42)
/** A row of the log of events of IEEE 802.3ah, the seventh of port 25. */
const oamEvent = (table: string, type: number, location: number): Varbind[] => [
  [`${table}.2.25.7`, ticks(4711)],
  [`${table}.3.25.7`, tlv(4, Buffer.from([0x01, 0x80, 0xc2]))],
  [`${table}.4.25.7`, gauge(type)],
  [`${table}.5.25.7`, integer(location)],
  [`${table}.12.25.7`, gauge(1)]
]
const oamMib = '1.3.6.1.2.1.158'
const ciscoOamMib = '1.3.6.1.4.1.9.10.136'

interface Record {
  readonly name: string
  readonly fields: Readonly<{ [field: string]: number }>
  readonly tags: Readonly<{ [tag: string]: string }>
}
interface Told {
  readonly says: string
  readonly trap: Buffer
  /** Undefined for a trap that is dropped. */
  readonly record?: Record
  readonly reads?: Readonly<{ [signal: string]: string | number }>
  /** Nothing of the kind can be polled. */
  readonly isLastWord?: true
}
const agent = { agent_host: '127.0.0.1' }
const agentPort = { ...agent, ifIndex: '25' }
const ownGasp = {
  record: { name: 'system', fields: { dyingGasp: 1 }, tags: agent },
  reads: { 'device.dying_gasp': 'yes' },
  isLastWord: true
} as const
const peerGasp = {
  record: { name: 'interface', fields: { peerDyingGasp: 1 }, tags: agentPort },
  reads: { 'if.peer_dying_gasp': 'yes' },
  isLastWord: true
} as const

const told: readonly Told[] = [
  {
    says: 'linkDown, whose ifOperStatus is the state before',
    trap: version2(`${snmpTraps}.3`, 123_456, port(1, 1)),
    record: { name: 'interface', fields: { ifAdminStatus: 1, ifOperStatus: 2 }, tags: agentPort },
    reads: { 'if.oper_status': 'down', 'if.admin_status': 'up' }
  },
  {
    says: 'linkDown of a port that somebody switches off',
    trap: version2(`${snmpTraps}.3`, 123_456, port(2, 1)),
    record: { name: 'interface', fields: { ifAdminStatus: 2, ifOperStatus: 2 }, tags: agentPort },
    reads: { 'if.oper_status': 'down', 'if.admin_status': 'down' }
  },
  {
    says: 'linkUp into a state that is not up',
    trap: version2(`${snmpTraps}.4`, 123_556, port(1, 5)),
    record: { name: 'interface', fields: { ifAdminStatus: 1, ifOperStatus: 5 }, tags: agentPort },
    reads: { 'if.oper_status': 'dormant', 'if.admin_status': 'up' }
  },
  {
    says: 'linkUp of version 1 that names the port only',
    trap: version1('1.3.6.1.4.1.171.10.113', 3, 0, 4711, [[`${ifEntry}.1.25`, integer(25)]]),
    record: { name: 'interface', fields: { ifOperStatus: 1 }, tags: agentPort },
    reads: { 'if.oper_status': 'up' }
  },
  { says: 'linkDown that names no port', trap: version2(`${snmpTraps}.3`, 1, []) },
  {
    says: 'coldStart of version 1',
    trap: version1('1.3.6.1.4.1.171.10.113', 0, 0, 12),
    record: { name: 'system', fields: { sysUpTime: 12 }, tags: agent },
    reads: { 'device.uptime_s': 0.12 }
  },
  {
    says: 'warmStart',
    trap: version2(`${snmpTraps}.2`, 50, []),
    record: { name: 'system', fields: { sysUpTime: 50 }, tags: agent },
    reads: { 'device.uptime_s': 0.5 }
  },
  {
    says: 'upsTrapOnBattery',
    trap: version2(`${upsMib}.2.1`, 99, onBattery),
    record: {
      name: 'ups',
      fields: { upsEstimatedMinutesRemaining: 42, upsOutputSource: 5, upsSecondsOnBattery: 60 },
      tags: agent
    },
    reads: { 'ups.output_source': 'battery', 'ups.runtime_s': 2520, 'ups.on_battery_s': 60 }
  },
  {
    says: 'upsTrapOnBattery of version 1',
    trap: version1(`${upsMib}.2`, 6, 1, 99, onBattery),
    record: {
      name: 'ups',
      fields: { upsEstimatedMinutesRemaining: 42, upsOutputSource: 5, upsSecondsOnBattery: 60 },
      tags: agent
    },
    reads: { 'ups.output_source': 'battery', 'ups.runtime_s': 2520, 'ups.on_battery_s': 60 }
  },
  {
    says: 'upsTrapAlarmEntryRemoved of upsAlarmOnBattery',
    trap: version2(`${upsMib}.2.4`, 99, alarmRow(2)),
    record: { name: 'ups', fields: { upsOutputSource: 3 }, tags: agent },
    reads: { 'ups.output_source': 'normal' }
  },
  { says: 'upsTrapAlarmEntryRemoved of another alarm', trap: version2(`${upsMib}.2.4`, 99, alarmRow(5)) },
  {
    says: "APC's upsOnBattery",
    trap: version1('1.3.6.1.4.1.318', 6, 5, 99),
    record: { name: 'apcups', fields: { upsBasicOutputStatus: 3 }, tags: agent },
    reads: { 'ups.output_source': 'battery' }
  },
  {
    says: "APC's powerRestored",
    trap: version1('1.3.6.1.4.1.318', 6, 9, 99),
    record: { name: 'apcups', fields: { upsBasicOutputStatus: 2 }, tags: agent },
    reads: { 'ups.output_source': 'normal' }
  },
  {
    says: 'snmpTrapDyingGasp of a DGS-1210/ME',
    trap: version2('1.3.6.1.4.1.171.10.76.28.1.120.0.29', 99, []),
    ...ownGasp
  },
  {
    says: 'snmpTrapDyingGasp of a DES-1210/ME, of version 1',
    trap: version1('1.3.6.1.4.1.171.10.75.15.2.120', 6, 29, 99),
    ...ownGasp
  },
  { says: 'another trap of a DGS-1210/ME', trap: version2('1.3.6.1.4.1.171.10.76.28.1.120.0.30', 99, []) },
  { says: 'a trap of another make with the same end', trap: version2('1.3.6.1.4.1.890.1.120.0.29', 99, []) },
  {
    says: 'hwEntityDyingGaspEvent of Huawei',
    trap: version2('1.3.6.1.4.1.2011.5.25.219.2.10.25', 99, []),
    ...ownGasp
  },
  {
    says: 'dot3OamNonThresholdEvent of a port that itself gasps',
    trap: version2(`${oamMib}.0.2`, 99, oamEvent(`${oamMib}.1.6.1`, 257, 1)),
    ...ownGasp
  },
  {
    says: 'dot3OamNonThresholdEvent of a neighbour that gasps',
    trap: version2(`${oamMib}.0.2`, 99, oamEvent(`${oamMib}.1.6.1`, 257, 2)),
    ...peerGasp
  },
  {
    says: 'dot3OamNonThresholdEvent of a link fault',
    trap: version2(`${oamMib}.0.2`, 99, oamEvent(`${oamMib}.1.6.1`, 256, 2))
  },
  {
    says: "Cisco's cdot3OamNonThresholdEvent of a neighbour that gasps",
    trap: version2(`${ciscoOamMib}.0.2`, 99, oamEvent(`${ciscoOamMib}.1.6.1`, 257, 2)),
    ...peerGasp
  },
  { says: 'authenticationFailure', trap: version2(`${snmpTraps}.5`, 1, []) },
  { says: 'linkDown of another community', trap: version2(`${snmpTraps}.3`, 1, port(1, 1), 'other') }
]
const nowMs = Date.UTC(2026, 0, 15)

describe('traps', () => {
  it.each(told.filter(one => one.record !== undefined))('$says is read as a poll', ({ record, reads }) => {
    const metric = { ...record, tags: { ...record?.tags, host: 'col1' }, timestamp: nowMs }
    const [group, ...others] = readingsOf(metric, nowMs)
    expect(others).toEqual([])
    expect(group).toMatchObject({
      device: '127.0.0.1',
      instance: record?.tags['ifIndex'] ?? '',
      values: reads
    })
    expect(Object.keys(group?.values ?? {}).length).toBe(Object.keys(reads ?? {}).length)
  })

  it('are written with names that are polled, or the next poll would correct nothing', () => {
    for (const { record } of told.filter(one => one.record !== undefined && one.isLastWord !== true)) {
      expect(polled).toContain(`  name = "${record?.name ?? ''}"`)
      for (const field of Object.keys(record?.fields ?? {})) expect(polled).toContain(`name = "${field}"`)
    }
    // A poll of today names the device by the same tag, and no better one.
    expect(polled.match(/agent_host_tag = "agent_host"/g)?.length).toBeGreaterThan(3)
  })

  it('need neither MIB files nor minutes', () => {
    const main = readFileSync(join(folder, 'telegraf.conf'), 'utf8')
    expect(main).toMatch(/^ {2}snmp_translator = "gosmi"$/m)
    expect(main).toMatch(/^ {2}flush_interval = "\d{3}ms"$/m)
    // Cut to seconds, a trap and a poll of one second would have no order.
    expect(main).toMatch(/^ {2}json_timestamp_units = "1ms"$/m)
  })

  it('listen to nobody before an operator says so', () => {
    const outside = file.replace(/'''[^]*?'''/, '')
    expect(outside.split('\n').filter(line => /^\[\[inputs/.test(line))).toEqual([])
  })

  it.skipIf(process.env['TELEGRAF_PATH'] === undefined)(
    'are made so by Telegraf itself',
    { timeout: 60_000 },
    async () => {
      const home = mkdtempSync(join(tmpdir(), 'svetofor-traps-'))
      const udpPort = 20_000 + (process.pid % 20_000)
      const opened = file
        .replaceAll(/^# (?=\[\[inputs| {2}(?:service_address|version =|\[inputs| {2}community))/gm, '')
        .replace('udp://:1162', `udp://127.0.0.1:${udpPort}`)
      const main = '[agent]\n  flush_interval = "100ms"\n  snmp_translator = "gosmi"\n'
      const output = '[[outputs.file]]\n  files = ["stdout"]\n  data_format = "json"\n'
      writeFileSync(join(home, 'telegraf.conf'), `${main}${output}${opened}`)
      const telegraf = spawn(process.env['TELEGRAF_PATH'] ?? '', ['--config', join(home, 'telegraf.conf')])
      try {
        const written: Record[] = []
        const isListening = new Promise<void>(resolve => {
          createInterface(telegraf.stderr).on('line', line => {
            if (line.includes('Listening on')) resolve()
          })
        })
        createInterface(telegraf.stdout).on('line', line => written.push(JSON.parse(line) as Record))
        await isListening
        const wanted = told.flatMap(({ record }) => record ?? [])
        const socket = createSocket('udp4')
        for (const { trap } of told)
          await new Promise(resolve => socket.send(trap, udpPort, '127.0.0.1', resolve))
        socket.close()
        await expect.poll(() => written.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(wanted.length)
        const plain = written.map(({ name, fields, tags: { host: _host, ...tags } }) => ({
          name,
          fields,
          tags
        }))
        expect(plain).toEqual(wanted)
      } finally {
        telegraf.kill()
        rmSync(home, { recursive: true })
      }
    }
  )
})
