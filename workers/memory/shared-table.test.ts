import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { signals } from '../../schemas/signals.ts'
import { seriesId, seriesIdHex, signalBits, xxHash64 } from '../learning/series-id.ts'
import { threadExecArgv } from '../thread-loader.ts'
import { threadListBytes } from './lock.ts'
import {
  absent,
  createSharedTableMemory,
  openSharedTable,
  sharedTableParts,
  tableFull,
  type HashBytes
} from './shared-table.ts'

const noneEnded = new Int32Array(new SharedArrayBuffer(threadListBytes))

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

function table(entriesMax = 1000, keyBytesMax = 100_000, hash?: HashBytes) {
  const memory = createSharedTableMemory(entriesMax, keyBytesMax)
  const shared = openSharedTable(memory, noneEnded, hash)
  let next = 0
  return {
    memory,
    shared,
    insert: (key: string) => {
      const bytes = text(key)
      return shared.insert(bytes, 0, bytes.length, () => next++)
    },
    find: (key: string) => {
      const bytes = text(`..${key}.`)
      return shared.find(bytes, 2, bytes.length - 1)
    }
  }
}

describe('the shared table', () => {
  it('keeps half of its entries and of its key bytes for who is known', () => {
    for (const [entriesMax, keyBytesMax, length] of [
      [10, 10_000, 8],
      [1000, 4000, 80]
    ] as const) {
      const { shared } = table(entriesMax, keyBytesMax)
      const put = (key: string, isKnown: boolean): number => {
        const bytes = text(key.padEnd(length))
        return shared.insert(bytes, 0, bytes.length, () => 1, isKnown)
      }
      const taken = Array.from({ length: 2000 }, (_, i) => put(`u${i}`, false)).filter(
        value => value === 1
      ).length
      expect(shared.usedByUnknown()).toBeGreaterThan(0.98)
      expect(shared.used()).toBeLessThan(0.51)
      // Whom it holds it finds, known or not.
      expect(put('u0', false)).toBe(1)
      expect(put('u1999', false)).toBe(tableFull)
      const others = Array.from({ length: 2000 }, (_, i) => put(`k${i}`, true)).filter(
        value => value === 1
      ).length
      expect(Math.abs(others - taken)).toBeLessThan(2)
      expect(shared.used()).toBeGreaterThan(0.98)
    }
  })

  it('gives every key one value, whatever its length', () => {
    const { insert, find, shared } = table()
    const keys = Array.from({ length: 500 }, (_, i) => 'k'.repeat(i % 37) + String(i))
    keys.forEach((key, i) => expect(insert(key)).toBe(i))
    keys.forEach((key, i) => expect(insert(key)).toBe(i))
    keys.forEach((key, i) => expect(find(key)).toBe(i))
    expect(find('nobody')).toBe(absent)
    expect(find('')).toBe(absent)
    expect(shared.size()).toBe(500)
  })

  it.each([0, -1, 0x01000000, 0x7fffffff])('never confuses keys whose hashes are all %i', hash => {
    const { insert, find } = table(1000, 100_000, () => hash)
    const keys = Array.from({ length: 200 }, (_, i) => String(i))
    keys.forEach((key, i) => expect(insert(key)).toBe(i))
    keys.forEach((key, i) => expect(find(key)).toBe(i))
    // A zero byte is not the same as nothing behind the key.
    expect(find('1\0')).toBe(absent)
    expect(find('nobody')).toBe(absent)
  })

  it('moves to larger levels and finds everything on the way', () => {
    const { insert, find } = table(50_000, 1_000_000)
    for (let i = 0; i < 50_000; i++) {
      expect(insert(`device ${i}`)).toBe(i)
      if (i % 777 === 0) expect(find(`device ${i >>> 1}`)).toBe(i >>> 1)
    }
    for (let i = 0; i < 50_000; i++) if (find(`device ${i}`) !== i) expect.unreachable(`device ${i}`)
    expect(insert('one more')).toBe(tableFull)
  })

  it('says when it is full, by entries and by bytes, and still finds what it has', () => {
    const few = table(3)
    for (const key of ['a', 'b', 'c']) expect(few.insert(key)).toBeGreaterThanOrEqual(0)
    expect(few.insert('d')).toBe(tableFull)
    expect(few.insert('e')).toBe(tableFull)
    expect(few.insert('b')).toBe(1)
    expect(few.shared.size()).toBe(3)
    const short = table(10, 20)
    expect(short.insert('x'.repeat(50))).toBe(0)
    expect(short.insert('y'.repeat(50))).toBe(tableFull)
    expect(short.insert('z')).toBeGreaterThanOrEqual(0)
  })

  it('keeps nothing when no value can be made', () => {
    const { shared, find, insert } = table()
    const bytes = text('a')
    expect(shared.insert(bytes, 0, 1, () => -1)).toBe(tableFull)
    expect(find('a')).toBe(absent)
    expect(insert('a')).toBe(0)
  })

  it('forgets what a thread wrote and had no time to show before it died, and keeps what took its place', () => {
    const { memory, insert, find, shared } = table(1000)
    expect([insert('before'), insert('lost'), insert('behind')]).toEqual([0, 1, 2])
    // As if its thread had died one step earlier: nothing leads to the entry.
    const cells = new Int32Array(memory.memory, sharedTableParts(memory).cells, 4096)
    cells.forEach((word, at) => {
      if ((word & 0xffffff) === 2) cells[at] = 0
    })
    expect([find('lost'), insert('lost'), shared.size()]).toEqual([absent, 3, 4])
    for (const _ of shared.retain(() => 'known'));
    expect([find('before'), find('lost'), find('behind'), shared.size()]).toEqual([0, 3, 2, 3])
  })

  it('agrees between threads that insert the same keys at once', async () => {
    const count = 20_000
    const memory = createSharedTableMemory(count * 3, count * 20)
    const next = new SharedArrayBuffer(4)
    const values = [new SharedArrayBuffer(count * 4), new SharedArrayBuffer(count * 4)]
    const url = new URL('./shared-table.ts', import.meta.url).href
    const source = `
      import { workerData } from 'node:worker_threads'
      const { openSharedTable } = await import(workerData.url)
      const table = openSharedTable(workerData.memory, workerData.ended)
      const next = new Int32Array(workerData.next)
      const values = new Int32Array(workerData.values)
      Atomics.add(next, 0, 0)
      for (let i = 0; i < ${count}; i++) {
        const key = new TextEncoder().encode('device ' + i)
        values[i] = table.insert(key, 0, key.length, () => Atomics.add(next, 0, 1))
      }
    `
    await Promise.all(
      values.map(
        into =>
          new Promise<void>((resolve, reject) => {
            const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
              workerData: { url, memory, ended: noneEnded, next, values: into },
              execArgv: threadExecArgv(import.meta.url)
            })
            worker.on('error', reject)
            worker.on('exit', () => resolve())
          })
      )
    )
    const [one, two] = values.map(v => new Int32Array(v))
    expect(one).toEqual(two)
    expect(new Set(one).size).toBe(count)
  })
})

