import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { threadExecArgv } from '../thread-loader.ts'
import {
  createLock,
  hasThreadEnded,
  noteThreadBegun,
  noteThreadEnded,
  threadBits,
  threadListBytes
} from './lock.ts'

const list = (): Int32Array => new Int32Array(new SharedArrayBuffer(threadListBytes))
const word = (holder = 0): Int32Array => {
  const words = new Int32Array(new SharedArrayBuffer(4))
  words[0] = holder
  return words
}

describe('the list of threads that have ended', () => {
  it('keeps threads apart, and forgets one whose id comes again', () => {
    const ended = list()
    for (const thread of [1, 31, 32, threadBits - 1]) noteThreadEnded(ended, thread)
    expect([0, 1, 2, 31, 32, 33, threadBits - 1].filter(t => hasThreadEnded(ended, t))).toEqual([
      1,
      31,
      32,
      threadBits - 1
    ])
    noteThreadBegun(ended, threadBits + 31)
    expect(hasThreadEnded(ended, 31)).toBe(false)
  })
})

describe('a lock', () => {
  it('is free again after its work, also where that throws', () => {
    const words = word()
    const lock = createLock(words, 0, list(), 7)
    expect(lock.hold(() => words[0])).toBe(8)
    expect(() =>
      lock.hold(() => {
        throw new Error('no')
      })
    ).toThrow('no')
    expect(words[0]).toBe(0)
    expect(() => lock.hold(() => lock.hold(() => 1))).toThrow(/by who holds it/)
  })

  it('is not taken from a thread that takes long, but once that is known to have ended', async () => {
    const words = word(42 + 1)
    const ended = list()
    const source = `
      import { workerData } from 'node:worker_threads'
      const { createLock } = await import(workerData.url)
      createLock(workerData.words, 0, workerData.ended).hold(() => undefined)
    `
    const url = new URL('./lock.ts', import.meta.url).href
    let isDone = false
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
      workerData: { url, words, ended },
      execArgv: threadExecArgv(import.meta.url)
    })
    const exit = new Promise<void>((resolve, reject) => {
      worker.on('error', reject)
      worker.on('exit', () => {
        isDone = true
        resolve()
      })
    })
    await new Promise(resolve => worker.once('online', resolve))
    // Far longer than the quarter of a second after which locks were broken.
    await new Promise(resolve => setTimeout(resolve, 1500))
    expect([isDone, words[0]]).toEqual([false, 43])
    noteThreadEnded(ended, 42)
    await exit
    expect(words[0]).toBe(0)
  }, 30_000)

  it("is not waited for without end by the main thread, which could not learn of a thread's end", () => {
    const lock = createLock(word(42 + 1), 0, list(), 0)
    expect(() => lock.hold(() => undefined)).toThrow(/thread 42 has held a lock .* try again/)
  })
})
