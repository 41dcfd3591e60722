import { describe, expect, it } from 'vitest'
import { readInPieces } from '../../test/support/inflow.ts'
import { Inflow, type Reading, varintBytesMax } from './inflow.ts'

describe('what comes in on a connection', () => {
  const large = Buffer.alloc(20_000, 'abcdefg')
  const small = Buffer.alloc(16_000, 'hijkl')
  const numbers = Buffer.alloc(4 + 2 + 8)
  numbers.writeInt32BE(-5, 0)
  numbers.writeInt16BE(-6, 4)
  numbers.writeBigInt64BE(-7n, 6)
  const varints = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0x2a])

  it.each([1, 3, 4096, 32_767, 32_768, 32_769, 1_000_000])('is the same in pieces of %i bytes', piece => {
    const bytes = Buffer.concat([numbers, large, small, small, varints, large, numbers])
    const memory = new Uint8Array(new SharedArrayBuffer(large.length))
    const parts = [new Uint8Array(small.length), new Uint8Array(small.length)]
    const read = readInPieces(bytes, piece, function* (input) {
      yield* input.gather(numbers.length)
      const first = [input.int32(), input.int16(), input.int64()]
      yield* input.fill(memory)
      for (const part of parts) yield* input.fill(part)
      yield* input.gather(varints.length)
      const second = [input.varint(), input.varint()]
      yield* input.skip(large.length)
      // More than the frame has left is not waited for.
      yield* input.gather(1000)
      return [...first, ...second, input.int32(), input.int16(), input.bigint64(), input.left]
    })
    expect(read).toEqual([-5, -6, -7, 2 ** 32 - 1, 42, -5, -6, -7n, 0])
    expect(Buffer.from(memory)).toEqual(large)
    for (const part of parts) expect(Buffer.from(part)).toEqual(small)
  })

  it('is written by the socket where it belongs, but for what came with the part before', () => {
    const input = new Inflow()
    const target = new Uint8Array(40_000)
    const reading = (function* () {
      yield* input.open(50_000)
      yield* input.fill(target)
    })()
    reading.next()
    const head = Buffer.from([0, 0, 0x9c, 0x40, 1, 2])
    input.space().set(head)
    input.wrote(head.length)
    expect(reading.next().done).toBe(false)
    const space = input.space()
    expect(space.buffer).toBe(target.buffer)
    expect(space).toHaveLength(39_998)
    expect(input.wrote(39_000)).toBe(false)
    expect(input.space()).toHaveLength(998)
    expect(input.wrote(998)).toBe(true)
    expect(reading.next().done).toBe(true)
    expect([...target.subarray(0, 3)]).toEqual([1, 2, 0])
  })

  it('brings many small parts by one read', () => {
    const input = new Inflow()
    const parts = Array.from({ length: 20 }, () => new Uint8Array(100))
    const reading = (function* () {
      yield* input.open(2000)
      for (const part of parts) yield* input.fill(part)
    })()
    reading.next()
    const frame = Buffer.concat([Buffer.from([0, 0, 0x07, 0xd0]), Buffer.alloc(2000, 7)])
    input.space().set(frame)
    input.wrote(frame.length)
    expect(reading.next().done).toBe(true)
    expect(parts.every(part => part.every(byte => byte === 7))).toBe(true)
  })

  it('is refused beyond the frame, beyond the limit, and where a number has no end', () => {
    const bytes = Buffer.alloc(8, 0xff)
    expect(() => readInPieces(bytes, 8, input => input.fill(new Uint8Array(9)))).toThrow(/1 more bytes/)
    expect(() => readInPieces(bytes, 8, input => input.skip(9))).toThrow(/1 more bytes/)
    const number = function* (input: Inflow): Reading<number> {
      yield* input.gather(varintBytesMax)
      return input.varint()
    }
    expect(() => readInPieces(bytes, 8, number)).toThrow(/no end/)
    expect(() => readInPieces(bytes.subarray(0, 4), 8, number)).toThrow(/1 more bytes/)
    expect(() =>
      readInPieces(bytes, 8, function* (input) {
        yield* input.gather(12)
        return input.int32() + input.int32() + input.int32()
      })
    ).toThrow(/4 more bytes/)
    expect(() => readInPieces(bytes, 8, input => input.open(100))).toThrow(/limit is 100/)
  })
})
