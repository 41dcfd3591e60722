import { describe, expect, it } from 'vitest'
import type { Alarm, AlarmTransition } from '../../rules/model.ts'
import type { Severity } from '../../schemas/words.ts'
import { createLedger, type Ledger, type Side } from './ledger.ts'

const alarm = (device: string, raisedAtMs: number, severity: Severity = 'minor'): Alarm => ({
  id: `${device}@${raisedAtMs}`,
  resource: device,
  type: 't.hot',
  qualifier: '',
  node: `node-${device}`,
  device,
  instance: '',
  kind: 'power',
  severity,
  isCleared: false,
  raisedAtMs,
  changedAtMs: raisedAtMs,
  clearedAtMs: null,
  text: { ru: 'Жарко', en: 'Hot' },
  evidence: {
    rule: 't.hot',
    signal: 'ups.temp_c',
    value: 60,
    limit: 50,
    valueName: null,
    eventTimeMs: raisedAtMs,
    coordinates: null
  }
})
const tell = (ledger: Ledger, side: Side, of: Alarm, change: AlarmTransition['change'], atMs: number): void =>
  ledger.alarm(side, { alarm: of, change, atMs })
const differences = (ledger: Ledger, nowMs: number): string[] =>
  ledger
    .page({ limit: 1000 }, nowMs)
    .items.map(({ change, node, toMs }) => `${change} ${node} ${toMs === null ? 'open' : 'ended'}`)

describe('the ledger of a shadow', () => {
  it('matches an alarm of one side with that of the other, whichever is told first', () => {
    for (const [first, second] of [
      ['shadow', 'live'],
      ['live', 'shadow']
    ] as const) {
      const ledger = createLedger({ sinceMs: 0 })
      // Raised and cleared on one side before the other is told of anything.
      tell(ledger, first, alarm('a', 1000), 'raised', 1000)
      tell(ledger, first, alarm('a', 1000), 'cleared', 2000)
      ledger.settle(6000)
      tell(ledger, second, alarm('a', 1000), 'raised', 1000)
      tell(ledger, second, alarm('a', 1000), 'cleared', 2000)
      ledger.settle(60_000)
      expect(differences(ledger, 60_000)).toEqual([])
    }
  })

  it('says of one that goes on where the other has ended, that it is open on one side only', () => {
    const ledger = createLedger({ sinceMs: 0 })
    for (const side of ['shadow', 'live'] as const) tell(ledger, side, alarm('a', 1000), 'raised', 1000)
    tell(ledger, 'shadow', alarm('a', 1000), 'cleared', 20_000)
    expect(differences(ledger, 21_000)).toEqual([])
    expect(differences(ledger, 40_000)).toEqual(['lost node-a open'])
    tell(ledger, 'live', alarm('a', 1000), 'cleared', 50_000)
    ledger.settle(60_000)
    expect(differences(ledger, 60_000)).toEqual(['changed node-a ended'])
    expect(ledger.byRule(60_000)).toMatchObject([{ name: 't.hot', changed: { open: 0, ended: 1 } }])
  })

  it('keeps so many of what has ended, and counts all', () => {
    const ledger = createLedger({ sinceMs: 0, endedMax: 10 })
    for (let i = 0; i < 25; i++) {
      const of = alarm(`d${i}`, 1000 + i)
      tell(ledger, 'shadow', of, 'raised', 1000 + i)
      tell(ledger, 'shadow', of, 'cleared', 2000 + i)
    }
    ledger.settle(60_000)
    expect(differences(ledger, 60_000)).toHaveLength(10)
    expect(ledger.forgotten()).toBe(15)
    expect(ledger.byRule(60_000)).toMatchObject([{ gained: { open: 0, ended: 25 } }])
    expect(ledger.byNode(60_000)).toHaveLength(25)
  })

  it('holds no more than its limit of alarms that flap beside an open one', () => {
    const ledger = createLedger({ sinceMs: 0, heldMax: 10 })
    tell(ledger, 'live', alarm('a', 0), 'raised', 0)
    for (let i = 1; i <= 100; i++) {
      const of = alarm('a', i * 60_000)
      tell(ledger, 'shadow', of, 'raised', i * 60_000)
      tell(ledger, 'shadow', of, 'cleared', i * 60_000 + 1000)
      ledger.settle(i * 60_000 + 30_000)
    }
    const [{ gained, lost, changed } = { gained: null, lost: null, changed: null }] = ledger.byRule(6_100_000)
    expect(lost).toEqual({ open: 1, ended: 0 })
    // The first of each lot is matched with the one that is open.
    expect((gained?.ended ?? 0) + (changed?.ended ?? 0)).toBeGreaterThan(80)
  })

  it('counts a stretch of another light, and none that is over within the tolerance', () => {
    const ledger = createLedger({ sinceMs: 0 })
    ledger.light('shadow', 'a', 'green', 'red', 1000)
    ledger.light('live', 'a', 'green', 'red', 3000)
    expect(differences(ledger, 60_000)).toEqual([])
    ledger.light('live', 'a', 'red', 'green', 60_000)
    expect(ledger.lightsNow(61_000)).toBe(0)
    expect(ledger.lightsNow(70_000)).toBe(1)
    expect(differences(ledger, 70_000)).toEqual(['light a open'])
    ledger.light('shadow', 'a', 'red', 'green', 80_000)
    expect(differences(ledger, 90_000)).toEqual(['light a ended'])
    expect(ledger.byNode(90_000)).toMatchObject([{ name: 'a', light: { open: 0, ended: 1 } }])
  })
})
