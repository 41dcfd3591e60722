import { Inflow, type Reading } from '../../ingest/kafka/inflow.ts'

/** For tests: reads one frame of these bytes as a socket brings them, at most `piece` bytes at a time. */
export function readInPieces<T>(bytes: Uint8Array, piece: number, read: (input: Inflow) => Reading<T>): T {
  const frame = Buffer.concat([Buffer.from([0, 0, 0, 0]), bytes])
  frame.writeUInt32BE(bytes.length)
  const input = new Inflow()
  const reading = (function* () {
    yield* input.open(2 ** 31 - 1)
    return yield* read(input)
  })()
  let at = 0
  for (let step = reading.next(); ;) {
    if (step.done === true) return step.value
    if (at === frame.length) throw new Error('The reader waits for more bytes than there are.')
    const space = input.space()
    const part = frame.subarray(at, at + Math.min(piece, space.length))
    space.set(part)
    at += part.length
    if (input.wrote(part.length)) step = reading.next()
  }
}
