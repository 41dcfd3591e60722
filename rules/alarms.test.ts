import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../schemas/package-root.ts'
import { signalIds, signals } from '../schemas/signals.ts'
import { createAlarmEngine, type AlarmEngine } from './alarms.ts'
import { compileRules } from './compile.ts'
import type { CompiledRules } from './compiled.ts'
import type { Alarm, AlarmTransition, ConditionFlip } from './model.ts'
import { shippedRulesFiles } from './shipped.ts'

const shippedFiles = shippedRulesFiles.map(file => ({
  file,
  text: readFileSync(join(packageRoot, file), 'utf8')
}))
const shipped = compileRules(shippedFiles)
const t0 = Date.UTC(2026, 0, 1)
const s = 1000

/** The condition of a signal that raises on this value (an enumeration's name, or an operator and a limit). */
function conditionOf(
  rules: CompiledRules,
  signal: string,
  wants: string | ['below' | 'above', number]
): number {
  const found = rules.conditions.find(condition => {
    if (condition.signal !== signalIds.get(signal)) return false
    if (typeof wants !== 'string') return condition.op === wants[0] && condition.limit?.fallback === wants[1]
    return ((condition.mask >>> (signals[condition.signal]?.codes?.[wants] ?? 31)) & 1) === 1
  })
  if (found === undefined) throw new Error(`no condition on ${signal} ${String(wants)}`)
  return found.id
}

let offset = 0
function flip(
  rules: CompiledRules,
  signal: string,
  wants: string | ['below' | 'above', number],
  on: boolean,
  timeMs: number,
  more: Partial<ConditionFlip> = {}
): ConditionFlip {
  const condition = conditionOf(rules, signal, wants)
  const code = typeof wants === 'string' ? signals[signalIds.get(signal) ?? -1]?.codes?.[wants] : undefined
  return {
    condition,
    on,
    node: 'ku-1',
    device: 'ups-1',
    instance: '',
    value: code ?? 0,
    limit: typeof wants === 'string' ? null : wants[1],
    timeMs,
    coordinates: { topic: 'telemetry', partition: 3, offset: offset++ },
    ...more
  }
}

const brief = (transitions: readonly AlarmTransition[]): string[] =>
  transitions.map(
    ({ change, alarm, atMs }) =>
      `${(atMs - t0) / s}s ${change} ${alarm.type}${alarm.qualifier === '' ? '' : `/${alarm.qualifier}`} ${alarm.severity}`
  )

const run = (engine: AlarmEngine, ...flips: ConditionFlip[]): string[] => {
  for (const one of flips) engine.apply(one)
  return brief(engine.drain())
}

