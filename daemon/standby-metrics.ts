import { Gauge, type Registry } from 'prom-client'

/** Whether this daemon stands by, and how many do. For daemons that stand by for each other only. */
export function createStandbyMetrics(
  registry: Registry,
  look: () => { readonly isStandby: boolean; readonly standbys: number }
): void {
  const registers = [registry]
  new Gauge({
    name: 'svetofor_standby',
    help: '1 while this daemon stands by for another one of its group, 0 while it reads and judges. Only with kafka.standby',
    registers,
    collect() {
      this.set(look().isStandby ? 1 : 0)
    }
  })
  new Gauge({
    name: 'svetofor_standbys',
    help: 'Daemons that stand by in the consumer group, as its coordinator knows. Only with kafka.standby',
    registers,
    collect() {
      this.set(look().standbys)
    }
  })
}
