import { describe, expect, it } from 'vitest'
import { createReadiness, type ReadinessOptions } from './readiness.ts'

const well: ReadinessOptions = {
  restored: () => true,
  writer: () => ({ down: false }),
  database: () => '',
  connected: () => true,
  group: () => '',
  waitsFor: () => '',
  deadLetters: () => '',
  tables: () => ({ series: 0.5, devices: 0.5, entities: 0.5, aliases: 1 }),
  tablesOfUnknown: () => ({ series: 0.5, devices: 0.5, entities: 0.5, aliases: 1 }),
  reloadFailure: () => ''
}

describe('readiness', () => {
  it('is there when every part is well', () => {
    expect(createReadiness(well)()).toMatchObject({
      ready: true,
      parts: { clickhouse: { ok: true, detail: '' } }
    })
    expect(Object.keys(createReadiness(well)().parts)).toEqual(['state', 'clickhouse', 'kafka', 'group'])
  })

  it('is not there while ClickHouse has not answered, nor while others are in the group', () => {
    const database = createReadiness({ ...well, database: () => 'no answer from http://ch:8123 yet' })()
    expect(database).toMatchObject({
      ready: false,
      parts: { clickhouse: { ok: false, detail: expect.stringMatching(/no answer/) as string } }
    })
    const group = createReadiness({ ...well, group: () => '2 members share the group' })()
    expect(group).toMatchObject({ ready: false, parts: { group: { ok: false } } })
    const detail = 'a standby of svetofor-1 at 10.0.0.1'
    const standby = createReadiness({
      ...well,
      restored: () => false,
      group: () => detail,
      waitsFor: () => detail
    })()
    expect(standby).toMatchObject({
      ready: false,
      parts: { state: { ok: false, detail }, group: { ok: false, detail } }
    })
  })

  it('names the setting that gives room to a full table, and stays ready', () => {
    const tables = { series: 0.2, devices: 1, entities: 1, aliases: 1 }
    const { ready, parts } = createReadiness({ ...well, tables: () => tables })()
    expect(ready).toBe(true)
    expect(parts['tables']?.detail).toMatch(
      /further devices and entities.*raise workers\.devices_max and workers\.series_max/
    )
  })

  it('tells that names the inventory does not know have used up their room, and what gives more', () => {
    const tablesOfUnknown = { series: 0.2, devices: 1, entities: 0.4, aliases: 1 }
    const { ready, parts } = createReadiness({ ...well, tablesOfUnknown: () => tablesOfUnknown })()
    expect(ready).toBe(true)
    expect(parts['tables']?.detail).toMatch(
      /half of the room for devices:.*those of the inventory have room; raise workers\.devices_max,/
    )
  })

  it('tells of a missing topic for dead letters and of a failed reload without being less ready', () => {
    const { ready, parts } = createReadiness({
      ...well,
      deadLetters: () => 'the topic x is not known to be there',
      reloadFailure: () => 'a.yaml:1:1: wrong'
    })()
    expect(ready).toBe(true)
    expect(parts['dead_letters']?.ok).toBe(false)
    expect(parts['reload']?.detail).toMatch(/a\.yaml:1:1/)
  })
})
