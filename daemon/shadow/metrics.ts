import { Counter, Gauge, type Registry } from 'prom-client'
import type { ShadowTally } from '../../status/shadow-view.ts'
import type { Shadow } from './shadow.ts'

/** Rules that have a line of their own, the most different ones; the others share one. */
const rulesMax = 50
const othersName = 'others'
const changes = ['gained', 'lost', 'changed'] as const

/** What the rules in shadow would do otherwise. */
export function createShadowMetrics(registry: Registry, shadow: Pick<Shadow, 'standing' | 'summary'>): void {
  const registers = [registry]
  const labelNames = ['rule', 'change'] as const
  const eachCount = (
    when: 'open' | 'ended',
    act: (labels: { rule: string; change: string }, count: number) => void
  ): void =>
    shadow.summary()?.byRule.forEach((tally: ShadowTally, at) => {
      for (const change of changes)
        if (tally[change][when] > 0)
          act({ rule: at < rulesMax ? tally.name : othersName, change }, tally[change][when])
    })
  new Gauge({
    name: 'svetofor_shadow_running',
    help: 'Whether rules are judged in shadow: 1 while they are, 0 where there are none or they failed.',
    registers,
    collect() {
      this.set(shadow.standing().state === 'running' ? 1 : 0)
    }
  })
  new Gauge({
    name: 'svetofor_shadow_alarms',
    help: 'Alarms that are open by the rules in shadow only (gained), by the live rules only (lost), or by both otherwise (changed).',
    labelNames,
    registers,
    collect() {
      this.reset()
      eachCount('open', (labels, count) => this.inc(labels, count))
    }
  })
  new Counter({
    name: 'svetofor_shadow_alarms_ended_total',
    help: 'The same of alarms that are over, since the rules in shadow are compared.',
    labelNames,
    registers,
    collect() {
      this.reset()
      eachCount('ended', (labels, count) => this.inc(labels, count))
    }
  })
  new Gauge({
    name: 'svetofor_shadow_lights',
    help: 'Nodes whose light would be another by the rules in shadow.',
    registers,
    collect() {
      this.set(shadow.summary()?.lights ?? 0)
    }
  })
  for (const [name, help, count] of [
    ['svetofor_shadow_samples_total', 'Samples given to the rules in shadow.', 'samples'],
    ['svetofor_shadow_dropped_total', 'Samples left out because the rules in shadow were behind.', 'dropped']
  ] as const)
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(shadow.standing()[count])
      }
    })
}
