import { generateCity } from '../../embedded/simulator/city.ts'
import type { Figures } from '../support/figures.ts'
import { measureDaemon } from '../support/measure.ts'
import { telegrafMix } from '../support/mix.ts'
import { onStage, type Bench } from '../support/stage.ts'
import { fillTopic } from '../support/topic.ts'

/**
 * Bytes a sample on disk: the mix of `path`, whose counters move at random, after ClickHouse has merged it to one part.
 * What is counted is the whole part (columns, marks, index), coordinates included. One run: sizes do not vary.
 */
export const storage: Bench = options =>
  onStage(async stage => {
    const count = options.size ?? 1_000_000
    const city = generateCity({ nodes: 1000, seed: 1 })
    const inventoryFile = await stage.inventory('city', city.nodes, city.devices)
    const kafka = await stage.kafka()
    const clickhouse = await stage.clickhouse('clickhouse')
    const records = telegrafMix({ devices: city.devices, records: count, seed: 1, endMs: Date.now() })
    const topic = await fillTopic({
      brokers: kafka.brokers,
      topic: 'storage',
      partitions: 12,
      records,
      compression: 'lz4'
    })
    const figures: Record<string, number> = {}
    const inspect = async (database: string): Promise<void> => {
      await clickhouse.client.command({ query: `OPTIMIZE TABLE ${database}.samples FINAL` })
      const parts = `database = '${database}' AND table = 'samples' AND active`
      const bytes = await clickhouse.number(`SELECT sum(bytes_on_disk) FROM system.parts WHERE ${parts}`)
      figures['bytes_per_sample'] = bytes / topic.samples
      const columns = await clickhouse.rows<{ column: string; bytes: string; raw: string }>(
        `SELECT column, sum(column_data_compressed_bytes) AS bytes, sum(column_data_uncompressed_bytes) AS raw
         FROM system.parts_columns WHERE ${parts} GROUP BY column ORDER BY column`
      )
      for (const { column, bytes: compressed } of columns)
        figures[`bytes_per_sample_${column}`] = Number(compressed) / topic.samples
      const tables = await clickhouse.rows<{ table: string; bytes: string }>(
        `SELECT table, sum(bytes_on_disk) AS bytes FROM system.parts
         WHERE database = '${database}' AND active AND table IN ('samples_5m', 'samples_1h', 'series') GROUP BY table`
      )
      for (const { table, bytes: size } of tables) figures[`mib_${table}`] = Number(size) / 1024 ** 2
      figures['samples'] = topic.samples
    }
    await measureDaemon({ stage, kafka, clickhouse, inventoryFile, topic, run: 0, options, inspect })
    return figures satisfies Figures
  })
