import fc from 'fast-check'
import lz4 from 'lz4-napi'
import snappy from 'snappy'
import { expect, it } from 'vitest'
import { createDecompressor } from './decompress.ts'

/** Short units repeated, so that matches overlap what they write, between stretches that do not repeat. */
const pieces = fc.array(
  fc.oneof(
    fc
      .tuple(fc.uint8Array({ minLength: 1, maxLength: 9 }), fc.integer({ min: 1, max: 400 }))
      .map(([unit, times]) => Buffer.concat(Array.from({ length: times }, () => unit))),
    fc.uint8Array({ maxLength: 600 }).map(bytes => Buffer.from(bytes)),
    fc.string({ maxLength: 40 }).map(text => Buffer.from(text.repeat(3)))
  ),
  { minLength: 1, maxLength: 30 }
)

it.each([
  ['lz4', 3, (bytes: Buffer) => lz4.compressFrameSync(bytes)],
  ['snappy', 2, (bytes: Buffer) => snappy.compressSync(bytes)]
] as const)('%s gives back what was compressed, one batch after the other', (_, codec, compress) => {
  const decompressor = createDecompressor(1 << 22)
  fc.assert(
    fc.property(pieces, list => {
      const plain = Buffer.concat(list)
      const { bytes, length } = decompressor.decompress(codec, compress(plain))
      expect(Buffer.compare(bytes.subarray(0, length), plain)).toBe(0)
    })
  )
})
