import { afterEach, describe, expect, it } from 'vitest'
import type { RuleExplanation } from '../rules/explained.ts'
import type { LatestReading } from '../schemas/history.ts'
import { definitionsOf } from './network.ts'
import { createSimulatedDaemon, type SimulatedDaemon } from './simulated.ts'

const startMs = Date.UTC(2026, 2, 1)

const inventory = [
  { id: 'cu', tier: 'core', name: 'ЦУ' },
  {
    id: 'ku',
    tier: 'campus',
    name: 'КУ-1',
    parents: ['cu'],
    devices: [
      {
        id: 'sw',
        role: 'switch',
        identifiers: ['10.0.0.1'],
        ports: [
          { instance: '25', role: 'uplink', peer: 'cu', optic_class: '1000base-bx10' },
          { instance: '1', role: 'downlink', peer: 'du' }
        ]
      },
      { id: 'ups', role: 'ups', identifiers: ['10.0.0.9'] }
    ]
  },
  { id: 'du', tier: 'building', name: 'ДУ-1', parents: ['ku'] }
]

const rules = `
limits:
  - { name: level, columns: [low], rows: { default: [-25], 1000base-bx10: [-20] } }
rules:
  - name: test.rx
    kind: optics
    severity: warning
    select: { signal: optics.rx_dbm }
    below: { limits: level.low, module: optics.rx_low_warn_dbm }
    hysteresis: 1
    hold: { raise_s: 60, clear_s: 30 }
    when: [{ signal: if.admin_status, in: up }]
    text: { ru: 'Мало света {value}', en: 'Little light {value}' }
  - name: test.battery
    kind: power
    severity: major
    select: { signal: ups.charge_pct, role: ups }
    below: 30
    hold: { raise_samples: 3 }
    text: { ru: Разряжена, en: Low }
  - name: test.used
    kind: link
    severity: minor
    select: { signal: if.in_octets, port: uplink }
    rate: utilisation
    above: 90 %
    clear: 80 %
    text: { ru: 'Загружен на {value} %', en: 'Used to {value} %' }
  - name: test.errors
    kind: link
    severity: minor
    select: { signal: if.in_errors, port: uplink }
    rate: per_second
    above: 2 /s
    text: { ru: Ошибки, en: Errors }
  - name: test.warmer
    kind: optics
    severity: warning
    select: { signal: optics.temp_c, port: uplink }
    change: step
    baseline: 6h
    learn: 1h
    above: 5 °C
    text: { ru: Теплее, en: Warmer }
  - name: test.port
    kind: link
    severity: major
    select: { signal: if.oper_status }
    in: down
    text: { ru: Порт, en: Port }
`