describe('power', () => {
  const battery = (on: boolean, timeMs: number): ConditionFlip =>
    flip(shipped, 'ups.output_source', 'battery', on, timeMs)

  it('raises on battery after 15 s, and clears 5 minutes after mains is back', () => {
    const engine = createAlarmEngine(shipped)
    expect(run(engine, battery(true, t0))).toEqual([])
    expect(engine.nextDeadlineMs()).toBe(t0 + 15 * s)
    engine.tick(t0 + 14_999)
    expect(engine.drain()).toEqual([])
    engine.tick(t0 + 16 * s)
    const [raised] = engine.drain()
    expect(raised).toMatchObject({ change: 'raised', atMs: t0 + 15 * s })
    expect(raised?.alarm).toMatchObject({
      resource: 'ups-1',
      type: 'ups.on_battery',
      node: 'ku-1',
      severity: 'warning',
      kind: 'power',
      raisedAtMs: t0,
      isCleared: false,
      evidence: {
        rule: 'ups.on_battery',
        signal: 'ups.output_source',
        value: 5,
        valueName: 'battery',
        limit: null,
        eventTimeMs: t0
      }
    })
    expect(raised?.alarm.evidence.coordinates).toMatchObject({ topic: 'telemetry', partition: 3 })
    expect(engine.byNode('ku-1')).toEqual([raised?.alarm])
    expect(run(engine, battery(false, t0 + 100 * s))).toEqual([])
    engine.tick(t0 + 401 * s)
    expect(brief(engine.drain())).toEqual(['400s cleared ups.on_battery warning'])
    expect(engine.byNode('ku-1')).toEqual([])
    expect(engine.size()).toEqual({ resources: 0, deadlines: 0, alarms: 0 })
  })

  it('lets a short drop and a self-test pass', () => {
    const engine = createAlarmEngine(shipped)
    run(engine, battery(true, t0), battery(false, t0 + 10 * s))
    engine.tick(t0 + 100 * s)
    expect(engine.drain()).toEqual([])
    const test = flip(shipped, 'ups.transfer_cause', 'selfTest', true, t0 + 200 * s)
    expect(run(engine, battery(true, t0 + 200 * s), test)).toEqual([])
    engine.tick(t0 + 300 * s)
    expect(engine.drain()).toEqual([])
  })

  it('stays raised through a short return of mains', () => {
    const engine = createAlarmEngine(shipped)
    run(engine, battery(true, t0))
    engine.tick(t0 + 20 * s)
    run(engine, battery(false, t0 + 60 * s), battery(true, t0 + 120 * s))
    engine.tick(t0 + 1000 * s)
    expect(engine.drain()).toEqual([])
    expect([...engine.open()].map(alarm => alarm.type)).toEqual(['ups.on_battery'])
  })

  it('finds the end of a hold by event time when the next flip comes before a tick', () => {
    const engine = createAlarmEngine(shipped)
    expect(run(engine, battery(true, t0), battery(false, t0 + 60 * s), battery(true, t0 + 500 * s))).toEqual([
      '15s raised ups.on_battery warning',
      '360s cleared ups.on_battery warning'
    ])
  })

  it('judges low runtime and charge only on battery, and says the minutes left', () => {
    const engine = createAlarmEngine(shipped)
    const runtime = flip(shipped, 'ups.runtime_s', ['below', 600], true, t0, { value: 550 })
    const charge = flip(shipped, 'ups.charge_pct', ['below', 30], true, t0, { value: 29.5 })
    expect(run(engine, runtime, charge)).toEqual([])
    engine.apply(battery(true, t0 + s))
    const raised = engine.drain()
    expect(brief(raised)).toEqual(['1s raised ups.runtime_low critical', '1s raised ups.charge_low major'])
    expect(raised.map(({ alarm }) => alarm.text.ru)).toEqual([
      'Узел работает от батареи, осталось 9 мин',
      'Узел работает от батареи, заряд 29,5 %'
    ])
    expect(raised[0]?.alarm.evidence).toMatchObject({ value: 550, limit: 600, eventTimeMs: t0 })
  })

  it('tells a low battery that is being charged from one about to give out', () => {
    const engine = createAlarmEngine(shipped)
    const low = flip(shipped, 'ups.battery_status', 'low', true, t0)
    // The condition of battery_low_on_mains counts two samples, so it is another one.
    const lowTwice = {
      ...low,
      condition:
        shipped.rules.find(rule => rule.name === 'ups.battery_low_on_mains')?.levels[0]?.condition ?? -1
    }
    expect(run(engine, battery(true, t0), low, lowTwice)).toEqual(['0s raised ups.battery_low critical'])
    const mains = flip(shipped, 'ups.output_source', 'normal', true, t0 + 50 * s)
    expect(run(engine, battery(false, t0 + 50 * s), mains)).toEqual([
      '15s raised ups.on_battery warning',
      '50s raised ups.battery_low_on_mains minor'
    ])
    engine.tick(t0 + 120 * s)
    expect(brief(engine.drain())).toEqual(['110s cleared ups.battery_low critical'])
  })
})

describe('links', () => {
  const port = { device: 'sw-1', instance: '25', node: 'du-7' }
  const down = (on: boolean, timeMs: number): ConditionFlip =>
    flip(shipped, 'if.oper_status', 'down', on, timeMs, port)
  const admin = (on: boolean, timeMs: number): ConditionFlip =>
    flip(shipped, 'if.admin_status', 'down', on, timeMs, port)

  it('raises at once on the port, colours the node it leads to, and clears after a minute up', () => {
    const engine = createAlarmEngine(shipped)
    expect(run(engine, down(true, t0))).toEqual(['0s raised link.down critical'])
    const [alarm] = engine.byNode('du-7')
    expect(alarm).toMatchObject({ resource: 'sw-1/25', device: 'sw-1', instance: '25' })
    expect(alarm?.text.ru).toBe('Нет линка на магистральном порту 25 (sw-1)')
    expect(engine.get(alarm?.id ?? '')).toBe(alarm)
    const up = down(false, t0 + 30 * s)
    expect(run(engine, up)).toEqual([])
    engine.tick(t0 + 91 * s)
    const [cleared] = engine.drain()
    expect(cleared).toMatchObject({
      change: 'cleared',
      atMs: t0 + 90 * s,
      alarm: { id: alarm?.id, isCleared: true, clearedAtMs: t0 + 90 * s, severity: 'critical' }
    })
    expect(cleared?.alarm.evidence.coordinates).toEqual(up.coordinates)
  })

  it('takes a port switched off for what it is, in whatever order the record says so', () => {
    for (const order of [0, 1]) {
      const engine = createAlarmEngine(shipped)
      const flips = [down(true, t0), admin(true, t0)]
      expect(run(engine, ...(order === 0 ? flips : flips.reverse()))).toEqual([
        '0s raised link.switched_off warning'
      ])
      expect(run(engine, admin(false, t0 + 60 * s))).toEqual([
        '60s raised link.down critical',
        '60s cleared link.switched_off warning'
      ])
    }
  })

  it('keeps ports apart', () => {
    const engine = createAlarmEngine(shipped)
    expect(
      run(
        engine,
        down(true, t0),
        { ...down(true, t0 + s), instance: '26' },
        { ...admin(true, t0), instance: '27' }
      )
    ).toEqual([
      '0s raised link.down critical',
      '1s raised link.down critical',
      '0s raised link.switched_off warning'
    ])
  })
})

