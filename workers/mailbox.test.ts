import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openDesk } from './memory/desk.ts'
import { createKernelMemory } from './memory/kernel-memory.ts'
import { deskOffset, deskRange, desksMax } from './memory/map.ts'
import { createMailboxes, rangesOf } from './mailbox.ts'

const memory = createKernelMemory({
  seriesMax: 100,
  devicesMax: 10,
  programsMax: 4,
  aliasesMax: 100,
  aliasBytesMax: 1000
})
const range = (bytes: Uint8Array) => ({ topic: 't', partition: 1, firstOffset: 5, lastOffset: 6, bytes })

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('mailboxes', () => {
  it('have a desk each, which is used again when the worker has answered', () => {
    const mailboxes = createMailboxes(memory)
    const one = mailboxes.take()
    const other = mailboxes.take()
    expect(other.desk).not.toBe(one.desk)
    mailboxes.give(one)
    expect(mailboxes.take()).toBe(one)
  })

  it('are as many as there are desks', () => {
    const mailboxes = createMailboxes(memory)
    for (let i = 0; i < desksMax; i++) mailboxes.take()
    expect(() => mailboxes.take()).toThrow(/64 desks are in use/)
  })

  it('point at shared memory, copy what is not, and say where the worker is', () => {
    const mailbox = createMailboxes(memory).take()
    const shared = new Uint8Array(new SharedArrayBuffer(8), 2, 3)
    shared.set([1, 2, 3])
    const task = mailbox.put([range(shared), range(Uint8Array.from([4, 5]))], 7, new SharedArrayBuffer(0))
    expect(task.ranges[0]).toMatchObject({ memory: shared.buffer, at: 2, length: 3 })
    expect(rangesOf(task).map(({ bytes }) => [...bytes])).toEqual([
      [1, 2, 3],
      [4, 5]
    ])
    expect(mailbox.mark()).toEqual({ range: -1, offset: -1 })
    const { doubles } = openDesk(memory, mailbox.desk)
    doubles[deskRange / 8] = 1
    doubles[deskOffset / 8] = 6
    expect(mailbox.mark()).toEqual({ range: 1, offset: 6 })
  })
})
