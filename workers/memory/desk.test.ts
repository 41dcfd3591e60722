import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { rowsOfBlock } from '../../test/support/blocks.ts'
import { openDesk } from './desk.ts'
import { bufferReaching, createKernelMemory } from './kernel-memory.ts'

const limits = { seriesMax: 100, devicesMax: 10, programsMax: 4, aliasesMax: 100, aliasBytesMax: 1000 }

describe('a desk', () => {
  it('grows for rows and keeps those that are there', () => {
    const desk = openDesk(createKernelMemory(limits), 0)
    const count = 100_000
    // Three rows a group.
    for (let row = 0; row < count; row++) {
      desk.reserveRows(1)
      if (row % 3 === 0) {
        const word = desk.groups++ * 2
        desk.entityWords[word] = (row + 1) << 16
        desk.timeWords[word + 1] = row + 2
        desk.offsetWords[word] = row + 3
      }
      desk.series[row] = row
      desk.signal[row] = row % 500
      desk.value[row] = row / 2
      desk.end[desk.groups - 1] = ++desk.rows
    }
    const rows = rowsOfBlock(desk.takeBlock())
    expect(rows).toHaveLength(count)
    for (const row of [0, 65_535, 65_536, count - 1]) {
      expect(desk.series[row]).toBe(row)
      const first = row - (row % 3)
      expect(rows[row]).toEqual({
        id: ((((first + 1) * 65_536) % 2 ** 32) + (row % 500)).toString(16).padStart(16, '0'),
        timeMs: (first + 2) * 2 ** 32,
        value: row / 2,
        offset: first + 3
      })
    }
  })

  it('is found by others as large as it has become, and is none of its neighbour', () => {
    const memory = createKernelMemory(limits)
    const first = openDesk(memory, 0)
    first.reserveRows(200_000)
    const rows = openDesk(memory, 0).series.length
    expect(rows).toBeGreaterThanOrEqual(200_000)
    expect(openDesk(memory, 1).series.length).toBe(0)
    const input = first.putInput(Uint8Array.from([1, 2, 3]))
    openDesk(memory, 1).putInput(Uint8Array.from([9, 9, 9]))
    expect([...input]).toEqual([1, 2, 3])
  })

  it('keeps decompressed bytes while there is made more room for them', () => {
    const desk = openDesk(createKernelMemory(limits), 3)
    const small = desk.plain(10)
    small.set([4, 5, 6])
    const large = desk.plain(small.length + 1)
    expect(large.length).toBeGreaterThan(small.length)
    expect([...large.subarray(0, 3)]).toEqual([4, 5, 6])
    expect(desk.plain(0).byteOffset).toBe(large.byteOffset)
  })
})

describe('the memory of the kernel', () => {
  it('is seen as large as another thread has made it', async () => {
    const { memory } = createKernelMemory(limits)
    const worker = new Worker(
      `const { workerData: memory, parentPort } = require('node:worker_threads')
      const at = memory.grow(200) * 65536
      new Float64Array(memory.buffer, at, 1)[0] = 42.5
      parentPort.postMessage(at)`,
      { eval: true, workerData: memory }
    )
    const [at] = (await once(worker, 'message')) as [number]
    expect(new Float64Array(bufferReaching(memory, at + 8), at, 1)[0]).toBe(42.5)
    await worker.terminate()
  })

  it('says which settings to lower when four gigabytes do not hold them', () => {
    const many = { ...limits, seriesMax: 120_000_000, aliasesMax: 16_000_000 }
    expect(() => createKernelMemory(many)).toThrow(/lower workers\.series_max or workers\.devices_max/)
  })

  it('holds the largest settings there are, with fewer bytes of aliases', () => {
    const most = {
      seriesMax: 64_000_000,
      devicesMax: 16_000_000,
      programsMax: 65_536,
      aliasesMax: (1 << 24) - 1,
      aliasBytesMax: 64_000_000 * 64
    }
    const { aliases } = createKernelMemory(most)
    expect(aliases.keyBytesMax).toBeLessThan(most.aliasBytesMax)
    expect(aliases.keyBytesMax).toBeGreaterThan(1 << 24)
  })
})
