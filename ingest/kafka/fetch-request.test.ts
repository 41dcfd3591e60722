import { fetchV13 } from '@platformatic/kafka'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeFetchRequest } from './fetch-request.ts'

const partition = fc.record({
  partition: fc.nat(10_000),
  leaderEpoch: fc.integer({ min: -1, max: 1000 }),
  fetchOffset: fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1)),
  partitionMaxBytes: fc.nat(2 ** 31 - 1)
})
const request = fc.record({
  maxWaitMs: fc.nat(60_000),
  minBytes: fc.nat(1000),
  maxBytes: fc.nat(2 ** 31 - 1),
  isReadCommitted: fc.boolean(),
  topics: fc.array(
    fc.record({ topicId: fc.uuid(), partitions: fc.array(partition, { minLength: 1, maxLength: 200 }) }),
    { maxLength: 3 }
  )
})

describe('a Fetch request', () => {
  it("is the library's, byte for byte", () => {
    fc.assert(
      fc.property(request, given => {
        const expected = fetchV13.createRequest(
          given.maxWaitMs,
          given.minBytes,
          given.maxBytes,
          given.isReadCommitted ? 1 : 0,
          0,
          -1,
          given.topics.map(({ topicId, partitions }) => ({
            topicId,
            partitions: partitions.map(({ leaderEpoch, fetchOffset, ...rest }) => ({
              ...rest,
              currentLeaderEpoch: leaderEpoch,
              fetchOffset: BigInt(fetchOffset),
              lastFetchedEpoch: -1
            }))
          })),
          [],
          ''
        )
        expect(encodeFetchRequest(given).toString('hex')).toBe(expected.buffer.toString('hex'))
      })
    )
  })
})
