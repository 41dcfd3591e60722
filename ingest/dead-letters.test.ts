import { describe, expect, it } from 'vitest'
import type { Reject } from '../schemas/evaluation.ts'
import { type DeadLetter, deadLetterMessage } from './dead-letters.ts'

const reject: Reject = {
  topic: 'telemetry',
  partition: 3,
  offset: 42,
  reason: 'not_json',
  detail: 'The value is not JSON at byte 0.',
  key: Buffer.from('du-1'),
  value: Buffer.from('\u0000\u0001broken'),
  valueBytes: 8
}

const read = (given: Reject, valueBytesMax = 1000): DeadLetter =>
  JSON.parse(String(deadLetterMessage(given, valueBytesMax).value)) as DeadLetter

describe('dead letters', () => {
  it('carry reason, coordinates and the bytes', () => {
    const message = deadLetterMessage(reject, 1000)
    expect(message.key).toBe('telemetry:3:42')
    expect(message.headers).toMatchObject({ 'svetofor.reason': 'not_json', 'svetofor.offset': '42' })
    const letter = read(reject)
    expect(letter).toMatchObject({
      reason: 'not_json',
      topic: 'telemetry',
      partition: 3,
      offset: 42,
      valueBytes: 8,
      valueCut: false
    })
    expect(Buffer.from(letter.valueBase64 ?? '', 'base64')).toEqual(reject.value)
    expect(Buffer.from(letter.keyBase64 ?? '', 'base64').toString()).toBe('du-1')
  })

  it('cut long values and say so', () => {
    const letter = read({ ...reject, value: Buffer.alloc(100, 'x'), valueBytes: 5000 }, 10)
    expect(Buffer.from(letter.valueBase64 ?? '', 'base64').toString()).toBe('x'.repeat(10))
    expect(letter).toMatchObject({ valueBytes: 5000, valueCut: true })
  })

  it('cut long keys and say so', () => {
    const letter = read({ ...reject, key: Buffer.alloc(1_000_000, 'k') })
    expect(Buffer.from(letter.keyBase64 ?? '', 'base64').byteLength).toBe(65_536)
    expect(letter.keyCut).toBe(true)
    expect(read(reject)).not.toHaveProperty('keyCut')
  })

  it('keep a tombstone and a missing key apart from empty ones', () => {
    expect(read({ ...reject, key: null, value: null, valueBytes: 0 })).toMatchObject({
      keyBase64: null,
      valueBase64: null,
      valueCut: false
    })
    expect(read({ ...reject, key: Buffer.alloc(0), value: Buffer.alloc(0), valueBytes: 0 })).toMatchObject({
      keyBase64: '',
      valueBase64: ''
    })
  })
})
