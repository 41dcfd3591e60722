import { pino } from 'pino'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Readiness, StatusEvent } from '../status/view.ts'
import type { Incident } from '../topology/model.ts'
import type { MovedPorts } from '../status/engine/ports/places.ts'
import { createHappenings, type Happenings } from './happenings.ts'

const incident: Incident = {
  id: 'inc-0000000000000001',
  root: 'col-1',
  kind: 'collector',
  light: 'grey',
  severity: 'warning',
  openedAtMs: 0,
  closedAtMs: null,
  alarms: [],
  affectedNodes: 12,
  affectedAddresses: 0,
  affectedSubscribers: 0,
  maintenance: false
}

describe('what the log says of the world', () => {
  let nowMs: number
  let lines: { level: number; msg: string; forS?: number; detail?: string }[]
  let parts: Readiness['parts']
  let open: Incident[]
  let tell: (event: StatusEvent) => void
  let happenings: Happenings
  let moved: MovedPorts[]

  const said = (): string[] => lines.splice(0).map(({ msg }) => msg)
  const pass = (seconds: number): void => {
    for (let i = 0; i < seconds; i++) {
      nowMs += 1000
      happenings.say()
    }
  }

  beforeEach(() => {
    nowMs = 0
    lines = []
    open = []
    moved = []
    parts = { kafka: { ok: true, detail: '' } }
    happenings = createHappenings({
      logger: pino(
        { level: 'info' },
        { write: text => void lines.push(JSON.parse(text) as (typeof lines)[number]) }
      ),
      servers: { kafka: 'Kafka at k1:9092' },
      readiness: () => ({ ready: true, parts }),
      openCount: () => open.length,
      openOfKind: kind => open.filter(incident => incident.kind === kind),
      nowMs: () => nowMs
    })
    happenings.follow({
      subscribe(listener) {
        tell = listener
        return () => undefined
      },
      ports: { moved: () => moved.splice(0) },
      inventory: () => ({ deviceId: device => `sw-${device}` })
    })
  })

  it('says the loss of a server once, again every minute, and its return', () => {
    pass(5)
    parts = { kafka: { ok: false, detail: 'not connected to Kafka' } }
    pass(10)
    expect(lines).toMatchObject([{ detail: 'not connected to Kafka' }])
    expect(said()).toEqual(['Kafka at k1:9092 is lost'])
    pass(120)
    expect(said()).toEqual(['Kafka at k1:9092 is still away', 'Kafka at k1:9092 is still away'])
    parts = { kafka: { ok: true, detail: '' } }
    pass(3)
    expect(lines).toMatchObject([{ forS: 130 }])
    expect(said()).toEqual(['Kafka at k1:9092 is back'])
  })

  it('says nothing of a loss that is over at once', () => {
    parts = { kafka: { ok: false, detail: '' } }
    pass(2)
    parts = { kafka: { ok: true, detail: '' } }
    pass(100)
    expect(said()).toEqual([])
  })

  it('has a line for an incident opened and closed, none for one that only changed', () => {
    tell({ type: 'incident', atMs: 1000, data: { incident, change: 'opened', atMs: 1000 } })
    tell({ type: 'incident', atMs: 2000, data: { incident, change: 'changed', atMs: 2000 } })
    const closed = { ...incident, closedAtMs: 90_000 }
    tell({ type: 'incident', atMs: 90_000, data: { incident: closed, change: 'closed', atMs: 90_000 } })
    expect(lines).toMatchObject([{ root: 'col-1', affectedNodes: 12 }, { forS: 90 }])
    expect(said()).toEqual([
      'incident opened: collector col-1 is silent',
      'incident closed: collector col-1 is silent'
    ])
  })

  it('says again every minute what is not seen, and of the others how many there are', () => {
    open = [incident, { ...incident, kind: 'ingest' }, { ...incident, kind: 'power', root: 'n1' }]
    pass(61)
    expect(said()).toEqual([
      'still open: collector col-1 is silent',
      'still open: data does not come, or comes late; lights stay as they were',
      'incidents are open'
    ])
  })

  it('is one line for a device that has renumbered its ports', () => {
    const ports = [25, 26, 27, 28].map(n => ({ key: `Gi0/${n}`, from: String(n), to: String(n + 1) }))
    moved = [
      { device: 3, ports },
      { device: 4, ports: ports.slice(3) }
    ]
    pass(2)
    expect(said()).toEqual([
      'sw-3 has renumbered its ports, which are followed by name: Gi0/25 is 26, was 25; Gi0/26 is 27, was 26; Gi0/27 is 28, was 27; …',
      'sw-4 has renumbered its ports, which are followed by name: Gi0/28 is 29, was 28'
    ])
  })
})
