import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import lz4 from 'lz4-napi'
import { createDecompressor, type Decompressed } from '../schemas/records/decompress.ts'
import { readProfileFiles, shippedProfiles } from '../schemas/records/profile-files.ts'
import { compileProfiles } from '../schemas/records/profile.ts'
import { openDesk } from './memory/desk.ts'
import { lz4BlockOf, openKernel } from './kernel/binding.ts'
import { createSharedMemory, openSharedState } from './memory/shared-state.ts'
import {
  createParity,
  createRecordMaker,
  parityFormats,
  parityNowMs,
  parityPolicy
} from '../bench/support/parity.ts'
import { influxLine, jsonLine } from '../test/support/influx-line.ts'

const profiles = compileProfiles(await readProfileFiles([shippedProfiles]))
const make = createRecordMaker(profiles)

describe.each(parityFormats)('the kernel, given %s,', format => {
  it('with the decoder behind it gives what the decoder alone gives, byte for byte', () => {
    let scanned = 0
    let records = 0
    fc.assert(
      fc.property(fc.gen(), fc.integer({ min: 1, max: 30 }), (g, count) => {
        const values = Array.from({ length: count }, () => make(format, n => g(fc.nat, { max: n - 1 })))
        const parity = createParity(profiles)
        // The first time nobody is known, the second time aliases are learnt, the third time they serve.
        for (let round = 0; round < 3; round++) {
          const difference = parity.run(values)
          expect(difference?.scanning).toEqual(difference?.decoding)
        }
        scanned += parity.scanned
        records += count
      }),
      { numRuns: Number(process.env['PARITY_RUNS'] ?? 100) }
    )
    // The test would be worth little if nearly everything took the long way.
    expect(scanned / records).toBeGreaterThan(0.05)
  })
})

describe('lines of InfluxDB among records of JSON', () => {
  it('are decoded behind the kernel, and hide nothing from it', () => {
    const metric = fc.record({
      name: fc.constantFrom('interface', 'ups', 'cpu'),
      device: fc.constantFrom('10.7.1.5', '10.7.1.6', 'a b'),
      instance: fc.nat(2).map(String),
      status: fc.constantFrom<number | string>(1, 2, 'up', ''),
      errors: fc.nat(),
      isLine: fc.boolean()
    })
    fc.assert(
      fc.property(fc.array(metric, { minLength: 1, maxLength: 20 }), list => {
        const values = list.map(({ name, device, instance, status, errors, isLine }) => {
          const tags = { agent_host: device, host: 'col1', ifIndex: instance }
          const fields = { ifInErrors: errors, ifOperStatus: status, upsOutputSource: 3 }
          return Buffer.from(
            (isLine ? influxLine : jsonLine)({ name, tags, fields, timeS: parityNowMs / 1000 })
          )
        })
        const parity = createParity(profiles)
        for (let round = 0; round < 3; round++) {
          const difference = parity.run(values)
          expect(difference?.scanning).toEqual(difference?.decoding)
        }
      })
    )
  })
})

describe('an alias that names no instance', () => {
  it('does not hide an instance that a later record has among its fields', () => {
    const fields = ['{"heOpRxInputPower":"  -"}', '{"fnRFPortIndex":"2","heOpRxInputPower":"  -"}']
    const values = fields.map(text =>
      Buffer.from(
        `{"fields":${text},"name":"catv_hms","tags":{"agent_host":"10.7.1.5"},"timestamp":1700000600}`
      )
    )
    const parity = createParity(profiles)
    for (let round = 0; round < 3; round++) expect(parity.run(values)).toBeUndefined()
  })
})

describe('a gnmic event with something before it', () => {
  it('is not taken for an array of events', () => {
    const event = `{"name":"s","timestamp":1700000600000000000,"tags":{"source":"10.7.1.5"},"values":{"/interface/oper-state":"up"}}`
    const values = [`[${event}]`, `C${event}]`, `[${event}}`].map(text => Buffer.from(text))
    const parity = createParity(profiles)
    for (let round = 0; round < 3; round++) expect(parity.run(values)).toBeUndefined()
    expect(parity.scanned).toBe(1)
  })
})

describe('a record with records in it', () => {
  it('is not known by what it says of itself beside them', () => {
    const inner = '{"signals":{"optics.rx_dbm":-7},"device":"du-1","instance":"1"}'
    const values = [-30, -31, -32].map(rx =>
      Buffer.from(
        `{"metrics":[${inner}],"device":"du-1","instance":"1","timeMs":1700000000000,"signals":{"optics.rx_dbm":${rx}}}`
      )
    )
    const parity = createParity(profiles)
    for (let round = 0; round < 3; round++) {
      const difference = parity.run(values)
      expect(difference?.scanning).toEqual(difference?.decoding)
    }
  })
})

describe('LZ4 in the kernel', () => {
  const limits = { seriesMax: 100, devicesMax: 10, keyBytesMax: 1000, programsMax: 2 }
  const shared = openSharedState(createSharedMemory(limits))
  const desk = openDesk(shared.kernel, 0)
  const kernel = openKernel(shared, parityPolicy, profiles.measurements.length)
  const outputBytesMax = 1 << 18
  const plain = createDecompressor(outputBytesMax)
  const fast = createDecompressor(outputBytesMax, {
    room: bytes => desk.plain(bytes),
    lz4Block: lz4BlockOf(kernel)
  })
  const told = (of: () => Decompressed): Uint8Array | string => {
    try {
      const { bytes, length } = of()
      return bytes.slice(0, length)
    } catch (error) {
      return String(error)
    }
  }

  it('gives what the plain decoder gives, of sound blocks and of damaged ones', () => {
    const pieces = fc.array(
      fc.oneof(
        fc
          .tuple(fc.uint8Array({ minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 300 }))
          .map(([unit, times]) => Buffer.concat(Array.from({ length: times }, () => unit))),
        fc.uint8Array({ maxLength: 600 }).map(bytes => Buffer.from(bytes))
      ),
      { minLength: 1, maxLength: 30 }
    )
    const damage = fc.option(fc.tuple(fc.nat(), fc.nat(255)))
    let sound = 0
    fc.assert(
      fc.property(pieces, damage, (list, damaged) => {
        const frame = Buffer.from(lz4.compressFrameSync(Buffer.concat(list)))
        if (damaged !== null) frame[damaged[0] % frame.length] = damaged[1]
        const expected = told(() => plain.decompress(3, frame))
        expect(told(() => fast.decompress(3, desk.putInput(frame)))).toEqual(expected)
        if (typeof expected !== 'string') sound++
      }),
      { numRuns: 500 }
    )
    expect(sound).toBeGreaterThan(100)
  })
})
