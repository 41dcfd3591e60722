import { isDeepStrictEqual } from 'node:util'
import { assignProgram } from '../../rules/judge.ts'
import { createProgramTable } from '../../rules/program.ts'
import {
  anySignalBeside,
  baseMs,
  baseValue,
  perSecond,
  rateNumbers,
  setBeside,
  type RateState
} from '../../rules/measures/rates.ts'
import { createDecoder, type DecodePolicy } from '../../schemas/records/decode.ts'
import type { EvaluationResult, EvaluationTask } from '../../schemas/evaluation.ts'
import { newEntities } from '../../schemas/findings.ts'
import type { ProfileFormat } from '../../schemas/records/profile-schema.ts'
import type { ProfileSet } from '../../schemas/records/plan.ts'
import { signals } from '../../schemas/signals.ts'
import { createEvaluator } from '../../workers/evaluate.ts'
import { createSharedMemory, openSharedState, type SharedState } from '../../workers/memory/shared-state.ts'
import { rangeOf } from './records.ts'

/**
 * Records of every format, as their writers write them and with something odd about them, and two evaluations of the same
 * records, with and without the scanner, that must not differ in a byte. For the property tests and the bench.
 */

export const parityFormats: readonly ProfileFormat[] = ['telegraf', 'gnmic', 'zabbix', 'canonical']

/** A whole number in 0..n-1. */
export type Pick = (n: number) => number

export const parityNowMs = 1_700_000_600_000
export const parityPolicy: DecodePolicy = {
  futureMsMax: 60_000,
  pastMsMax: 1e9,
  depthMax: 16,
  valueBytesMax: 20_000
}

export const sharedFor = (seriesMax: number): SharedState =>
  openSharedState(
    createSharedMemory({
      seriesMax,
      devicesMax: seriesMax / 10,
      keyBytesMax: 800 * seriesMax,
      programsMax: 8
    })
  )

/** An evaluation that assigns every series it meets. */
export function createEvaluation(profiles: ProfileSet, isScanning: boolean, shared = sharedFor(20_000)) {
  const programs = createProgramTable(shared.kernel.programs)
  const condition = { condition: 0, raiseCount: 1, clearCount: 2, mask: 0 }
  const program = programs.addProgram({
    conditions: [
      { ...condition, op: 'below', raiseLimit: -20, clearLimit: -19 },
      { ...condition, condition: 1, op: 'above', raiseLimit: 50, clearLimit: 40 },
      { ...condition, condition: 2, op: 'in', raiseLimit: 0, clearLimit: 0, mask: 0b100100 }
    ]
  })
  const rate = { ...condition, op: 'above', raiseLimit: 5, clearLimit: 4, raiseCount: 1 } as const
  const counter = programs.addProgram({
    conditions: [
      { ...rate, condition: 3, measure: 'per_second' },
      { ...rate, condition: 4, measure: 'share' },
      { ...rate, condition: 5, measure: 'utilisation' }
    ],
    keeps: 'counter'
  })
  const { rates } = shared.series
  const speed = programs.addProgram({ conditions: [], keeps: 'value' })
  const uptime = programs.addProgram({ conditions: [], keeps: 'uptime' })
  /** Programs by signal: counters by their rates, and what these are reckoned by. */
  const programOf = (signal: number): number => {
    if (signals[signal]?.kind === 'counter') return counter
    if (signals[signal]?.name === 'device.uptime_s') return uptime
    return signals[signal]?.name === 'if.speed_mbps' ? speed : program
  }
  const evaluator = createEvaluator({
    measurements: profiles.measurements,
    decoder: createDecoder(profiles, parityPolicy),
    ...(isScanning ? { scanning: { profiles, policy: parityPolicy } } : {}),
    shared,
    limits: { verifyCrc: true, decompressedBytesMax: 1 << 26, deadLetterBytesMax: 1 << 16 }
  })
  const besides: [number, number][] = []
  return {
    run(task: EvaluationTask): EvaluationResult {
      const result = evaluator.evaluate(task)
      for (const { series, signals: told } of newEntities(result.newSeries))
        series.forEach((at, i) => {
          const signal = told[i]!
          assignProgram(programs.table, shared.series, at, programOf(signal))
          const by = told.indexOf(anySignalBeside(signal))
          if (by >= 0) besides.push([at, series[by]!])
        })
      for (const [at, by] of besides.splice(0))
        if (rates.slotOf[at] !== 0 && rates.slotOf[by] !== 0) setBeside(rates, at, by)
      return result
    },
    /** As bytes: they are compared fast. */
    state: () =>
      [
        shared.series.conditions.slice(0, shared.seriesCount() * 8),
        shared.series.lastTimeMs.slice(0, shared.seriesCount()),
        keptOf(rates, shared.seriesCount()),
        shared.devices.startedMs.slice(0, shared.deviceCount()),
        shared.devices.lastSeenMs.slice(0, shared.deviceCount())
      ].map(({ buffer }) => new Uint8Array(buffer))
  }
}

