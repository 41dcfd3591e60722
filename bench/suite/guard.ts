import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { packageRoot } from '../../schemas/package-root.ts'
import { generateCity } from '../../embedded/simulator/city.ts'
import { medians, type Figures } from '../support/figures.ts'
import { measureDaemon } from '../support/measure.ts'
import { telegrafMix } from '../support/mix.ts'
import { moduleBeside, runMeasured, type ProcessFigures } from '../support/process.ts'
import { onStage, type Bench } from '../support/stage.ts'
import { fillTopic } from '../support/topic.ts'

const nodes = 300
const worseMax = 1.25

/**
 * The short form of `path` for CI: the daemon's CPU against bare kafkajs on the same topic, which says the same on a slow
 * machine as on a fast one. Fails where it is more than 1.25 times that of bench/baseline.json.
 */
export const guard: Bench = options =>
  onStage(async stage => {
    const count = options.size ?? 300_000
    const file = join(packageRoot, 'bench', 'baseline.json')
    const baseline = JSON.parse(await readFile(file, 'utf8')) as { readonly ratio_kafkajs: number }
    const city = generateCity({ nodes, seed: 1 })
    const inventoryFile = await stage.inventory('city', city.nodes, city.devices)
    const kafka = await stage.kafka()
    const clickhouse = await stage.clickhouse('clickhouse')
    const records = telegrafMix({ devices: city.devices, records: count, seed: 1, endMs: Date.now() })
    const topic = await fillTopic({
      brokers: kafka.brokers,
      topic: 'guard',
      partitions: 6,
      records,
      compression: 'none'
    })
    const runs: Figures[] = []
    for (let run = 0; run < options.runs; run++) {
      const own = await measureDaemon({ stage, kafka, clickhouse, inventoryFile, topic, run, options })
      const peer = await runMeasured<ProcessFigures>(
        moduleBeside(import.meta.url, '../peers/kafkajs'),
        [kafka.brokers[0] ?? '', topic.topic, String(count)],
        120_000
      )
      const cpu = own['cpu_us_per_record'] ?? NaN
      const kafkajs = peer.cpuUs / count
      runs.push({ cpu_us_per_record: cpu, kafkajs_cpu_us_per_record: kafkajs, ratio_kafkajs: cpu / kafkajs })
      options.say(`run ${run + 1}: ${cpu.toFixed(2)} µs a record, kafkajs ${kafkajs.toFixed(2)}`)
    }
    const figures = medians(runs)
    const ratio = figures['ratio_kafkajs'] ?? NaN
    const limit = baseline.ratio_kafkajs * worseMax
    if (!(ratio <= limit))
      throw new Error(
        `guard: ${ratio.toFixed(2)} times the CPU of bare kafkajs; ${baseline.ratio_kafkajs} is usual and ${limit.toFixed(2)} the limit. ` +
          'Find what got slower with `npm run bench -- path --alone --profile FOLDER`, or change bench/baseline.json with the reason.'
      )
    return { ...figures, baseline_ratio_kafkajs: baseline.ratio_kafkajs }
  })
