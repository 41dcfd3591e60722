import { createDecoder } from '../../schemas/records/decode.ts'
import { readProfileFiles, shippedProfiles } from '../../schemas/records/profile-files.ts'
import { compileProfiles } from '../../schemas/records/profile.ts'
import type { BenchRecord } from './mix.ts'
import { produceRecords, type ProduceOptions } from './produce.ts'

export interface BenchTopic {
  readonly topic: string
  readonly records: number
  /** Mean bytes of key and value. */
  readonly recordBytes: number
  /** Samples the shipped profiles make of all records. */
  readonly samples: number
  /** Fields that are numbers, also when written as text: what a peer without profiles stores. */
  readonly numbers: number
}

/**
 * Fills a topic and says what is in it. The Telegraf records of one measurement must all have as many samples as its
 * first one: only that one is decoded here, because a million of them take long.
 */
export async function fillTopic(options: ProduceOptions): Promise<BenchTopic> {
  const policy = { futureMsMax: 3_600_000, pastMsMax: 1e12, depthMax: 32, valueBytesMax: 1 << 20 }
  const decoder = createDecoder(compileProfiles(await readProfileFiles([shippedProfiles])), policy)
  const kinds = new Map<string, Counts>()
  let samples = 0
  let numbers = 0

  const countsOf = ({ value, timestampMs }: BenchRecord): Counts => {
    const decoded = decoder.decode(Buffer.from(value), timestampMs, timestampMs)
    if (!decoded.ok) throw new Error(`bench: a record of its own cannot be read: ${decoded.detail}: ${value}`)
    const { fields = {} } = JSON.parse(value) as { fields?: Record<string, unknown> }
    return {
      samples: decoded.groups.reduce((sum, group) => sum + group.slots.length, 0),
      numbers: Object.values(fields).filter(field => !Number.isNaN(Number(field))).length
    }
  }

  function* counted(): Generator<BenchRecord> {
    for (const record of options.records) {
      const name = /^\{"fields":.*"name":"(\w+)"/.exec(record.value)?.[1]
      let counts = name === undefined ? undefined : kinds.get(name)
      if (counts === undefined) {
        counts = countsOf(record)
        if (name !== undefined) kinds.set(name, counts)
      }
      samples += counts.samples
      numbers += counts.numbers
      yield record
    }
  }
  const { records, bytes } = await produceRecords({ ...options, records: counted() })
  return { topic: options.topic, records, recordBytes: bytes / records, samples, numbers }
}

interface Counts {
  readonly samples: number
  readonly numbers: number
}
