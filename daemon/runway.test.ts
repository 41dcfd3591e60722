import { afterEach, describe, expect, it } from 'vitest'
import { definitionsOf } from './network.ts'
import { createSimulatedDaemon, type SimulatedDaemon } from './simulated.ts'

const startMs = Date.UTC(2026, 2, 1, 12)
const minute = 60_000

const inventory = [
  { id: 'cu', tier: 'core', name: 'ЦУ' },
  {
    id: 'ku',
    tier: 'campus',
    name: 'КУ-1',
    parents: ['cu'],
    devices: [{ id: 'ups', role: 'ups', identifiers: ['10.0.0.1'], interval_s: 30 }]
  },
  { id: 'du', tier: 'building', name: 'ДУ-1', parents: ['ku'], addresses: ['ул. Мира, 5'], subscribers: 40 }
]

describe('battery runway in the daemon', () => {
  let daemon: SimulatedDaemon
  afterEach(() => daemon.close())

  const start = async (): Promise<void> => {
    daemon = await createSimulatedDaemon({ definitions: await definitionsOf({ inventory }), startMs })
  }
  /** A battery of 40 minutes, polled each half minute; the mains go after the first. */
  const play = async (fromMin: number, toMin: number, about: (min: number) => object): Promise<void> => {
    for (let min = fromMin; min <= toMin; min += 0.5) {
      const atMs = startMs + min * minute
      daemon.advance(atMs)
      const fields = { upsOutputSource: min < 1 ? 3 : 5, upsBatteryStatus: 2, ...about(min) }
      const tags = { host: 'col', agent_host: '10.0.0.1' }
      await daemon.feed([{ value: JSON.stringify({ name: 'ups', fields, tags, timestamp: atMs / 1000 }) }])
    }
  }
  const honest = (min: number) => ({
    upsEstimatedMinutesRemaining: Math.floor(41 - min),
    upsEstimatedChargeRemaining: Math.round(100 - ((min - 1) * 100) / 40)
  })
  const runwayOf = (node: string) => daemon.node(node)?.runway

  it('tells when a site goes dark, what goes with it, and that it is near, to the node and to those below it', async () => {
    await start()
    await play(0, 0.5, honest)
    expect(runwayOf('ku')).toBeNull()
    await play(1, 2, honest)
    expect(runwayOf('ku')).toMatchObject({ node: 'ku', dark: null, falls: { nodes: 2, subscribers: 40 } })
    expect(daemon.node('ku')?.says).toMatchObject({
      ru: expect.stringMatching(/Работает от батареи .*, на сколько её хватит, неизвестно\./) as string,
      en: expect.stringMatching(/On battery for .*, for how much longer is not known\./) as string
    })
    await play(2.5, 16, honest)
    const { dark, isNear } = runwayOf('ku')!
    const emptyMs = startMs + 41 * minute
    expect(dark!.earliestMs < emptyMs && emptyMs < dark!.latestMs).toBe(true)
    expect(Math.abs(dark!.likelyMs - emptyMs)).toBeLessThan(3 * minute)
    expect(isNear).toBe(false)
    expect(daemon.node('ku')?.says.en).toMatch(
      /On battery for 15 min, goes dark in about 2[3-7] min \(in \d+ min at the earliest, \d+ min at the latest\); then without service: 2 nodes, 40 subscribers\./
    )
    expect(daemon.node('ku')?.says.ru).toMatch(/погаснет примерно через 2[3-7] мин .*узлов 2, абонентов 40/)
    expect(runwayOf('du')).toEqual(runwayOf('ku'))
    expect(daemon.node('du')?.says.en).toMatch(/Node КУ-1 upstream has been on battery/)

    const [incident] = daemon.openIncidents()
    expect(daemon.view.runway(incident!.id)).toEqual(runwayOf('ku'))
    expect(daemon.view.isNear(incident!.id)).toBe(false)
    await play(16.5, 32, honest)
    expect(daemon.view.isNear(incident!.id)).toBe(true)
  })

  it('goes on with what it knew behind a reload, and forgets a battery when the mains are back', async () => {
    await start()
    await play(0, 16, honest)
    const before = runwayOf('ku')
    await daemon.reload(await definitionsOf({ inventory }, 2))
    expect(runwayOf('ku')).toEqual(before)
    await play(16.5, 25, () => ({ upsOutputSource: 3, upsEstimatedChargeRemaining: 70 }))
    expect(runwayOf('ku')).toBeNull()
    expect(daemon.node('du')?.says.en).toBe('No fault is seen.')
  })
})