describe('levels', () => {
  const weak = (level: number, on: boolean, timeMs: number, value: number): ConditionFlip => {
    const rule = shipped.rules.find(one => one.name === 'optics.rx' && one.qualifier === 'low')
    return {
      ...flip(shipped, 'if.oper_status', 'down', on, timeMs, { device: 'sw-1', instance: '25' }),
      condition: rule?.levels[level]?.condition ?? -1,
      value,
      limit: level === 0 ? -20 : -19
    }
  }

  it('are one alarm that changes its severity', () => {
    const engine = createAlarmEngine(shipped)
    expect(run(engine, weak(1, true, t0, -19.456))).toEqual(['0s raised optics.rx/low warning'])
    const [open] = engine.open()
    expect(open?.text.ru).toBe('Слабый оптический сигнал на порту 25 (sw-1): -19,46 дБм, порог -19 дБм')
    expect(run(engine, weak(0, true, t0 + 60 * s, -20.3))).toEqual(['60s changed optics.rx/low major'])
    expect([...engine.open()].map(({ id, raisedAtMs }) => ({ id, raisedAtMs }))).toEqual([
      { id: open?.id, raisedAtMs: t0 }
    ])
    expect(run(engine, weak(0, false, t0 + 120 * s, -18.7))).toEqual(['120s changed optics.rx/low warning'])
    expect(run(engine, weak(1, false, t0 + 180 * s, -17.5))).toEqual(['180s cleared optics.rx/low warning'])
  })

  it('crossed together open the alarm with the worst', () => {
    const engine = createAlarmEngine(shipped)
    expect(run(engine, weak(1, true, t0, -25), weak(0, true, t0, -25))).toEqual([
      '0s raised optics.rx/low major'
    ])
  })
})

describe('restart', () => {
  it('goes on with open alarms: seeds the series, clears by a good sample, ignores older ones', () => {
    const before = createAlarmEngine(shipped)
    run(before, flip(shipped, 'ups.output_source', 'battery', true, t0))
    const runtime = flip(shipped, 'ups.runtime_s', ['below', 600], true, t0 + 20 * s, { value: 300 })
    run(before, runtime)
    before.tick(t0 + 30 * s)
    const stored = JSON.parse(JSON.stringify([...before.open()])) as Alarm[]
    expect(stored.map(alarm => alarm.type)).toEqual(['ups.on_battery', 'ups.runtime_low'])

    const engine = createAlarmEngine(shipped, stored)
    expect([...engine.open()]).toEqual([...before.open()])
    const seeded = engine.raisedConditions('ups-1', '1')
    expect(seeded).toEqual(new Set([conditionOf(shipped, 'ups.output_source', 'battery'), runtime.condition]))
    expect(engine.raisedConditions('ups-2', '')).toEqual(new Set())
    // Replayed after the crash: older than what raised the alarm.
    expect(run(engine, { ...runtime, on: false, instance: '1', timeMs: t0 + 10 * s, value: 900 })).toEqual([])
    engine.tick(t0 + 3600 * s)
    expect(engine.drain()).toEqual([])
    expect(run(engine, { ...runtime, on: false, instance: '1', timeMs: t0 + 4000 * s, value: 900 })).toEqual(
      []
    )
    engine.tick(t0 + 4061 * s)
    expect(brief(engine.drain())).toEqual(['4060s cleared ups.runtime_low critical'])
  })

  it('gives a replayed alarm the same id and times', () => {
    const flips = [
      flip(shipped, 'ups.output_source', 'battery', true, t0),
      flip(shipped, 'ups.output_source', 'battery', false, t0 + 60 * s),
      flip(shipped, 'ups.output_source', 'battery', true, t0 + 600 * s)
    ]
    const [first, second] = [createAlarmEngine(shipped), createAlarmEngine(shipped)].map(engine => {
      for (const one of flips) engine.apply(one)
      return engine.drain()
    })
    expect(second).toEqual(first)
    expect(first).toHaveLength(2)
  })

  it('clears at the first tick what no rule knows any more', () => {
    const before = createAlarmEngine(shipped)
    run(before, flip(shipped, 'if.oper_status', 'down', true, t0, { device: 'sw-1', instance: '25' }))
    const engine = createAlarmEngine(compileRules([]), before.open())
    expect([...engine.open()]).toHaveLength(1)
    engine.tick(t0 + 60 * s)
    expect(brief(engine.drain())).toEqual(['60s cleared link.down critical'])
  })
})

