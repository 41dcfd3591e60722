import { afterEach, describe, expect, it } from 'vitest'
import { oneSwitch } from '../test/support/one-switch.ts'
import { definitionsOf } from './network.ts'
import { createSimulatedDaemon, type SimulatedDaemon } from './simulated.ts'

const startMs = Date.UTC(2026, 10, 30, 6)
const inventory = oneSwitch(['25'])
/** The shipped rule, without its own damping. */
const rules = `
rules:
  - name: link.down
    override: true
    kind: link
    severity: critical
    select: { signal: if.oper_status, port: [uplink, downlink] }
    in: [down]
    hold: { clear_s: 60 }
    flapping: { changes: 6, within_s: 3600, clear_s: 900 }
    text: { ru: 'Нет линка на порту {instance}', en: 'No link on port {instance}' }
`

describe('an uplink that comes and goes', () => {
  let daemon: SimulatedDaemon
  afterEach(() => daemon.close())

  it('is one incident, and one alarm from the moment it flaps, until it has been well', async () => {
    const definitions = await definitionsOf({ inventory, rules: [{ file: 'rules.yaml', text: rules }] })
    daemon = await createSimulatedDaemon({ definitions, startMs })
    const told: string[] = []
    const incidents = new Set<string>()
    daemon.view.subscribe(event => {
      const s = (event.atMs - startMs) / 1000
      if (event.type === 'alarm') told.push(`${event.data.change} ${s} ${event.data.alarm.text.en}`)
      if (event.type === 'incident') incidents.add(event.data.incident.id)
    })
    // Down for a poll and up for two, for half an hour; then up.
    for (let poll = 0; poll < 60; poll++) {
      await daemon.feed([
        {
          value: JSON.stringify({
            device: '10.0.0.1',
            identifiers: ['10.0.0.1'],
            instance: '25',
            collector: 'col',
            timeMs: daemon.nowMs(),
            signals: { 'if.oper_status': poll < 30 && poll % 3 === 0 ? 'down' : 'up' }
          })
        }
      ])
      daemon.advance(daemon.nowMs() + 60_000)
    }
    const flapping = 'No link on port 25 – flapping (6 changes within 60 min)'
    expect(told).toEqual([
      'raised 0 No link on port 25',
      'cleared 120 No link on port 25',
      'raised 180 No link on port 25',
      'cleared 300 No link on port 25',
      'raised 360 No link on port 25',
      `changed 420 ${flapping}`,
      `cleared ${28 * 60 + 900} ${flapping}`
    ])
    expect(incidents.size).toBe(1)
  })
})
