import { describe, expect, it } from 'vitest'
import { createAlertBook, endedForMs, type Alert, type ToldIncident } from './alert-book.ts'

const none: ReadonlySet<string> = new Set()
const texts = { summary: 's', description: 'd' }
const incident = (id: string, over: Partial<ToldIncident> = {}): ToldIncident => ({
  id,
  openedAtMs: 1000,
  severity: 'warning',
  maintenance: false,
  isNear: false,
  labels: {},
  texts,
  ...over
})
const shown = (alerts: readonly Alert[]): string[] =>
  alerts.map(
    ({ labels, endedMs }) =>
      `${labels['alertname']} ${labels['incident']} ${endedMs === null ? 'on' : endedMs}`
  )

describe('the book of alerts', () => {
  it('begins an alert with its incident, and ends it once it is not open any more', () => {
    const book = createAlertBook()
    book.update([incident('a')], true, none, [], 5000)
    expect(book.alerts(0)).toMatchObject([
      {
        labels: { alertname: 'SvetoforIncident', incident: 'a', team: 'noc' },
        annotations: texts,
        startsMs: 1000,
        endedMs: null
      }
    ])
    const version = book.version()
    book.update([incident('a', { texts: { summary: 'other', description: '' } })], true, none, [], 6000)
    expect(book.alerts(version)).toEqual([])
    expect(book.textsOf('a')).toEqual({ summary: 'other', description: '' })
    book.update([], true, none, [], 7000)
    expect(shown(book.alerts(version))).toEqual(['SvetoforIncident a 7000'])
    expect(book.textsOf('a')).toBeUndefined()
    book.update([], true, none, [], 7000 + endedForMs)
    expect(book.alerts(0)).toHaveLength(1)
    book.update([], true, none, [], 7001 + endedForMs)
    expect(book.alerts(0)).toEqual([])
  })

  it('says that it got worse when it becomes critical or a battery is near its end, and goes on saying so', () => {
    const book = createAlertBook()
    book.update([incident('a'), incident('b', { severity: 'critical' })], true, none, [], 1000)
    book.update(
      [incident('a', { severity: 'critical' }), incident('b', { severity: 'critical', isNear: true })],
      true,
      none,
      [],
      2000
    )
    expect(shown(book.alerts(0)).filter(text => text.includes('Worse'))).toEqual([
      'SvetoforIncidentWorse a on',
      'SvetoforIncidentWorse b on'
    ])
    const version = book.version()
    book.update([incident('a'), incident('b', { severity: 'critical' })], true, none, [], 3000)
    expect(book.alerts(version)).toEqual([])
  })

  it('goes on saying what an earlier run said, and tells nothing new by it', () => {
    const book = createAlertBook()
    book.resume(
      new Map([
        ['a', { labels: undefined, worseMs: 1500 }],
        ['gone', { labels: undefined, worseMs: 1500 }]
      ])
    )
    book.update(
      [incident('a', { severity: 'critical' }), incident('b', { severity: 'critical' })],
      true,
      none,
      [],
      9000
    )
    expect(
      book.alerts(0).map(({ labels, startsMs }) => [labels['alertname'], labels['incident'], startsMs])
    ).toEqual([
      ['SvetoforIncident', 'a', 1000],
      ['SvetoforIncidentWorse', 'a', 1500],
      ['SvetoforIncident', 'b', 1000]
    ])
  })

  it('keeps the labels an alert began with, whatever the rules say later, and across a restart', () => {
    const book = createAlertBook()
    book.update([incident('a', { labels: { service: 'power', alertname: 'X' } })], true, none, [], 1000)
    book.update([incident('a', { severity: 'critical', labels: { service: 'tv' } })], true, none, [], 2000)
    const [first, worse] = book.alerts(0)
    expect(first?.labels).toEqual({
      alertname: 'SvetoforIncident',
      incident: 'a',
      team: 'noc',
      service: 'power'
    })
    expect(worse?.labels).toEqual({ ...first?.labels, alertname: 'SvetoforIncidentWorse' })
    const other = createAlertBook()
    other.resume(
      new Map([
        ['a', { labels: first?.labels, worseMs: undefined }],
        ['old', { labels: { alertname: 'SvetoforIncident', incident: 'old', team: 'noc' }, worseMs: 500 }]
      ])
    )
    // What another server knows of them beside goes with it; labels of the first who told them stay.
    other.resume(new Map([['a', { labels: { service: 'tv' }, worseMs: 1500 }]]))
    other.update(
      [incident('a', { labels: { service: 'tv' } }), incident('old', { labels: { service: 'tv' } })],
      true,
      none,
      [],
      3000
    )
    const labelsOf = (name: string, id: string) =>
      other.alerts(0).find(({ labels }) => labels['alertname'] === name && labels['incident'] === id)
    expect(labelsOf('SvetoforIncident', 'a')?.labels).toEqual(first?.labels)
    expect(labelsOf('SvetoforIncidentWorse', 'a')).toMatchObject({ labels: worse?.labels, startsMs: 1500 })
    expect(labelsOf('SvetoforIncident', 'old')?.labels).not.toHaveProperty('service')
  })

  it('ends nothing that may only be too light for the list', () => {
    const book = createAlertBook()
    book.update([incident('a'), incident('b')], true, none, [], 1000)
    book.update([incident('b')], false, none, [], 2000)
    expect(shown(book.alerts(0))).toEqual(['SvetoforIncident a on', 'SvetoforIncident b on'])
    book.update([incident('b')], false, new Set(['a']), [], 3000)
    expect(shown(book.alerts(0))).toEqual(['SvetoforIncident b on', 'SvetoforIncident a 3000'])
  })

  it('keeps planned work and what was merged quiet, and says that first', () => {
    const book = createAlertBook()
    book.update([incident('a', { maintenance: true }), incident('b')], true, none, [], 1000)
    book.update([incident('a', { maintenance: true })], true, none, [{ id: 'b', into: 'a' }], 2000)
    expect(shown(book.alerts(0))).toEqual([
      'SvetoforPlannedWork a on',
      'SvetoforIncidentMerged b on',
      'SvetoforIncident a on',
      'SvetoforIncident b 2000'
    ])
    // Longer than its end is repeated, though what it is part of is over.
    book.update([incident('a')], true, none, [], 2000 + endedForMs)
    expect(shown(book.alerts(0))).toContain('SvetoforIncidentMerged b on')
    expect(shown(book.alerts(0))).toContain(`SvetoforPlannedWork a ${2000 + endedForMs}`)
    book.update([incident('a'), incident('b')], true, none, [], 3000 + endedForMs)
    expect(shown(book.alerts(0))).toContain('SvetoforIncident b on')
    expect(shown(book.alerts(0))).toContain(`SvetoforIncidentMerged b ${3000 + endedForMs}`)
  })
})