describe('silence', () => {
  it('is a warning on the device while others of its node report', () => {
    const engine = createAlarmEngine(shipped)
    const at = { device: 'sw-1', node: 'du-1', nowMs: t0 + 180 * s }
    engine.silence({ ...at, sinceMs: t0, whole: true })
    expect(engine.drain()).toEqual([])
    engine.silence({ ...at, sinceMs: t0, whole: false })
    engine.silence({ ...at, sinceMs: t0, whole: true })
    expect(brief(engine.drain())).toEqual(['180s raised device.silent warning'])
    const [alarm] = engine.byNode('du-1')
    expect(alarm).toMatchObject({ raisedAtMs: t0, kind: 'device', resource: 'sw-1' })
    const restored = createAlarmEngine(shipped, engine.open())
    restored.silence({ ...at, sinceMs: null, nowMs: t0 + 200 * s, whole: false })
    restored.silence({ ...at, sinceMs: null, nowMs: t0 + 201 * s, whole: false })
    expect(brief(restored.drain())).toEqual(['200s cleared device.silent warning'])
  })
})

describe('reload', () => {
  const text = readFileSync(join(packageRoot, 'rules/library/power.yaml'), 'utf8')
  it('keeps alarms of rules that stay and clears those of rules that go', () => {
    const engine = createAlarmEngine(shipped)
    run(engine, flip(shipped, 'if.oper_status', 'down', true, t0, { device: 'sw-1', instance: '25' }))
    run(engine, flip(shipped, 'ups.output_source', 'battery', true, t0))
    engine.tick(t0 + 20 * s)
    engine.drain()
    const next = compileRules([
      { file: 'power.yaml', text: text.replace('severity: warning', 'severity: minor') }
    ])
    engine.reload(next, t0 + 30 * s)
    expect(brief(engine.drain())).toEqual([
      '30s cleared link.down critical',
      '30s changed ups.on_battery minor'
    ])
    const battery = conditionOf(next, 'ups.output_source', 'battery')
    expect(engine.raisedConditions('ups-1', '')).toEqual(new Set([battery]))
    run(engine, flip(next, 'ups.output_source', 'battery', false, t0 + 40 * s))
    engine.tick(t0 + 400 * s)
    expect(brief(engine.drain())).toEqual(['340s cleared ups.on_battery minor'])
    expect(engine.size()).toMatchObject({ resources: 0, alarms: 0 })
  })

  it('under the same rules leaves a hold that is under way alone', () => {
    const engine = createAlarmEngine(shipped)
    run(engine, flip(shipped, 'ups.output_source', 'battery', true, t0))
    engine.drain()
    const deadlineMs = engine.nextDeadlineMs()
    expect(deadlineMs).not.toBeNull()
    engine.reload(compileRules(shippedFiles), t0 + 5 * s)
    expect(engine.nextDeadlineMs()).toBe(deadlineMs)
  })

  it('of the inventory moves alarms, and clears those of devices that are gone', () => {
    const engine = createAlarmEngine(shipped)
    run(
      engine,
      flip(shipped, 'if.oper_status', 'down', true, t0, { device: 'sw-1', instance: '25', node: 'a' }),
      flip(shipped, 'if.oper_status', 'down', true, t0, { device: 'sw-2', instance: '25', node: 'b' })
    )
    const left = engine.relocate(device => (device === 'sw-1' ? 'c' : undefined), t0 + 5 * s)
    expect(left).toEqual(['a'])
    expect(brief(engine.drain())).toEqual(['5s changed link.down critical', '5s cleared link.down critical'])
    expect(engine.byNode('c')).toHaveLength(1)
    expect([...engine.byNode('a'), ...engine.byNode('b')]).toEqual([])
  })
})
