import type { ClickHouseClient } from '@clickhouse/client'
import { partitionKey, type TopicPartition } from '../../schemas/batch.ts'
import { positionSeries } from './native-block.ts'
import type { PartitionOffset } from '../source.ts'

/**
 * Where to go on reading by what ClickHouse holds: the offset behind the highest stored one of each partition.
 * Partitions it holds nothing of are left out: those start at the group's committed offset.
 */
export async function storedPositions(
  client: ClickHouseClient,
  partitions: readonly TopicPartition[]
): Promise<PartitionOffset[]> {
  if (partitions.length === 0) return []
  const result = await client.query({
    // The rows of series 0 stand first in every part, so this reads one granule of each, however much is stored.
    query: `SELECT topic, partition, toString(max(offset) + 1) AS next FROM samples
            WHERE series = {series:UInt64} AND topic IN {topics:Array(String)} GROUP BY topic, partition`,
    query_params: { series: positionSeries, topics: [...new Set(partitions.map(each => each.topic))] },
    format: 'JSONEachRow'
  })
  const wanted = new Set(partitions.map(each => partitionKey(each.topic, each.partition)))
  return (await result.json<{ topic: string; partition: number; next: string }>())
    .filter(row => wanted.has(partitionKey(row.topic, row.partition)))
    .map(row => ({ topic: row.topic, partition: row.partition, offset: Number(row.next) }))
}
