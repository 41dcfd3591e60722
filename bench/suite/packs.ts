import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateCity } from '../../embedded/simulator/city.ts'
import { packageRoot } from '../../schemas/package-root.ts'
import { medians, type Figures } from '../support/figures.ts'
import { measureDaemon } from '../support/measure.ts'
import { telegrafMix } from '../support/mix.ts'
import { onStage, type Bench } from '../support/stage.ts'
import { fillTopic } from '../support/topic.ts'

const nodes = 1000
const partitions = 12

/** The packs that were there before rates and learned means, without the rules of them that ask for one or came later. */
const plain = ['power', 'link', 'optics', 'catv'].map(pack =>
  join(packageRoot, 'rules', 'library', `${pack}.yaml`)
)
const later = [
  'optics.fallen',
  'optics.drifts',
  'optics.rx_state/low',
  'optics.rx_state/high',
  'ups.runtime_fallen',
  'catv.rf/low',
  'catv.rf/high',
  'catv.no_rf'
].map(label => {
  const [name, qualifier = ''] = label.split('/')
  return `  - { name: ${name}, qualifier: '${qualifier}', override: true, enabled: false }\n`
})
const switchedOff = `rules:\n${later.join('')}`

/**
 * What all shipped packs cost beside those of power, link and optics without what they learn: the same 1,000,000 records as in `path`, by the same build,
 * in turns; every ratio is of neighbours in time. The order changes from run to run.
 */
export const packs: Bench = options =>
  onStage(async stage => {
    const count = options.size ?? 1_000_000
    const city = generateCity({ nodes, seed: 1 })
    const inventoryFile = await stage.inventory('city', city.nodes, city.devices)
    const kafka = await stage.kafka()
    const clickhouse = await stage.clickhouse('clickhouse')
    const topics = new Map<string, Awaited<ReturnType<typeof fillTopic>>>()
    for (const compression of ['none', 'lz4'] as const) {
      const records = telegrafMix({ devices: city.devices, records: count, seed: 1, endMs: Date.now() })
      const topic = `packs-${compression}`
      topics.set(
        compression,
        await fillTopic({ brokers: kafka.brokers, topic, partitions, records, compression })
      )
    }
    const off = join(stage.dir, 'switched-off.yaml')
    await writeFile(off, switchedOff)
    const settings = {
      plain: `rules:\n  shipped: false\n  files: ${JSON.stringify([...plain, off])}\n`,
      all: ''
    }
    const runs: Figures[] = []
    for (let run = 0; run < options.runs; run++) {
      const figures: Record<string, number> = {}
      for (const [compression, topic] of topics) {
        const suffix = compression === 'none' ? '' : `_${compression}`
        const order = run % 2 === 0 ? (['plain', 'all'] as const) : (['all', 'plain'] as const)
        for (const which of order) {
          const own = await measureDaemon({
            stage,
            kafka,
            clickhouse,
            inventoryFile,
            topic,
            run: run * 2 + order.indexOf(which),
            options,
            settings: settings[which]
          })
          figures[`cpu_us_per_record_${which}${suffix}`] = own['cpu_us_per_record'] ?? NaN
        }
        const all = figures[`cpu_us_per_record_all${suffix}`] ?? NaN
        const three = figures[`cpu_us_per_record_plain${suffix}`] ?? NaN
        figures[`ratio${suffix}`] = all / three
        options.say(
          `run ${run + 1}: ${compression}: all packs ${all.toFixed(2)} µs a record, power, link and optics ${three.toFixed(2)}, ratio ${(all / three).toFixed(2)}`
        )
      }
      runs.push(figures)
    }
    return medians(runs)
  })