/** What rates are reckoned from, by series. */
function keptOf({ slotOf, numbers }: RateState, count: number): Float64Array {
  const kept = new Float64Array(count * 3)
  for (let series = 0; series < count; series++)
    for (const [k, place] of [baseValue, baseMs, perSecond].entries())
      kept[series * 3 + k] = numbers[slotOf[series]! * rateNumbers + place]!
  return kept
}

export interface Parity {
  /** Records of the last run() that took the scanner. */
  readonly scanned: number
  /** Evaluates these values in both ways; what differs, or undefined. */
  run(values: readonly Uint8Array[]): { readonly scanning: unknown; readonly decoding: unknown } | undefined
}

/** Two evaluations that are given the same. All but the two counters of the way taken is compared. */
export function createParity(profiles: ProfileSet, seriesMax = 20_000): Parity {
  const scanning = createEvaluation(profiles, true, sharedFor(seriesMax))
  const decoding = createEvaluation(profiles, false, sharedFor(seriesMax))
  let offset = 0
  let round = 0
  const parity = {
    scanned: 0,
    run(values: readonly Uint8Array[]) {
      const range = (): EvaluationTask => ({
        ranges: [rangeOf(values, { firstOffset: offset })],
        nowMs: parityNowMs + round
      })
      const one = scanning.run(range())
      const other = decoding.run(range())
      parity.scanned = one.counts['scanned'] ?? 0
      offset += values.length
      round = (round + 1) % 10_000
      const pairs: [unknown, unknown][] = [
        [withoutWay(one), withoutWay(other)],
        [scanning.state(), decoding.state()]
      ]
      const found = pairs.find(([a, b]) => !isDeepStrictEqual(a, b))
      return found === undefined ? undefined : { scanning: found[0], decoding: found[1] }
    }
  }
  return parity
}

const withoutWay = ({ counts, ...result }: EvaluationResult) => ({
  ...result,
  counts: Object.fromEntries(
    Object.entries(counts).filter(([name]) => name !== 'scanned' && name !== 'decoded')
  )
})

type Member = readonly [key: string, text: string]

const oddNumbers = [
  '-0',
  '0.0',
  '-0.0',
  '1e3',
  '1E-2',
  '01',
  '-',
  '1.',
  '.5',
  '+1',
  '00',
  '1e400',
  '0.1000000000000000055',
  '0.30000000000000004',
  '4294967295',
  '9007199254740993',
  '18446744073709551615',
  '4611686018427387905',
  '4611686017999999999',
  '123456789012345678901234567890'
]
const texts = [
  '  -',
  '',
  'Port 8 is not a SFP port.',
  'up',
  'down(2)',
  'UP',
  'LOWER_LAYER_DOWN',
  'normal',
  'battery',
  'OL',
  'OB LB',
  '-inf',
  'é',
  'a\\n',
  '\\u0075p',
  ' 1.5 ',
  '1.5.5',
  'testing',
  '0x10',
  '1e2',
  'true',
  'a\\"b',
  'a"b',
  '\u0001'
]
const oddValues = ['true', 'false', 'null', '[]', '{}', '{"a":1}', '[1]', 'tru', 'nul', 'True', '""x', '']

