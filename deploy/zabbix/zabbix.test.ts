import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../../schemas/package-root.ts'
import { readingsOf } from '../../test/support/shipped-readings.ts'

/**
 * The definition of the connector against the shipped profile: items as Zabbix's own templates stream them pass its filter, and
 * are read. No Zabbix runs here.
 */
const folder = join(packageRoot, 'deploy', 'zabbix')
const request = JSON.parse(readFileSync(join(folder, 'connector.json'), 'utf8')) as {
  readonly method: string
  readonly params: {
    readonly url: string
    readonly token: string
    readonly data_type: number
    readonly item_value_type: number
    readonly max_attempts: number
    readonly verify_peer: number
    readonly verify_host: number
    readonly tags_evaltype: number
    readonly tags: readonly { readonly tag: string; readonly operator: number; readonly value: string }[]
  }
}
const { params } = request
const conf = readFileSync(join(folder, 'kafka_connector.conf'), 'utf8')

interface Item {
  readonly name: string
  readonly components: readonly string[]
  readonly value: unknown
  readonly type: number
  readonly reads: Readonly<Record<string, string | number>>
  readonly more?: readonly (readonly [string, string])[]
  readonly instance?: string
}

/** By the type of a streamed value: its part in the connector's sum of types. */
const typeBits: readonly number[] = [1, 2, 4, 8, 16, 32]
const [float, unsigned] = [0, 3]

/** Names, tags and types as in Zabbix's templates "APC UPS by SNMP" and "D-Link DES_DGS by SNMP". */
const items: readonly Item[] = [
  {
    name: 'APC UPS: Output status',
    components: ['health', 'power'],
    value: 3,
    type: unsigned,
    reads: { 'ups.output_source': 'battery' }
  },
  {
    name: 'APC UPS: Battery status',
    components: ['health', 'power'],
    value: 3,
    type: unsigned,
    reads: { 'ups.battery_status': 'low' }
  },
  {
    name: 'APC UPS: Battery capacity',
    components: ['power'],
    value: 71.5,
    type: float,
    reads: { 'ups.charge_pct': 71.5 }
  },
  {
    name: 'APC UPS: Battery runtime remaining',
    components: ['power'],
    value: 840,
    type: float,
    reads: { 'ups.runtime_s': 840 }
  },
  {
    name: 'APC UPS: Battery replace indicator',
    components: ['power'],
    value: 1,
    type: unsigned,
    reads: { 'ups.replace_battery': 'no' }
  },
  {
    name: 'APC UPS: Input voltage',
    components: ['power'],
    value: 231.2,
    type: float,
    reads: { 'ups.input_v': 231.2 }
  },
  {
    name: 'APC UPS: Output load',
    components: ['power'],
    value: 17,
    type: float,
    reads: { 'ups.load_pct': 17 }
  },
  {
    name: 'APC UPS: Uptime (network)',
    components: ['system'],
    value: 812_345,
    type: unsigned,
    reads: { 'device.uptime_s': 812_345 }
  },
  {
    name: 'Interface 1/25(to KU-7: ring (B)): Operational status',
    components: ['network'],
    more: [
      ['description', 'to KU-7: ring (B)'],
      ['interface', '1/25']
    ],
    value: 2,
    type: unsigned,
    reads: { 'if.oper_status': 'down' },
    instance: '1/25'
  },
  {
    name: 'Interface 1/25(to KU-7: ring (B)): Speed',
    components: ['network'],
    more: [['interface', '1/25']],
    value: 1_000_000_000,
    type: unsigned,
    reads: { 'if.speed_mbps': 1000 },
    instance: '1/25'
  }
]

describe('the connector', () => {
  it('sends item values by an encrypted and known way, and holds no secret', () => {
    expect(request.method).toBe('connector.create')
    expect(params).toMatchObject({ data_type: 0, verify_peer: 1, verify_host: 1, max_attempts: 5 })
    for (const text of [params.url, params.token]) expect(text).toMatch(/^\{\$SVETOFOR\.[A-Z.]+\}$/)
    expect(conf).not.toMatch(/^(?:Connector\.BearerToken|Kafka\.(?:Username|Password))=/m)
    expect(conf).toMatch(/^Connector\.EnableTLS=true$/m)
    expect(conf).toMatch(/^Kafka\.Retry=[1-9]/m)
  })

  it('writes to the topic that the shipped configuration reads, and events elsewhere', () => {
    const shipped = readFileSync(join(packageRoot, 'deploy', 'svetofor', 'svetofor.yaml'), 'utf8')
    const topic = /^Kafka\.Items=(.+)$/m.exec(conf)?.[1] ?? ''
    expect(topic).not.toBe('')
    expect(shipped).toContain(topic)
    expect(/^Kafka\.Events=(.+)$/m.exec(conf)?.[1]).not.toBe(topic)
  })

  it('filters by tags that are equal, any of them', () => {
    expect(params.tags_evaltype).toBe(0)
    // Of one tag any value will do; of several each would have to be there.
    expect(new Set(params.tags.map(({ tag }) => tag)).size).toBe(1)
    for (const { operator } of params.tags) expect(operator).toBe(0)
  })
})

describe("items of Zabbix's own templates", () => {
  const nowMs = Date.UTC(2026, 0, 15)

  it.each(items)('$name passes the filter and is read', item => {
    const tags = [
      ...item.components.map(value => ({ tag: 'component', value })),
      ...(item.more ?? []).map(([tag, value]) => ({ tag, value }))
    ]
    expect(
      tags.some(({ tag, value }) => params.tags.some(one => one.tag === tag && one.value === value))
    ).toBe(true)
    expect(params.item_value_type & (typeBits[item.type] ?? 0)).not.toBe(0)
    const streamed = {
      host: { host: 'ku-7-dev', name: 'КУ 7' },
      groups: ['КУ'],
      item_tags: tags,
      itemid: 4711,
      name: item.name,
      clock: nowMs / 1000,
      ns: 250_000_000,
      value: item.value,
      type: item.type
    }
    expect(readingsOf(streamed, nowMs + 1000)).toMatchObject([
      { profile: 'zabbix', device: 'ku-7-dev', instance: item.instance ?? '', values: item.reads }
    ])
  })

  it('leave out logs and binaries', () => {
    expect(params.item_value_type & (4 | 32)).toBe(0)
  })
})