describe('why a rule raised or did not', () => {
  let daemon: SimulatedDaemon
  afterEach(() => daemon.close())

  const start = async (text = rules): Promise<void> => {
    daemon = await createSimulatedDaemon({
      definitions: await definitionsOf({
        inventory,
        rules: [{ file: 'rules.yaml', text }]
      }),
      startMs
    })
  }
  const tell = (device: string, instance: string, signals: Record<string, number | string>) =>
    daemon.feed([
      {
        value: JSON.stringify({
          device,
          identifiers: [device],
          ...(instance === '' ? {} : { instance }),
          collector: 'col',
          timeMs: daemon.nowMs(),
          signals
        })
      }
    ])
  /** What ClickHouse would give: the last stored sample of each series. */
  const latest = (): LatestReading[] => {
    const last = new Map<string, LatestReading>()
    for (const { device, instance, signal, value, timeMs, offset } of daemon.history.samples)
      last.set(`${device} ${instance} ${signal}`, {
        device,
        instance,
        signal,
        last: { value, timeMs, coordinates: { topic: 'simulated', partition: 0, offset } }
      })
    return [...last.values()]
  }
  const ask = (node: string): readonly RuleExplanation[] =>
    daemon.view.explain(node, latest(), daemon.nowMs())?.rules ?? []
  const of = (node: string, rule: string, instance: string): RuleExplanation => {
    const found = ask(node).find(one => one.rule === rule && one.instance === instance)
    if (found === undefined) throw new Error(`${rule} is not explained on ${instance}`)
    return found
  }
  const pass = (s: number): void => daemon.advance(daemon.nowMs() + s * 1000)

  it('says that a rule is not in force and when it is, and that it flaps and when that is over', async () => {
    // Begins on a Sunday, at three in the morning in Moscow.
    await start(`
rules:
  - name: test.day
    kind: power
    severity: major
    select: { signal: ups.charge_pct }
    below: 30
    schedule: { days: sun, from: '03:10', to: '23:00', timezone: Europe/Moscow }
    labels: { service: power }
    runbook: https://wiki.example/day
    text: { ru: Разряжена, en: Low }
  - name: test.flaps
    kind: link
    severity: minor
    select: { signal: if.oper_status }
    in: down
    flapping: { changes: 4, within_s: 600, clear_s: 300 }
    text: { ru: 'Порт {instance}', en: 'Port {instance}' }
`)
    await tell('10.0.0.9', '', { 'ups.charge_pct': 50 })
    pass(1)
    expect(of('ku', 'test.day', '').says.en).toBe(
      'Not raised: ups.charge_pct = 50 % (1 s ago), limit: below 30 %, in the rule; ' +
        'the rule is not in force now (sun 03:10–23:00 Europe/Moscow), begins in 10 min'
    )
    pass(58)
    await tell('10.0.0.9', '', { 'ups.charge_pct': 20 })
    pass(1)
    expect(of('ku', 'test.day', '')).toMatchObject({
      state: 'prevented',
      says: {
        ru:
          'Не поднята: ups.charge_pct = 20 % (1 с назад), порог: ниже 30 %, из правила; условие выполнено, но ' +
          'правило сейчас не действует (sun 03:10–23:00 Europe/Moscow), до начала 9 мин'
      },
      wouldRaise: { en: 'major: ups.charge_pct below 30 %, only sun 03:10–23:00 Europe/Moscow' },
      schedule: { isInForce: false, changesMs: startMs + 600_000 },
      notes: { labels: { service: 'power' }, runbook: 'https://wiki.example/day' }
    })
    for (const state of ['down', 'up', 'down', 'up']) {
      pass(59)
      await tell('10.0.0.1', '25', { 'if.oper_status': state })
      pass(1)
    }
    expect(of('ku', 'test.flaps', '25')).toMatchObject({
      state: 'clearing',
      flapping: { changes: 4, seen: 4, untilMs: daemon.nowMs() + 299_000 },
      says: {
        en: 'Still raised (Port 25 – flapping (4 changes within 10 min)), the readings are good again; clears in 5 min; flapping: over in 5 min if nothing changes'
      },
      wouldRaise: { ru: 'minor: if.oper_status в состоянии down; изменений 4 за 10 мин' }
    })
    pass(300)
    expect(of('ku', 'test.day', '')).toMatchObject({ state: 'raised', schedule: { isInForce: true } })
    expect(of('ku', 'test.flaps', '25')).toMatchObject({ state: 'quiet', flapping: { untilMs: null } })
  })

  it('names the reading, its age and record, the limit and where it comes from', async () => {
    await start()
    await tell('10.0.0.1', '25', { 'optics.rx_dbm': -15, 'if.admin_status': 'up' })
    pass(40)
    const rule = of('ku', 'test.rx', '25')
    expect(rule).toMatchObject({ state: 'quiet', alarm: null, device: 'sw', isOverride: false })
    expect(rule.writtenAt).toBe('rules.yaml:5')
    expect(rule.levels[0]?.inputs[0]).toMatchObject({
      signal: 'optics.rx_dbm',
      value: -15,
      timeMs: startMs,
      coordinates: { topic: 'simulated', partition: 0, offset: 0 },
      meets: false,
      isOn: false,
      condition: {
        op: 'below',
        limit: -20,
        clearLimit: -19,
        origin: { from: 'optic-class', opticClass: '1000base-bx10', table: 'level.low', overriddenAt: '' }
      }
    })
    expect(rule.gates).toMatchObject([
      { part: 'when', signal: 'if.admin_status', valueName: 'up', isOn: true }
    ])
    expect(rule.says.en).toBe(
      'Not raised: optics.rx_dbm = −15 dBm (40 s ago), limit: below −20 dBm, table level.low, class 1000base-bx10'
    )
    expect(rule.says.ru).toContain('порог: ниже −20 dBm, таблица level.low, класс 1000base-bx10')
    expect(rule.wouldRaise.en).toBe(
      'warning: optics.rx_dbm below −20 dBm, for 60 s at least, while: if.admin_status in up'
    )
  })

  it('tells holding, raised and clearing from each other, and when the hold ends', async () => {
    await start()
    await tell('10.0.0.1', '25', { 'optics.rx_dbm': -21, 'if.admin_status': 'up' })
    pass(20)
    const held = of('ku', 'test.rx', '25')
    expect(held.state).toBe('raising')
    expect(held.levels[0]).toMatchObject({ isOn: true, sinceMs: startMs, deadlineMs: startMs + 60_000 })
    expect(held.says.en).toContain('so for 20 s, raises in 40 s')
    pass(60)
    const raised = of('ku', 'test.rx', '25')
    expect(raised).toMatchObject({ state: 'raised', severity: 'warning' })
    expect(raised.says.ru).toContain('Мало света -21')
    expect(raised.alarm).toBe(daemon.openAlarms()[0]?.id)
    await tell('10.0.0.1', '25', { 'optics.rx_dbm': -10, 'if.admin_status': 'up' })
    pass(10)
    expect(of('ku', 'test.rx', '25')).toMatchObject({ state: 'clearing', alarm: raised.alarm })
    pass(30)
    expect(of('ku', 'test.rx', '25').state).toBe('quiet')
  })

  it('says that a clause prevents it, that samples are missing, and that the module named the limit', async () => {
    await start()
    await tell('10.0.0.1', '25', { 'optics.rx_dbm': -21, 'if.admin_status': 'down' })
    pass(1)
    const prevented = of('ku', 'test.rx', '25')
    expect(prevented.state).toBe('prevented')
    expect(prevented.says.en).toContain('the condition holds, but this does not: if.admin_status in up')
    await tell('10.0.0.1', '25', { 'optics.rx_low_warn_dbm': -23, 'optics.rx_dbm': -22 })
    pass(1)
    expect(of('ku', 'test.rx', '25').levels[0]?.inputs[0]?.condition).toMatchObject({
      limit: -23,
      origin: { from: 'module' }
    })
    await tell('10.0.0.9', '', { 'ups.charge_pct': 20 })
    pass(1)
    const counting = of('ku', 'test.battery', '')
    expect(counting).toMatchObject({ state: 'counting', scope: 'instance' })
    expect(counting.levels[0]?.inputs[0]?.condition.origin).toEqual({
      from: 'rule',
      opticClass: '',
      table: '',
      overriddenAt: ''
    })
    expect(counting.says.en).toContain('samples needed in a row: 3')
  })

  it('shows a rate and what it is made of', async () => {
    await start()
    const told = { 'if.in_octets': 0, 'if.in_errors': 7, 'if.speed_mbps': 100 }
    await tell('10.0.0.1', '25', told)
    expect(of('ku', 'test.errors', '25')).toMatchObject({ state: 'no-reading' })
    expect(of('ku', 'test.errors', '25').says.en).toBe(
      'Not raised: there is no reading of if.in_errors a second'
    )
    pass(60)
    await tell('10.0.0.1', '25', { ...told, 'if.in_octets': 712_500_000, 'if.in_errors': 37 })
    pass(10)
    const used = of('ku', 'test.used', '25')
    expect(used).toMatchObject({ state: 'raised', severity: 'minor' })
    expect(used.levels[0]?.inputs[0]).toMatchObject({
      signal: 'if.in_octets',
      value: 95,
      unit: '%',
      meets: true,
      rate: {
        measure: 'utilisation',
        counter: 712_500_000,
        perSecond: 11_875_000,
        besideSignal: 'if.speed_mbps',
        beside: 100,
        besideUnit: 'Mb/s'
      },
      condition: { limit: 90, clearLimit: 80 }
    })
    expect(used.says.en).toContain('Used to 95 %')
    expect(used.wouldRaise.en).toBe('minor: if.in_octets, utilisation of the port above 90 %')
    const errors = of('ku', 'test.errors', '25')
    expect(errors).toMatchObject({ state: 'quiet' })
    expect(errors.says.en).toBe(
      'Not raised: if.in_errors a second = 0.5 /s (10 s ago) [if.in_errors = 37], limit: above 2 /s, in the rule'
    )
    expect(errors.says.ru).toContain('if.in_errors в секунду = 0,5 /s')
  })

  it('shows a change, what is usual, and how long was learnt', async () => {
    await start()
    const poll = async (times: number, celsius: number): Promise<void> => {
      for (let k = 0; k < times; k++) {
        await tell('10.0.0.1', '25', { 'optics.temp_c': celsius })
        pass(300)
      }
    }
    await poll(7, 40)
    const learning = of('ku', 'test.warmer', '25')
    expect(learning.state).toBe('quiet')
    expect(learning.says.en).toBe(
      'Not raised: optics.temp_c, difference from what is usual: still being learnt, 30 min of 60 min, samples: 7, limit: above 5 °C, in the rule'
    )
    await poll(18, 40)
    expect(of('ku', 'test.warmer', '25').says.ru).toContain(
      'optics.temp_c, отличие от обычного = 0 °C (5 мин назад) [сейчас 40 °C, обычно 40 °C, изучено 2 ч]'
    )
    await poll(6, 50)
    const raised = of('ku', 'test.warmer', '25')
    expect(raised).toMatchObject({ state: 'raised', severity: 'warning' })
    expect(raised.wouldRaise.en).toBe('warning: optics.temp_c, difference from what is usual above 5 °C')
    const { value, unit, meets, baseline } = raised.levels[0]!.inputs[0]!
    expect({ unit, meets, baseline }).toMatchObject({
      unit: '°C',
      meets: true,
      baseline: { measure: 'step', reading: 50, samples: 27, learnMs: 3_600_000, overMs: 21_600_000 }
    })
    expect(value).toBeGreaterThan(8)
    expect(baseline?.usual).toBeLessThan(41)
  })

  it("lets a parent's port speak for the node it leads to, and knows no other node", async () => {
    await start()
    await tell('10.0.0.1', '1', { 'if.oper_status': 'down' })
    pass(1)
    expect(daemon.view.devicesFor('du')).toEqual(['sw'])
    expect(of('du', 'test.port', '1').state).toBe('raised')
    expect(ask('ku').filter(({ instance }) => instance === '1')).toEqual([])
    expect(daemon.view.explain('nowhere', [], daemon.nowMs())).toBeUndefined()
    expect(daemon.view.devicesFor('nowhere')).toBeUndefined()
  })

  it('says where a rule or a table was overridden, and that a reading is missing', async () => {
    const override = `
limits:
  - { name: level, columns: [low], override: true, rows: { default: [-18] } }
rules:
  - name: test.battery
    override: true
    kind: power
    severity: minor
    select: { signal: ups.charge_pct }
    below: 50
    text: { ru: Разряжена, en: Low }
`
    daemon = await createSimulatedDaemon({
      definitions: await definitionsOf({
        inventory,
        rules: [
          { file: 'rules.yaml', text: rules },
          { file: 'ours.yaml', text: override }
        ]
      }),
      startMs
    })
    await tell('10.0.0.1', '7', { 'optics.rx_dbm': -10 })
    await tell('10.0.0.9', '', { 'ups.charge_pct': 90 })
    expect(of('ku', 'test.rx', '7').levels[0]?.inputs[0]?.condition.origin).toEqual({
      from: 'default',
      opticClass: '',
      table: 'level.low',
      overriddenAt: 'ours.yaml:3'
    })
    expect(of('ku', 'test.battery', '')).toMatchObject({ isOverride: true, writtenAt: 'ours.yaml:5' })
    const unread = daemon.view.explain(
      'ku',
      [{ device: 'ups', signal: 'ups.charge_pct', instance: '', last: null }],
      daemon.nowMs()
    )
    const battery = unread?.rules.filter(({ rule }) => rule === 'test.battery')
    expect(battery).toMatchObject([{ state: 'no-reading' }])
    expect(battery?.[0]?.says.ru).toContain('нет показаний ups.charge_pct')
  })
})