/** Makes records; every choice is `pick`'s. The same picks give the same record. */
export function createRecordMaker(profiles: ProfileSet): (format: ProfileFormat, pick: Pick) => Uint8Array {
  const of = (format: ProfileFormat) => profiles.measurements.filter(plan => plan.format === format)
  const plansOf = {
    telegraf: of('telegraf'),
    gnmic: of('gnmic'),
    zabbix: of('zabbix'),
    canonical: of('canonical')
  }
  const namesOf = (format: ProfileFormat, index: number): string[] =>
    [...profiles.byName[format].exact].filter(([, is]) => is.includes(index)).map(([name]) => name)

  const one = <T>(pick: Pick, list: readonly T[]): T => list[pick(list.length)]!
  const quoted = (text: string): string => `"${text}"`

  /** Half of the records are made without odd values, or hardly any would be without. */
  let isSober = false

  const number = (pick: Pick): string => {
    switch (isSober ? 1 + pick(7) : pick(8)) {
      case 0:
        return one(pick, oddNumbers)
      case 1:
      case 2:
        return String(pick(10))
      case 3:
        return String(pick(2 ** 31))
      case 4:
        return String(pick(2 ** 31) * 4096 + pick(4096))
      case 5:
        return `${pick(1000)}${String(pick(2 ** 31))}${String(pick(2 ** 31))}`
      default:
        return `${pick(341) - 40}.${pick(10_000)}`
    }
  }
  const value = (pick: Pick): string => {
    const kind = pick(isSober ? 92 : 100)
    if (kind < 60) return number(pick)
    if (kind < 75) return quoted(`${pick(51) - 40}.${pick(10_000)}`)
    if (kind < 92) return quoted(texts[pick(12)]!)
    if (kind < 95) return quoted(number(pick))
    if (kind < 97) return quoted(one(pick, texts))
    return one(pick, oddValues)
  }
  const members = (list: readonly Member[]): string =>
    `{${list.map(([key, text]) => `"${key}":${text}`).join(',')}}`
  const distinct = (list: readonly Member[], pick: Pick): Member[] =>
    pick(12) === 0 ? [...list] : list.filter(([key], i) => list.findIndex(([other]) => other === key) === i)
  const sorted = (list: readonly Member[]): Member[] =>
    [...list].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  const fieldsOf = (names: readonly string[], pick: Pick): Member[] => {
    // A source has few sequences of names.
    if (isSober) {
      const from = pick(Math.min(3, names.length))
      return names.slice(from, from + 4).map(key => [key, value(pick)] as const)
    }
    const list = Array.from({ length: 1 + pick(7) }, () => [one(pick, names), value(pick)] as const)
    const kept = distinct(list, pick)
    return pick(3) === 0 ? kept : sorted(kept)
  }
  const name = (pick: Pick): string =>
    pick(25) > 0
      ? one(pick, ['10.7.1.5', '10.7.1.6', 'du-7', '7', '8', '5'])
      : one(pick, ['', ' ', 'a\\"b', 'é', 'ДУ 7', 'a\\u0031', '10.7.1.5:57400', '\u007f'])
  const text = (pick: Pick): string =>
    pick(50) > 0 ? quoted(name(pick)) : one(pick, ['3', 'null', '1.5', '[]'])
  const seconds = (pick: Pick): number => parityNowMs / 1000 + pick(130) - 100
  const oddTime = (pick: Pick): string =>
    one(pick, [
      '1700000500123456789',
      '1700000900',
      '5',
      '0',
      '1700000500.5',
      '"1700000500"',
      '-1',
      'null',
      '99999999999999999999',
      '01700000500',
      '1.7e9',
      '"2023-11-14T22:20:00Z"'
    ])
  const time = (pick: Pick, unit: 's' | 'ms' | 'ns'): string => {
    if (pick(12) === 0) return oddTime(pick)
    const digits = { s: '', ms: '000', ns: `000${String(pick(2 ** 30) % 1_000_000).padStart(6, '0')}` }
    return `${seconds(pick)}${digits[unit]}`
  }

  const telegraf = (pick: Pick): Member[] => {
    const plan = one(pick, plansOf.telegraf)
    const names = [plan.name, ...namesOf('telegraf', plan.index)]
    const keys = ['source', 'sysName', 'index', 'host', 'ifDescr', 'type', 'swDdmPowerUnit', 'zz']
    const whole: Member[] =
      pick(6) > 0
        ? [
            ['agent_host', quoted(one(pick, ['10.7.1.5', '10.7.1.6']))],
            ['ifIndex', quoted(String(pick(3)))],
            ['ups_name', '"ku7"']
          ]
        : []
    const more = Array.from({ length: isSober ? 0 : pick(4) }, () => [one(pick, keys), text(pick)] as const)
    const fields = [
      ...plan.slotsByField.keys(),
      ...plan.linkedKeys,
      ...plan.instance.map(key => key.tag),
      'other',
      '__proto__'
    ]
    return [
      ['fields', members(fieldsOf(fields, pick))],
      ['name', quoted(pick(20) > 0 ? one(pick, names) : one(pick, ['nobody', 'a\\u0062', 'é', '']))],
      ['tags', members(sorted(distinct([...whole, ...more], pick)))],
      ['timestamp', time(pick, pick(8) > 0 ? 's' : 'ns')]
    ]
  }

  const gnmic = (pick: Pick): Member[] => {
    const plan = one(pick, plansOf.gnmic)
    const fields = [...plan.slotsByField.keys(), '/other/path', 'interface_name', 'relative/path']
    const prefixed = (key: string): string =>
      pick(8) === 0 ? key.replace(/^\/?/, '/openconfig-interfaces:') : key
    const tags: Member[] = [
      [pick(4) > 0 ? 'interface_name' : 'component_name', quoted(`ethernet-1/${pick(3)}`)],
      ['source', pick(12) > 0 ? quoted(`172.23.23.${pick(3)}:57400`) : text(pick)],
      ['subscription-name', '"sub1"']
    ]
    const kept = tags.filter(() => pick(15) > 0)
    const list: Member[] = [
      ['name', quoted(pick(25) > 0 ? one(pick, ['sub1', 'sub2']) : name(pick))],
      ['timestamp', time(pick, pick(20) > 0 ? 'ns' : 's')],
      ['tags', members(pick(25) === 0 ? [...kept, ['x', text(pick)]] : kept)],
      ['values', members(fieldsOf(fields, pick).map(([key, of]) => [prefixed(key), of]))]
    ]
    return pick(40) === 0 ? [...list, ['deletes', '["/a"]']] : list
  }

  const zabbix = (pick: Pick): Member[] => {
    const plan = one(pick, plansOf.zabbix)
    const names = ['Output status', ...namesOf('zabbix', plan.index)]
    const port = one(pick, ['Gi1/0/1()', '25', '26(uplink)'])
    const wild = ['Operational status', 'Speed', 'Rx power', 'Inbound packets with errors (raw)']
    const item = pick(3) > 0 ? `Interface ${port}: ${one(pick, wild)}` : one(pick, names)
    const itemTags = [
      pick(2) === 0 ? [] : [`{"tag":"interface","value":"${port}"}`],
      pick(3) > 0 ? [] : ['{"tag":"target","value":"apc"}'],
      pick(20) > 0 ? [] : [`{"tag":"${name(pick)}","value":${text(pick)}}`],
      pick(40) > 0 ? [] : [one(pick, ['null', '3', '{}', '{"tag":"ifIndex"}'])]
    ].flat()
    const visible = pick(20) > 0 ? '"ДУ Тютчева 1"' : text(pick)
    const host =
      pick(20) > 0
        ? `{"host":${quoted(`du-${pick(3)}`)},"name":${visible}}`
        : one(pick, ['"du-1"', '{}', 'null'])
    const list: Member[] = [
      ['host', host],
      ['groups', '["ДУ"]'],
      ['item_tags', `[${itemTags.join(',')}]`],
      ['itemid', String(10_000 + pick(4))],
      ['name', quoted(pick(30) > 0 ? item : name(pick))],
      ['clock', time(pick, 's')],
      ['ns', pick(15) > 0 ? String(pick(1_000_000_000)) : number(pick)],
      ['value', value(pick)],
      ['type', pick(15) > 0 ? one(pick, ['0', '3']) : one(pick, ['1', '2', '4', '5', '6', 'null', '"0"'])]
    ]
    return pick(25) === 0 ? list.filter(() => pick(6) > 0) : list
  }

  const canonical = (pick: Pick): Member[] => {
    const plan = one(pick, plansOf.canonical)
    const fields = [...plan.slotsByField.keys(), 'new.signal', 'instance', 'device']
    const naming: Member[] = [
      ['device', pick(15) > 0 ? quoted(`du-${pick(3)}`) : text(pick)],
      ['identifiers', pick(15) > 0 ? '["10.7.1.5","du-1"]' : `[${text(pick)}]`],
      ['instance', pick(15) > 0 ? quoted(String(pick(3))) : text(pick)],
      ['collector', '"col1"']
    ]
    const kept = naming.filter(([key]) => pick(key === 'device' ? 30 : 3) > 0)
    const readings: Member[] = [
      ['timeMs', time(pick, pick(20) > 0 ? 'ms' : 's')],
      ['signals', members(fieldsOf(fields, pick))]
    ]
    if (pick(20) === 0)
      kept.push([one(pick, ['site', 'fields', 'values', 'itemid', 'timeMs', 'eventid']), text(pick)])
    if (pick(4) === 0) readings.reverse()
    if (pick(8) === 0) readings.splice(readings[0]![0] === 'timeMs' ? 0 : 1, 1)
    return [...kept, ...readings]
  }

  const makers = { telegraf, gnmic, zabbix, canonical }
  const written = (format: ProfileFormat, list: Member[], pick: Pick): string => {
    const isArray = format === 'gnmic' ? pick(4) > 0 : !isSober && pick(60) === 0
    const wrap = (inner: string): string => (isArray ? `[${inner}]` : inner)
    switch (isSober ? 60 : pick(60)) {
      case 0:
        return wrap(members([...list].reverse()))
      case 1:
        return wrap(members([...list, ['extra', '{"tags":{}}']]))
      case 2:
        return wrap(members([...list, one(pick, list)]))
      case 3:
        return `[${members(list)},${members(makers[format](pick))}]`
      case 4:
        return wrap(members(list).replaceAll(',"', ', "'))
      case 5:
        return wrap(members(list.slice(0, -1)))
      case 6:
        return `${members(list)}\n${members(makers[format](pick))}\n`
      case 7:
        return `{"metrics":[${members(list)}]}`
      case 8:
        return wrap(members([...list.slice(1), list[0]!]))
      default:
        return pick(2) === 0 ? `${wrap(members(list))}\n` : wrap(members(list))
    }
  }

  /** One byte changed, put in or taken out, or the end cut off. */
  const mutated = (bytes: Uint8Array, pick: Pick): Uint8Array => {
    const at = pick(bytes.length)
    const byte =
      pick(3) === 0
        ? pick(256)
        : one(
            pick,
            [...'{}[]",:\\ 0-.\n'].map(c => c.charCodeAt(0))
          )
    const how = pick(9)
    if (how === 0) return bytes.slice(0, at)
    const put = how < 3 ? [] : [byte]
    const rest = bytes.subarray(how < 6 ? at + 1 : at)
    return new Uint8Array(Buffer.concat([bytes.subarray(0, at), Buffer.from(put), rest]))
  }

  return (format, pick) => {
    isSober = pick(2) === 0
    const bytes = new Uint8Array(Buffer.from(written(format, makers[format](pick), pick)))
    return !isSober && pick(6) === 0 ? mutated(bytes, pick) : bytes
  }
}
