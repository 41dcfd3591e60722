import type { ClickHouseClient } from '@clickhouse/client'
import { partitionKey, type TopicPartition } from '../../schemas/batch.ts'
import { positionSeries } from './native-block.ts'
import type { AssignedPartition, PartitionOffset } from '../source.ts'
import type { StoredTopics } from './topics.ts'

/**
 * Where to go on reading what is assigned, by what ClickHouse holds of it. A topic that took the place of another one of its
 * name is read from its beginning until something of it is stored: what the group has committed may be the old one's.
 */
export async function startPositions(
  client: ClickHouseClient,
  topics: StoredTopics,
  partitions: readonly AssignedPartition[]
): Promise<PartitionOffset[]> {
  await topics.learn(partitions)
  const stored = await storedPositions(
    client,
    partitions.map(({ topic, partition }) => ({ topic: topics.storedAs(topic), partition }))
  )
  const nexts = new Map(stored.map(each => [partitionKey(each.topic, each.partition), each.offset]))
  return partitions.flatMap(({ topic, partition }) => {
    const offset =
      nexts.get(partitionKey(topics.storedAs(topic), partition)) ??
      (topics.isRecreated(topic) ? 0 : undefined)
    return offset === undefined ? [] : [{ topic, partition, offset }]
  })
}

/**
 * Where to go on reading by what ClickHouse holds: the offset behind the highest stored one of each partition.
 * Topics are named as they are stored. Partitions it holds nothing of are left out.
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
