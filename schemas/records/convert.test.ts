import { describe, expect, it } from 'vitest'
import { convertText } from './convert.ts'
import { plainPath } from './formats/gnmic.ts'
import { compileProfiles } from './profile.ts'

const slotOf = (field: string) => {
  const set = compileProfiles([
    {
      file: 'p.yaml',
      text: `profile: p\nformat: telegraf\nmeasurements:\n  - name: m\n    match: m\n    fields:\n      f: ${field}\n`
    }
  ])
  const slot = set.measurements[0]?.slots[0]
  if (slot === undefined) throw new Error('no slot')
  return slot
}

describe('a number with its unit', () => {
  it.each([
    ['{ signal: optics.rx_dbm, unit: mw_or_dbm }', '-27.4 dBm', -27.4],
    ['{ signal: optics.rx_dbm, unit: mw_or_dbm }', '0.05 mW', -13.0103],
    ['{ signal: optics.rx_dbm, unit: mw_or_dbm }', '50uW', -13.0103],
    // What is written there counts, whatever others report in.
    ['{ signal: optics.temp_c, unit: tenth }', '41.2 C', 41.2],
    ['optics.temp_c', '106.16 F', 41.2],
    ['optics.voltage_v', '3281 mV', 3.281],
    ['optics.bias_ma', '0.0065 A', 6.5],
    ['ups.input_v', '231V', 231],
    ['ups.charge_pct', '97 %', 97],
    ['{ signal: ups.runtime_s, unit: min }', '12 min', 720],
    ['{ signal: ups.runtime_s, unit: min }', '90 s', 90]
  ])('%s reads %s as %d', (field, text, value) => {
    expect(convertText(slotOf(field), text)).toBeCloseTo(value, 4)
  })

  it.each([
    ['optics.rx_dbm', '-27.4 V'],
    ['optics.temp_c', '41.2 dBm'],
    ['optics.rx_dbm', 'Port 8 is not a SFP port.'],
    ['optics.rx_dbm', '  -'],
    ['optics.rx_dbm', '- dBm'],
    ['optics.rx_dbm', 'N/A'],
    ['optics.temp_c', '9000 C'],
    ['if.in_octets', '5 GB']
  ])('%s has no reading in "%s"', (field, text) => {
    expect(convertText(slotOf(field), text)).toBeNaN()
  })
})

describe('paths of gNMI', () => {
  it.each([
    [
      'rfc7951:openconfig-interfaces:interfaces/interface/state/oper-status',
      '/interfaces/interface/state/oper-status'
    ],
    [
      'openconfig-interfaces:interfaces/interface/oc-if:state/oper-status',
      '/interfaces/interface/state/oper-status'
    ],
    ['openconfig:/interfaces/interface/state/oper-status', '/interfaces/interface/state/oper-status'],
    ['/interfaces/interface/state/oper-status', '/interfaces/interface/state/oper-status']
  ])('%s is %s', (path, plain) => {
    expect(plainPath(path)).toBe(plain)
  })
})
