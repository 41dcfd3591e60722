import { setTimeout as delay } from 'node:timers/promises'
import { generateCity } from '../../embedded/simulator/city.ts'
import { startBenchDaemon } from '../support/daemon.ts'
import { percentile } from '../support/figures.ts'
import { createTopic } from '../support/produce.ts'
import { moduleBeside, runMeasured } from '../support/process.ts'
import type { Fed } from '../support/producer.child.ts'
import { onStage, type Bench } from '../support/stage.ts'

const nodes = 2000
const ratePerS = 50_000
const lookEveryMs = 5000

/**
 * Hours of steady load (60 minutes, or `--size` of them): 50,000 records a second. Growth is the slope of a straight line
 * through the resident memory of the second half, when every cache and pool has its size.
 */
export const soak: Bench = options =>
  onStage(async stage => {
    const minutes = options.size ?? 60
    const city = generateCity({ nodes, seed: 1 })
    const inventoryFile = await stage.inventory('city', city.nodes, city.devices)
    const kafka = await stage.kafka({ 'log.retention.bytes': '268435456', 'log.segment.bytes': '67108864' })
    const clickhouse = await stage.clickhouse('clickhouse')
    await createTopic(kafka.brokers, 'soak', 12)
    const daemon = stage.use(
      await startBenchDaemon({
        brokers: kafka.brokers,
        topic: 'soak',
        group: 'soak',
        clickhouseUrl: clickhouse.url,
        database: 'bench_soak',
        inventoryFile,
        dir: stage.dir,
        profileDir: options.profileDir
      })
    )
    let isFeeding = true
    const feeding = runMeasured<Fed>(
      moduleBeside(import.meta.url, '../support/producer.child'),
      [kafka.brokers[0] ?? '', 'soak', String(nodes), String(ratePerS), String(minutes * 60)],
      minutes * 60_000 + 120_000
    ).finally(() => (isFeeding = false))
    // What is learnt and compiled at the start has its pauses; the steady state is what is asked for.
    await delay(Math.min(60_000, minutes * 10_000))
    await daemon.reset()
    const looks: { minute: number; rssMib: number }[] = []
    const startedMs = performance.now()
    while (isFeeding) {
      await delay(lookEveryMs)
      const { rssMib, rows } = await daemon.figures()
      looks.push({ minute: (performance.now() - startedMs) / 60_000, rssMib })
      if (looks.length % 12 === 0)
        options.say(
          `soak: minute ${Math.round(looks.at(-1)!.minute)}: ${Math.round(rssMib)} MiB, ${rows} samples stored`
        )
    }
    const fed = await feeding
    const end = await daemon.figures()
    const later = looks.slice(looks.length >> 1)
    return {
      minutes,
      records: fed.records,
      cpu_us_per_record: end.cpuUs / end.records,
      rss_mib_start: looks[0]?.rssMib ?? NaN,
      rss_mib_end: looks.at(-1)?.rssMib ?? NaN,
      peak_rss_mib: end.peakRssMib,
      rss_growth_mib_per_hour: slope(later.map(look => [look.minute, look.rssMib])) * 60,
      gc_pause_p99_ms: end.gcPauseMsP99,
      gc_pause_max_ms: end.gcPauseMsMax,
      gc_pauses: end.gcPauses,
      loop_delay_p99_ms: end.loopDelayMsP99,
      loop_delay_max_ms: end.loopDelayMsMax,
      rss_p99_mib: percentile(
        looks.map(look => look.rssMib),
        0.99
      )
    }
  })

/** Of the straight line nearest to the points, by least squares. */
function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / points.length
  const above = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0)
  const below = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  return above / below
}
