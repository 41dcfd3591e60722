import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { packageRoot } from '../../schemas/package-root.ts'
import { plainPath } from '../../schemas/records/formats/gnmic.ts'
import { profiles, readingsOf } from '../../test/support/shipped-readings.ts'

/**
 * gnmic's file against the shipped profile, by path: what is subscribed is read, and what the profile reads is subscribed; and
 * events in the form of gnmic's formatter become the right readings. No gnmic runs here.
 */
interface Stream {
  readonly 'stream-mode': string
  readonly 'sample-interval'?: string
  readonly 'heartbeat-interval'?: string
  readonly paths: readonly string[]
}
interface File {
  readonly targets: Readonly<Record<string, { readonly subscriptions: readonly string[] }>> | null
  readonly subscriptions: Readonly<
    Record<string, { readonly mode: string; readonly 'stream-subscriptions': readonly Stream[] }>
  >
  readonly outputs: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

const text = readFileSync(join(packageRoot, 'deploy', 'gnmic', 'gnmic.yaml'), 'utf8')
const file = parse(text) as File
const streams = Object.values(file.subscriptions).flatMap(one => one['stream-subscriptions'])
const subscribed = streams.flatMap(({ paths }) => paths.map(plainPath))
const read = profiles.measurements
  .filter(({ profile }) => profile === 'openconfig')
  .flatMap(({ slotsByField }) => [...slotsByField.keys()])
const covers = (path: string, field: string): boolean => field === path || field.startsWith(`${path}/`)

describe("gnmic's file", () => {
  it('subscribes to nothing that the profile does not read', () => {
    expect(subscribed.filter(path => !read.some(field => covers(path, field)))).toEqual([])
    expect(new Set(subscribed).size).toBe(subscribed.length)
  })

  it('subscribes to all that the profile reads', () => {
    expect(read.length).toBeGreaterThan(40)
    expect(read.filter(field => !subscribed.some(path => covers(path, field)))).toEqual([])
  })

  it('tells states again that do not change, and samples the rest by an interval', () => {
    for (const stream of streams)
      if (stream['stream-mode'] === 'on-change') expect(stream['heartbeat-interval']).toMatch(/^\d+s$/)
      else {
        expect(stream['stream-mode']).toBe('sample')
        expect(stream['sample-interval']).toMatch(/^\d+s$/)
      }
  })

  it('writes the form that is read, keyed so that the records of a device stay in order', () => {
    expect(file.outputs['svetofor']).toMatchObject({
      type: 'kafka',
      format: 'event',
      'split-events': true,
      'insert-key': true,
      'num-workers': 1,
      'required-acks': 'wait-for-all'
    })
    expect(file.outputs['svetofor']).not.toHaveProperty('topic-prefix')
  })

  it('names no device and holds no secret, and its example has one subscription that there is', () => {
    expect(file.targets).toBeNull()
    expect(text).not.toMatch(/^\s*(?:# )?(?:password|username|token|user):/m)
    expect(text).not.toContain('skip-verify')
    const example = text
      .split('\n')
      .map(line => line.replace(/^ {2}# (?= *\S+:(?: \[| ?$|$))/, '  '))
      .join('\n')
    const { targets } = parse(example) as File
    const [target] = Object.values(targets ?? {})
    expect(target?.subscriptions).toHaveLength(1)
    expect(Object.keys(file.subscriptions)).toContain(target?.subscriptions[0])
  })
})

describe('events as gnmic writes them', () => {
  const nowMs = Date.UTC(2026, 0, 15)
  // Nanoseconds are beyond 2^53, so the digits are put into the text.
  const event = (
    tags: Record<string, string>,
    more: { readonly values: Record<string, unknown> } | { readonly deletes: readonly string[] }
  ): string =>
    JSON.stringify({
      name: 'openconfig',
      timestamp: 0,
      tags: { source: '10.7.1.5:57400', 'subscription-name': 'openconfig', ...tags },
      ...more
    }).replace('"timestamp":0', `"timestamp":${nowMs}123456`)

  it('are read where a state changes', () => {
    const changed = event(
      { interface_name: 'Ethernet1' },
      { values: { '/openconfig-interfaces:interfaces/interface/state/oper-status': 'DOWN' } }
    )
    expect(readingsOf(changed, nowMs)).toEqual([
      {
        profile: 'openconfig',
        device: '10.7.1.5',
        instance: 'Ethernet1',
        timeMs: nowMs,
        values: { 'if.oper_status': 'down' },
        gone: []
      }
    ])
  })

  it('are read where counters are sampled, as texts of 64 bits and with some that nobody asked for', () => {
    const counters = '/interfaces/interface/state/counters'
    const sampled = event(
      { interface_name: 'Ethernet1' },
      {
        values: {
          [`${counters}/in-octets`]: '4294967303',
          [`${counters}/in-errors`]: '7',
          [`${counters}/in-fcs-errors`]: '2',
          [`${counters}/last-clear`]: '1736899200000000000'
        }
      }
    )
    expect(readingsOf(sampled, nowMs)[0]?.values).toEqual({
      'if.in_octets': 4_294_967_303,
      'if.in_errors': 7
    })
  })

  it('are read by lane of a module, with the limits of its port by their severity', () => {
    const channel = '/components/component/transceiver/physical-channels/channel/state'
    const lane = event(
      { component_name: 'Ethernet49', channel_index: '3' },
      { values: { [`${channel}/input-power/instant`]: '-5.31', [`${channel}/input-power/avg`]: '-5.30' } }
    )
    expect(readingsOf(lane, nowMs)).toMatchObject([
      { instance: 'Ethernet49 lane 3', values: { 'optics.rx_dbm': -5.31 } }
    ])
    const limits = (severity: string): unknown =>
      readingsOf(
        event(
          { component_name: 'Ethernet49', threshold_severity: severity },
          {
            values: {
              '/components/component/transceiver/thresholds/threshold/state/input-power-lower': '-14.4',
              '/components/component/transceiver/thresholds/threshold/state/input-power-upper': '0.5'
            }
          }
        ),
        nowMs
      )
    expect(limits('openconfig-alarm-types:CRITICAL')).toMatchObject([
      {
        instance: 'Ethernet49',
        values: { 'optics.rx_low_alarm_dbm': -14.4, 'optics.rx_high_alarm_dbm': 0.5 }
      }
    ])
    expect(limits('WARNING')).toMatchObject([
      { values: { 'optics.rx_low_warn_dbm': -14.4, 'optics.rx_high_warn_dbm': 0.5 } }
    ])
    expect(limits('MINOR')).toEqual([])
  })

  it('are read by the native paths of each make', () => {
    const read = (tags: Record<string, string>, values: Record<string, unknown>): unknown =>
      readingsOf(event(tags, { values }), nowMs)
    expect(
      read({ interface_name: 'ethernet-1/1' }, { '/srl_nokia-interfaces:interface/oper-state': 'down' })
    ).toMatchObject([{ instance: 'ethernet-1/1', values: { 'if.oper_status': 'down' } }])
    expect(
      read(
        { interface_name: 'Te1/1/1' },
        { 'rfc7951:/Cisco-IOS-XE-interfaces-oper:interfaces/interface/oper-status': 'if-oper-state-no-pass' }
      )
    ).toMatchObject([{ instance: 'Te1/1/1', values: { 'if.oper_status': 'down' } }])
    expect(
      read(
        { transceiver_name: 'Te1/1/1' },
        { 'rfc7951:/Cisco-IOS-XE-transceiver-oper:transceiver-oper-data/transceiver/input-power': '-7.2' }
      )
    ).toMatchObject([{ instance: 'Te1/1/1', values: { 'optics.rx_dbm': -7.2 } }])
    expect(
      read(
        { interface_name: 'GE0/0/1' },
        { '/huawei-ifm:ifm/interfaces/interface/dynamic/oper-status': 'up' }
      )
    ).toMatchObject([{ instance: 'GE0/0/1', values: { 'if.oper_status': 'up' } }])
  })

  it('say what is gone where a port is deleted', () => {
    const deleted = event({ interface_name: 'Ethernet1' }, { deletes: ['/interfaces/interface'] })
    const [group] = readingsOf(deleted, nowMs)
    expect(group).toMatchObject({ device: '10.7.1.5', instance: 'Ethernet1', values: {} })
    expect(group?.gone).toEqual(expect.arrayContaining(['if.oper_status', 'if.admin_status', 'if.in_octets']))
    expect(group?.gone).not.toContain('optics.rx_dbm')
  })
})