describe('series ids', () => {
  // Vectors of the reference implementation of xxHash (seed 0).
  it.each([
    ['', 'ef46db3751d8e999'],
    ['a', 'd24ec4f1a98c6e5b'],
    ['abc', '44bc2cf5ad770999'],
    ['Nobody inspects the spammish repetition', 'fbcea83c8a378bf1']
  ])('are xxHash64: %j', (input, expected) => {
    expect(seriesIdHex(xxHash64(input))).toBe(expected)
  })

  it('tell device, signal and instance apart', () => {
    const ids = [
      seriesId('10.7.1.5', 'if.oper_status', '25'),
      seriesId('10.7.1.5', 'if.oper_status', '2'),
      seriesId('10.7.1.5', 'if.admin_status', '25'),
      seriesId('10.7.1.52', 'if.oper_status', '5')
    ].map(seriesIdHex)
    expect(new Set(ids).size).toBe(4)
  })

  it('are what ClickHouse computes by the documented formula', () => {
    expect(seriesIdHex(seriesId('10.7.1.5', 'if.oper_status', '25'))).toBe('89cfb75782defa64')
    expect(seriesIdHex(seriesId('ku7', 'ups.charge_pct', ''))).toBe('385314ee3afacb8b')
  })

  it('keep the series of a port together and its device near', () => {
    const [status, octets, other] = [
      seriesId('10.7.1.5', 'if.oper_status', '25'),
      seriesId('10.7.1.5', 'if.in_octets', '25'),
      seriesId('10.7.1.5', 'if.in_octets', '26')
    ].map(seriesIdHex)
    expect(status?.slice(0, 12)).toBe(octets?.slice(0, 12))
    expect(status?.slice(0, 4)).toBe(other?.slice(0, 4))
    expect(status?.slice(0, 12)).not.toBe(other?.slice(0, 12))
  })

  it('hold all signals apart: a new signal that fails here needs another name', () => {
    expect(new Set(signals.map(signal => signalBits(signal.name))).size).toBe(signals.length)
  })
})
