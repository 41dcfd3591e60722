import { partitionKey, type TopicPartition } from '../../schemas/batch.ts'

/**
 * What members of a classic consumer group tell each other: the subscription in JoinGroup and the assignment in
 * SyncGroup, in the form of Kafka's own consumer, so that a group may be mixed with librdkafka's during a change-over.
 */
export const assignorName = 'range'

/** Of a group in which one member reads all and the others stand by: a name of its own, so that no member shares with it that would share the work. */
export const standbyAssignorName = 'svetofor-standby'

/** ConsumerProtocolSubscription, version 0. `heldIn`: what `assignToOne` asks of each member. */
export function encodeSubscription(topics: readonly string[], heldIn?: number): Buffer {
  const parts: Buffer[] = [int16(0), int32(topics.length)]
  for (const topic of topics) parts.push(string(topic))
  parts.push(...(heldIn === undefined ? [int32(-1)] : [int32(heldBytes), int16(heldVersion), int32(heldIn)]))
  return Buffer.concat(parts)
}

const heldVersion = 1
const heldBytes = 6

/** What was given as `heldIn`; never (-1) where it was not. */
export function decodeHeldIn(bytes: Buffer): number {
  const cursor = { at: 2 }
  readArray(bytes, cursor, () => readString(bytes, cursor))
  const isThere = bytes.length >= cursor.at + 4 + heldBytes && bytes.readInt32BE(cursor.at) === heldBytes
  return isThere && bytes.readInt16BE(cursor.at + 4) === heldVersion ? bytes.readInt32BE(cursor.at + 6) : -1
}

/** The topics of any version of the subscription: later versions only append fields. */
export function decodeSubscription(bytes: Buffer): string[] {
  const cursor = { at: 2 }
  return readArray(bytes, cursor, () => readString(bytes, cursor))
}

/** ConsumerProtocolAssignment, version 0. */
export function encodeAssignment(partitions: readonly TopicPartition[]): Buffer {
  const byTopic = new Map<string, number[]>()
  for (const { topic, partition } of partitions) {
    const list = byTopic.get(topic)
    if (list === undefined) byTopic.set(topic, [partition])
    else list.push(partition)
  }
  const parts: Buffer[] = [int16(0), int32(byTopic.size)]
  for (const [topic, list] of byTopic) {
    parts.push(string(topic), int32(list.length))
    for (const partition of list) parts.push(int32(partition))
  }
  parts.push(int32(-1))
  return Buffer.concat(parts)
}

export function decodeAssignment(bytes: Buffer): TopicPartition[] {
  if (bytes.length < 6) return []
  const cursor = { at: 2 }
  return readArray(bytes, cursor, () => {
    const topic = readString(bytes, cursor)
    const partitions = readArray(bytes, cursor, () => {
      const partition = bytes.readInt32BE(cursor.at)
      cursor.at += 4
      return partition
    })
    return partitions.map(partition => ({ topic, partition }))
  }).flat()
}

export interface GroupMember {
  readonly memberId: string
  /** Static members keep their share over restarts, because they are ordered by this name. */
  readonly groupInstanceId: string | null
  readonly topics: readonly string[]
}

/**
 * Ranges of each topic's partitions to the topic's subscribers, in a stable order. The members that get one
 * partition more rotate from topic to topic, or the first would carry the remainder of every topic.
 */
export function assignPartitions(
  members: readonly GroupMember[],
  partitionCounts: ReadonlyMap<string, number>
): Map<string, TopicPartition[]> {
  const assigned = new Map<string, TopicPartition[]>(members.map(member => [member.memberId, []]))
  const ordered = [...members].sort(compareNames)
  let rotation = 0
  for (const [topic, partitionCount] of [...partitionCounts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const takers = ordered.filter(member => member.topics.includes(topic))
    if (takers.length === 0) continue
    const share = Math.floor(partitionCount / takers.length)
    const extra = partitionCount % takers.length
    let next = 0
    for (let i = 0; i < takers.length; i++) {
      const taker = takers[i]
      const gets = share + ((i - (rotation % takers.length) + takers.length) % takers.length < extra ? 1 : 0)
      for (let n = 0; n < gets && taker !== undefined; n++)
        assigned.get(taker.memberId)?.push({ topic, partition: next++ })
    }
    rotation += extra
  }
  return assigned
}

/** The generation of the group in which the member last held the partitions; -1 for never. */
export interface StandbyMember extends GroupMember {
  readonly heldIn: number
}

/**
 * All partitions to one member: the one that held them last, so that who comes as a standby takes nothing away; where none did, the first by
 * name. The others stand by.
 */
export function assignToOne(
  members: readonly StandbyMember[],
  partitionCounts: ReadonlyMap<string, number>
): Map<string, TopicPartition[]> {
  const [holder] = [...members].sort((a, b) => b.heldIn - a.heldIn || compareNames(a, b))
  return new Map(
    members.map(member => [
      member.memberId,
      member === holder
        ? [...partitionCounts]
            .filter(([topic]) => member.topics.includes(topic))
            .flatMap(([topic, count]) =>
              Array.from({ length: count }, (_, partition) => ({ topic, partition }))
            )
        : []
    ])
  )
}

export function isSameShare(a: readonly TopicPartition[], b: readonly TopicPartition[]): boolean {
  const keys = new Set(a.map(({ topic, partition }) => partitionKey(topic, partition)))
  return a.length === b.length && b.every(({ topic, partition }) => keys.has(partitionKey(topic, partition)))
}

function compareNames(a: GroupMember, b: GroupMember): number {
  const [nameOfA, nameOfB] = [a.groupInstanceId ?? a.memberId, b.groupInstanceId ?? b.memberId]
  return nameOfA < nameOfB ? -1 : nameOfA > nameOfB ? 1 : a.memberId < b.memberId ? -1 : 1
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function string(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8')
  return Buffer.concat([int16(bytes.length), bytes])
}

function readString(bytes: Buffer, cursor: { at: number }): string {
  const length = bytes.readInt16BE(cursor.at)
  const start = cursor.at + 2
  cursor.at = start + length
  return bytes.toString('utf8', start, cursor.at)
}

function readArray<T>(bytes: Buffer, cursor: { at: number }, readItem: () => T): T[] {
  const length = bytes.readInt32BE(cursor.at)
  cursor.at += 4
  const items: T[] = []
  for (let i = 0; i < length; i++) items.push(readItem())
  return items
}
