import { describe, expect, it } from 'vitest'
import { createOffsetCommitter } from './offsets.ts'
import type { PartitionOffset } from './source.ts'

const range = (partition: number, firstOffset: number, lastOffset: number) => ({
  topic: 't',
  partition,
  firstOffset,
  lastOffset
})

function harness(fail = () => false) {
  const commits: (readonly PartitionOffset[])[] = []
  const failures: unknown[] = []
  const committer = createOffsetCommitter({
    commit: async offsets => {
      if (fail()) throw new Error('group has moved on')
      commits.push(offsets)
    },
    commitFailed: error => failures.push(error)
  })
  return { committer, commits, failures }
}

describe('offset committer', () => {
  it('commits the offset after the last acknowledged one, once', async () => {
    const { committer, commits } = harness()
    committer.acknowledged([range(0, 5, 9), range(1, 0, 3)])
    committer.acknowledged([range(0, 10, 12)])
    await committer.flush()
    await committer.flush()
    expect(commits).toEqual([
      [
        { topic: 't', partition: 0, offset: 13 },
        { topic: 't', partition: 1, offset: 4 }
      ]
    ])
  })

  it('tries again after a failed commit', async () => {
    let failing = true
    const { committer, commits, failures } = harness(() => failing)
    committer.acknowledged([range(0, 0, 9)])
    await committer.flush()
    failing = false
    await committer.flush()
    expect(failures).toHaveLength(1)
    expect(commits).toEqual([[{ topic: 't', partition: 0, offset: 10 }]])
  })

  it('refuses acknowledgements out of order', () => {
    const { committer } = harness()
    committer.acknowledged([range(0, 10, 19)])
    expect(() => committer.acknowledged([range(0, 0, 9)])).toThrow(/out of order/)
  })

  it('commits nothing of a forgotten partition', async () => {
    const { committer, commits } = harness()
    committer.acknowledged([range(0, 0, 9), range(1, 0, 9)])
    committer.forget([{ topic: 't', partition: 0 }])
    await committer.flush()
    expect(commits).toEqual([[{ topic: 't', partition: 1, offset: 10 }]])
    expect(committer.positions()).toEqual([{ topic: 't', partition: 1, offset: 10 }])
  })
})
