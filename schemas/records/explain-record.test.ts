import { describe, expect, it } from 'vitest'
import { createRecordExplainer } from './explain-record.ts'
import { readProfileFiles } from './profile-files.ts'
import { compileProfiles } from './profile.ts'

const nowMs = Date.UTC(2026, 10, 30)
const explain = createRecordExplainer(compileProfiles(await readProfileFiles()), {
  futureMsMax: 60_000,
  pastMsMax: 86_400_000,
  depthMax: 16,
  valueBytesMax: 65_536
})
const told = (value: unknown) =>
  explain(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), nowMs)
const ofTelegraf = (name: string, fields: object, tags: object) => ({
  name,
  fields,
  tags,
  timestamp: nowMs / 1000 - 10
})

describe('a record explained', () => {
  it('tells of each field what became of it', () => {
    const { metrics, refused } = told(
      ofTelegraf(
        'ups',
        { upsEstimatedMinutesRemaining: 65535, upsBatteryStatus: 2, shoeSize: 43 },
        { agent_host: '10.0.0.5', host: 'tg-1' }
      )
    )
    expect(refused).toBeUndefined()
    expect(metrics).toMatchObject([
      { takenBy: 'ups-mib, measurement ups', wrong: undefined, nearest: undefined, unasked: ['shoeSize'] }
    ])
    expect(metrics[0]!.groups).toMatchObject([
      { identifiers: ['10.0.0.5'], collector: 'tg-1', instance: '', timeMs: nowMs - 10_000 }
    ])
    expect(metrics[0]!.groups[0]!.fields).toEqual(
      expect.arrayContaining([
        { field: 'upsBatteryStatus', raw: 2, signal: 'ups.battery_status', reading: 'normal' },
        { field: 'upsEstimatedMinutesRemaining', raw: 65535, signal: 'ups.runtime_s', reading: undefined }
      ])
    )
  })

  it('names the nearest profile of what none takes, and what keeps it from taking it', () => {
    const misnamed = told(
      ofTelegraf('my_ups', { upsBatteryStatus: 2, upsOutputSource: 3 }, { agent_host: 'a' })
    )
    expect(misnamed.metrics[0]).toMatchObject({
      takenBy: undefined,
      unasked: ['upsBatteryStatus', 'upsOutputSource']
    })
    expect(misnamed.metrics[0]!.nearest?.profile).toBe('ups-mib, measurement ups')
    expect(misnamed.metrics[0]!.nearest?.but).toMatch(/^it is for metrics named .*\bups\b/)
    const otherFields = told(ofTelegraf('interface', { mtu: 1500 }, { agent_host: 'a', ifIndex: '1' }))
    expect(otherFields.metrics[0]!.nearest?.but).toMatch(/it asks for none of these fields, but for .*if/)
    expect(told(ofTelegraf('zzzzzzzzzzzzzz', { q: 1 }, {})).metrics[0]!.nearest).toBeUndefined()
  })

  it('tells each metric of a record by itself, and what is wrong with which', () => {
    const { metrics } = told([
      ofTelegraf('interface', { ifOperStatus: 1 }, { agent_host: 'a', ifIndex: '3' }),
      ofTelegraf('interface', { ifOperStatus: 1 }, { agent_host: 'a' }),
      { oops: 1 }
    ])
    expect(metrics.map(({ takenBy, wrong }) => [takenBy !== undefined, wrong])).toEqual([
      [true, undefined],
      [false, expect.stringMatching(/names the instance/)],
      [false, 'no known format has the keys oops']
    ])
  })

  it.each([
    ['not json', /not valid JSON/],
    ['', /no value/],
    ['\u0000', /NUL/]
  ])('says why nothing of %j can be read', (value, why) => {
    expect(told(value)).toEqual({ metrics: [], refused: expect.stringMatching(why) as unknown })
  })
})
