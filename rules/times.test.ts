import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { formatProblem } from '../schemas/config/located-yaml.ts'
import { packageRoot } from '../schemas/package-root.ts'
import { signals } from '../schemas/signals.ts'
import { createAlarmEngine, type AlarmEngine } from './alarms.ts'
import { checkRules } from './check.ts'
import { compileRules } from './compile.ts'
import type { AlarmTransition } from './model.ts'

const file = join('rules', 'fixtures', 'times.good.yaml')
const text = readFileSync(join(packageRoot, file), 'utf8')
const rules = compileRules([{ file, text }])
const monday = Date.parse('2026-11-30T00:00:00+03:00')
const at = (clock: string): number => monday + Date.parse(`1970-01-01T${clock}Z`)
/** A sample that all conditions of a signal say the same of. */
const say = (engine: AlarmEngine, signal: string, on: boolean, timeMs: number): void => {
  for (const { id, signal: of } of rules.conditions)
    if (signals[of]?.name === signal)
      engine.apply({
        condition: id,
        on,
        node: 'n',
        device: 'd',
        instance: '7',
        value: on ? 2 : 1,
        limit: null,
        timeMs,
        coordinates: { topic: 't', partition: 0, offset: timeMs }
      })
}
const shown = (transitions: readonly AlarmTransition[]): string[] =>
  transitions.map(
    ({ alarm, change, atMs }) =>
      `${change} ${alarm.type} ${alarm.severity} at ${(atMs - monday) / 1000}: ${alarm.text.en}`
  )

describe('rules with a schedule, and rules that flap', () => {
  it('do what the tests of the file say', () => {
    const { problems, testsRun } = checkRules([{ file, text }])
    expect(problems.map(formatProblem)).toEqual([])
    expect(testsRun).toBe(7)
  })

  it('clear at the end of the schedule, say why, and go on the next day under another alarm', () => {
    const engine = createAlarmEngine(rules)
    say(engine, 'ups.load_pct', true, at('09:00:00'))
    engine.tick(at('23:59:00'))
    engine.tick(at('12:00:00') + 86_400_000)
    const seen = shown(engine.drain())
    expect(seen.filter(line => line.includes('ups.load_by_day'))).toEqual([
      'raised ups.load_by_day minor at 32460: Load 2 %',
      'cleared ups.load_by_day minor at 72000: Load 2 % – its rule is in force no longer',
      `raised ups.load_by_day minor at ${86_400 + 8 * 3600 + 60}: Load 2 %`
    ])
    const [alarm] = [...engine.open()].filter(({ type }) => type === 'ups.load_by_day')
    expect(alarm?.raisedAtMs).toBe(at('08:00:00') + 86_400_000)
  })

  it('clear at the end of the schedule also where only the alarm was known after a start', () => {
    const before = createAlarmEngine(rules)
    say(before, 'ups.load_pct', true, at('09:00:00'))
    before.tick(at('12:00:00'))
    const engine = createAlarmEngine(rules, before.open())
    engine.tick(at('20:00:00'))
    expect(shown(engine.drain()).filter(line => line.includes('ups.load_by_day'))).toEqual([
      'cleared ups.load_by_day minor at 72000: Load 2 % – its rule is in force no longer'
    ])
  })

  it('say in the text that it flaps, and once', () => {
    const engine = createAlarmEngine(rules)
    for (const [k, s] of [0, 20, 40, 60, 65, 70, 75, 80].entries())
      say(engine, 'if.oper_status', k % 2 === 0, at('09:00:00') + s * 1000)
    engine.tick(at('10:00:00'))
    expect(shown(engine.drain())).toEqual([
      'raised port.flaps warning at 32460: Port 7 – flapping (4 changes within 10 min)',
      'cleared port.flaps warning at 32880: Port 7 – flapping (4 changes within 10 min)'
    ])
    expect(engine.size().resources).toBe(0)
    expect(engine.nextDeadlineMs()).toBeNull()
  })

  it('say what they say otherwise when it flaps no more', () => {
    const engine = createAlarmEngine(rules)
    for (const [k, s] of [0, 20, 40, 60, 65].entries())
      say(engine, 'if.oper_status', k % 2 === 0, at('09:00:00') + s * 1000)
    engine.tick(at('10:00:00'))
    expect(shown(engine.drain())).toEqual([
      'raised port.flaps warning at 32460: Port 7 – flapping (4 changes within 10 min)',
      'changed port.flaps major at 32765: Port 7 – flapping (4 changes within 10 min)',
      'changed port.flaps major at 32865: Port 7'
    ])
  })

  it('raise and clear as ever where it changes seldom, and say nothing of flapping', () => {
    const engine = createAlarmEngine(rules)
    say(engine, 'if.oper_status', true, at('09:00:00'))
    engine.tick(at('09:02:00'))
    say(engine, 'if.oper_status', false, at('09:03:00'))
    engine.tick(at('09:04:00'))
    expect(shown(engine.drain())).toEqual([
      'raised port.flaps warning at 32460: Port 7',
      'cleared port.flaps warning at 32610: Port 7'
    ])
    // That it has changed is remembered for the window, and no longer.
    expect(engine.size().resources).toBe(1)
    engine.tick(at('09:13:00'))
    expect(engine.size().resources).toBe(0)
  })

  it('have another digest than the same without, and the same as ever where there are none', () => {
    const without = (key: string): string => text.replace(new RegExp(`^    ${key}: \\{.*\\n`, 'gm'), '')
    const digests = [text, without('schedule'), without('flapping')].map(
      one => compileRules([{ file, text: one }]).digest
    )
    expect(new Set(digests).size).toBe(3)
  })
})
