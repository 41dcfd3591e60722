import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { packageRoot } from '../../schemas/package-root.ts'
import { shippedRouting, startAlertmanager } from '../support/alertmanager.ts'
import { runProduct } from '../support/product.ts'
import { startPrometheus } from '../support/prometheus.ts'
import { freePort } from '../support/server-process.ts'

/** What a real Alertmanager, by the shipped rules and routes, sends of the demonstration as it runs. */
export interface DemoTold {
  /** What the simulator said of faults that somebody is to be told of, in its words: those that began in time. */
  readonly faults: readonly string[]
  /** By incident: how often it was told that it opened or got worse, and that it is over. */
  readonly incidents: ReadonlyMap<string, Told>
  /** Messages of Alertmanager, in all. */
  readonly notifications: number
}
export interface Told {
  readonly summary: string
  firing: number
  resolved: number
}

const upMsMax = 60_000
const stopMsMax = 30_000
/** How long before the end a fault must have begun to count (ms). */
const tellMsMax = 60_000
/** A UPS that tests itself and a storm of access ports are no faults of the network (test/scenarios/demo.ts). */
const noFault = /simulator: (UPS self-test|storm of subscriber ports)/

/** Runs `svetofor demo` for so many minutes beside a real Prometheus and Alertmanager. */
export async function runDemo(minutes: number): Promise<DemoTold> {
  const folder = await mkdtemp(join(tmpdir(), 'svetofor-demo-live-'))
  const alertmanager = await startAlertmanager({ config: shippedRouting })
  const port = await freePort()
  const demo = runProduct(['demo', '--data', folder, '--port', String(port)])
  let prometheus: Awaited<ReturnType<typeof startPrometheus>> | undefined
  try {
    await demo.said('Svetofor is up', upMsMax)
    prometheus = await startPrometheus({
      targets: [`127.0.0.1:${port}`],
      ruleFiles: [join(packageRoot, 'deploy', 'prometheus', 'svetofor.rules.yml')],
      alertmanagers: [alertmanager.target]
    })
    await delay(minutes * 60_000 - tellMsMax)
    const faults = begun(demo.output())
    await delay(tellMsMax)
    const incidents = new Map<string, Told>()
    let notifications = 0
    for (const { alerts, status } of alertmanager.notifications) {
      const of = alerts.filter(({ labels }) => labels['incident'] !== undefined)
      if (of.length > 0) notifications++
      for (const id of new Set(of.map(({ labels }) => labels['incident']!))) {
        const told = incidents.get(id) ?? {
          summary: of.find(({ labels }) => labels['incident'] === id)?.annotations['summary'] ?? '',
          firing: 0,
          resolved: 0
        }
        told[status]++
        incidents.set(id, told)
      }
    }
    return { faults, incidents, notifications }
  } finally {
    demo.signal('SIGINT')
    await demo.ended(stopMsMax).catch(() => undefined)
    await prometheus?.stop()
    await alertmanager.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

function begun(output: string): string[] {
  return output
    .split('\n')
    .filter(line => /simulator: .*; lasts \d+ s/.test(line) && !noFault.test(line))
    .map(line => line.trim())
}
