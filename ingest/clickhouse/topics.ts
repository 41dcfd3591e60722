import type { ClickHouseClient } from '@clickhouse/client'
import type { AssignedPartition } from '../source.ts'

/** A topic whose name was met before with another id. */
export interface RecreatedTopic {
  readonly topic: string
  readonly id: string
  /** What its samples are stored under. */
  readonly storedAs: string
}

/**
 * Under which name samples of a topic are stored. Kafka's topics have ids (KIP-516): one that is deleted and made again has
 * the old name, a new id, and offsets from 0. Positions and samples of the old one must not be taken for the new one's.
 */
export interface StoredTopics {
  /**
   * Learns the ids of what is assigned, and stores which name belongs to which before the first sample comes. Rejects when
   * ClickHouse does not answer; then nothing may be read yet.
   */
  learn(partitions: readonly AssignedPartition[]): Promise<void>
  /** The name under which samples of this topic are stored, as learnt last. */
  storedAs(topic: string): string
  /** Whether this topic took the place of another one of its name: then its beginning is where to start without a position. */
  isRecreated(topic: string): boolean
}

export interface StoredTopicsOptions {
  readonly client: ClickHouseClient
  /** Told once of each topic that was made anew, when it is met for the first time. */
  readonly onRecreated: (recreated: RecreatedTopic) => void
  readonly nowMs?: () => number
}

interface Row {
  readonly topic: string
  readonly id: string
  readonly stored_as: string
  readonly since: string
}

export function createStoredTopics(options: StoredTopicsOptions): StoredTopics {
  const { client, onRecreated } = options
  const nowMs = options.nowMs ?? Date.now
  const names = new Map<string, string>()

  const known = async (topics: readonly string[]): Promise<Row[]> => {
    const result = await client.query({
      query: `SELECT topic, id, stored_as, toString(max(t.since)) AS since FROM topics AS t
              WHERE topic IN {topics:Array(String)} GROUP BY topic, id, stored_as ORDER BY since, stored_as`,
      query_params: { topics },
      format: 'JSONEachRow'
    })
    return result.json<Row>()
  }

  return {
    async learn(partitions) {
      const ids = new Map<string, string>()
      for (const { topic, topicId } of partitions) ids.set(topic, topicId ?? ids.get(topic) ?? '')
      if (ids.size === 0) return
      const rows = await known([...ids.keys()])
      const made: RecreatedTopic[] = []
      const fresh: Row[] = []
      const learnt = new Map<string, string>()
      for (const [topic, id] of ids) {
        const ofName = rows.filter(row => row.topic === topic)
        // A client that tells no ids reads on in the topic that was met last.
        const found = id === '' ? ofName.at(-1) : ofName.find(row => row.id === id)
        if (found !== undefined) {
          learnt.set(topic, found.stored_as)
          continue
        }
        const storedAs = ofName.length === 0 ? topic : `${topic}@${id}`
        learnt.set(topic, storedAs)
        if (id === '') continue
        fresh.push({
          topic,
          id,
          stored_as: storedAs,
          since: new Date(nowMs()).toISOString().replace('T', ' ').replace('Z', '')
        })
        if (ofName.length > 0) made.push({ topic, id, storedAs })
      }
      if (fresh.length > 0) await client.insert({ table: 'topics', values: fresh, format: 'JSONEachRow' })
      for (const [topic, storedAs] of learnt) names.set(topic, storedAs)
      for (const recreated of made) onRecreated(recreated)
    },
    storedAs: topic => names.get(topic) ?? topic,
    isRecreated: topic => (names.get(topic) ?? topic) !== topic
  }
}
