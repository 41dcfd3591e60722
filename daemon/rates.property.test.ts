import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { oneSwitch, toldInPieces } from '../test/support/one-switch.ts'
import type { Definitions } from './judging/definitions.ts'
import { definitionsOf } from './network.ts'

const startMs = Date.UTC(2026, 2, 1)
const ports = ['1', '2'] as const

const inventory = oneSwitch(ports)

const text = '{ ru: Порт, en: Port }'
const rules = `
rules:
  - name: test.number
    kind: link
    severity: warning
    select: { signal: if.in_errors, port: uplink }
    rate: per_second
    above: 1 /s
    hold: { raise_samples: 2 }
    text: ${text}
  - name: test.share
    kind: link
    severity: warning
    select: { signal: if.in_errors, port: uplink }
    rate: share
    above: 5 %
    clear: 2 %
    hold: { clear_samples: 2 }
    text: ${text}
  - name: test.used
    kind: link
    severity: minor
    select: { signal: if.in_octets, port: uplink }
    rate: utilisation
    above: 50 %
    text: ${text}
`

/** Records in which all series are met: of the device, and of each port. */
const met = 1 + ports.length

/** One poll of one port, or of the device itself. */
const poll = fc.record({
  afterS: fc.integer({ min: 0, max: 120 }),
  port: fc.constantFrom(...ports),
  errors: fc.constantFrom(0, 0, 5, 500),
  frames: fc.constantFrom(0, 1000, 100_000),
  octets: fc.constantFrom(0, 10_000_000, 600_000_000),
  speed: fc.constantFrom(100, 100, 1000),
  /** Frames and speed before the counters that are reckoned by them, or behind. */
  isBehind: fc.boolean(),
  left: fc.constantFrom('nothing', 'nothing', 'nothing', 'frames', 'speed'),
  happened: fc.constantFrom('nothing', 'nothing', 'nothing', 'reset', 'twice', 'late', 'reboot')
})
type Poll = typeof poll extends fc.Arbitrary<infer T> ? T : never

function recordsOf(polls: readonly Poll[]): { readonly records: string[]; readonly endMs: number } {
  let timeMs = startMs
  const counted = new Map<string, { errors: number; frames: number; octets: number }>(
    ports.map(port => [port, { errors: 0, frames: 0, octets: 0 }])
  )
  const record = (instance: string, atMs: number, signals: Readonly<Record<string, number>>): string =>
    JSON.stringify({
      device: '10.0.0.1',
      identifiers: ['10.0.0.1'],
      ...(instance === '' ? {} : { instance }),
      collector: 'col',
      timeMs: atMs,
      signals
    })
  const whole = { 'if.in_errors': 0, 'if.in_unicast': 0, 'if.in_octets': 0, 'if.speed_mbps': 100 }
  // Each port tells all of it at first.
  const records = [
    record('', startMs, { 'device.uptime_s': 1e6 }),
    ...ports.map(port => record(port, startMs, whole))
  ]
  for (const { afterS, port, errors, frames, octets, speed, isBehind, left, happened } of polls) {
    timeMs += afterS * 1000
    const counts = counted.get(port)!
    if (happened === 'reset') counts.errors = counts.frames = counts.octets = 0
    if (happened === 'reboot') records.push(record('', timeMs, { 'device.uptime_s': 5 }))
    counts.errors += errors
    counts.frames += frames
    counts.octets += octets
    const by = {
      ...(left === 'frames' ? {} : { 'if.in_unicast': counts.frames }),
      ...(left === 'speed' ? {} : { 'if.speed_mbps': speed })
    }
    const rated = { 'if.in_errors': counts.errors, 'if.in_octets': counts.octets }
    const told = record(port, timeMs, isBehind ? { ...rated, ...by } : { ...by, ...rated })
    records.push(told)
    if (happened === 'twice') records.push(told)
    if (happened === 'late') records.push(record(port, timeMs - 40_000, whole))
  }
  return { records, endMs: timeMs }
}

describe('rates', () => {
  const play = async (
    definitions: Definitions,
    records: readonly string[],
    endMs: number,
    cuts: readonly number[]
  ): Promise<unknown[]> => {
    const alarms = await toldInPieces({ definitions, records, startMs, endMs, tickMs: 60_000, cuts })
    // What happens to several ports at one moment is told in any order.
    const told = alarms.map(({ change, atMs, alarm: { id, type, resource, evidence, text: said } }) => ({
      change,
      atMs,
      id,
      type,
      resource,
      value: evidence.value,
      limit: evidence.limit,
      offset: evidence.coordinates?.offset,
      said
    }))
    return told.sort((a, b) =>
      a.resource + a.type < b.resource + b.type ? -1 : a.resource + a.type > b.resource + b.type ? 1 : 0
    )
  }

  it('raise and clear the same, however the records are cut into batches', async () => {
    const definitions = await definitionsOf({ inventory, rules: [{ file: 'rules.yaml', text: rules }] })
    let transitions = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(poll, { minLength: 60, maxLength: 150, size: 'max' }),
        fc.array(fc.nat(150), { maxLength: 30, size: 'max' }),
        async (polls, places) => {
          const { records, endMs } = recordsOf(polls)
          const whole = await play(definitions, records, endMs, [])
          // All series are met in one batch: of one that is met later, what it is reckoned by has gone on to the end of that batch.
          const cuts = places.map(place => met + (place % (records.length - met))).sort((a, b) => a - b)
          expect(await play(definitions, records, endMs, cuts)).toEqual(whole)
          const single = records.map((_, at) => at)
          expect(await play(definitions, records, endMs, single)).toEqual(whole)
          transitions += whole.length
        }
      ),
      { numRuns: 8 }
    )
    expect(transitions).toBeGreaterThan(60)
  })
})
