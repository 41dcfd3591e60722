/**
 * One block of LZ4, as lz4Block() of schemas/records/decompress.ts decodes it. Whole words are copied, so up to `slack` bytes
 * behind the output are written to.
 */

/** Result for a block that is damaged or does not fit: the main program says what is wrong. */
const failed: usize = 0

const longest: u32 = 15

/**
 * Decodes the block [from..end) to `to`; what stands between `start` and `to` is its dictionary. Nothing goes beyond `limit`
 * but the slack (`slackBytes` in memory/map.ts). Returns where the output ends, or 0.
 */
export function lz4(from: usize, end: usize, start: usize, to: usize, limit: usize): usize {
  let at = from
  let o = to
  while (at < end) {
    const token: u32 = load<u8>(at++)
    let literals = (token >> 4) as usize
    if (literals == longest) {
      let byte: u32 = 255
      while (byte == 255) {
        if (at >= end) return failed
        byte = load<u8>(at++)
        literals += byte
      }
    }
    if (literals > end - at || literals > limit - o) return failed
    copyAhead(o, at, literals)
    at += literals
    o += literals
    if (at == end) return o
    if (at + 2 > end) return failed
    const distance = load<u16>(at) as usize
    at += 2
    let length = (token & 15) as usize
    if (length == longest) {
      let byte: u32 = 255
      while (byte == 255) {
        if (at >= end) return failed
        byte = load<u8>(at++)
        length += byte
      }
    }
    length += 4
    if (distance == 0 || distance > o - start || length > limit - o) return failed
    if (distance >= 16) copyAhead(o, o - distance, length)
    else copyRepeating(o, distance, length)
    o += length
  }
  return failed
}

/** Sixteen bytes at a time; what is copied begins as far before where it goes, or lies elsewhere. */
function copyAhead(to: usize, from: usize, length: usize): void {
  for (let i: usize = 0; i < length; i += 16) v128.store(to + i, v128.load(from + i))
}

/** A match that overlaps what it writes: its bytes repeat. */
function copyRepeating(to: usize, distance: usize, length: usize): void {
  const end = to + length
  if (distance >= 8) {
    for (let o = to; o < end; o += 8) store<u64>(o, load<u64>(o - distance))
    return
  }
  for (let o = to; o < end; o++) store<u8>(o, load<u8>(o - distance))
}
