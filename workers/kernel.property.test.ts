import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readProfileFiles, shippedProfiles } from '../schemas/profile-files.ts'
import { compileProfiles } from '../schemas/profile.ts'
import { createParity, createRecordMaker, parityFormats } from './test-parity.ts'

const profiles = compileProfiles(await readProfileFiles([shippedProfiles]))
const make = createRecordMaker(profiles)

describe.each(parityFormats)('the scanner of %s', format => {
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
    expect(scanned / records).toBeGreaterThan(0.1)
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
