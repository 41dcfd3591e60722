import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../../schemas/package-root.ts'
import { quick } from './bars.ts'
import { playDemo } from './demo.ts'
import { parseScenarios, readScenarios } from './format.ts'
import { playScenario } from './play.ts'
import { playQuiet } from './quiet.ts'
import { scoreOf } from './score.ts'

const folder = join(packageRoot, 'test/scenarios/kinds')

describe('scenarios', () => {
  it('are of sixty kinds at least, each named once', async () => {
    const kinds = (await readScenarios(folder)).map(({ kind }) => kind)
    expect(kinds.length).toBeGreaterThanOrEqual(60)
    expect(new Set(kinds).size).toBe(kinds.length)
  })

  it('are refused with all mistakes at once', () => {
    const text = `scenarios:
  - kind: a
    says: b
    minutes: 10
    places: { p: { tier: campus, below: q } }
    faults:
      - { what: cut, at_min: 1, for_min: 1 }
      - { what: cut, at: x, at_min: 5, for_min: 9, tell: { root: [y], kind: [link] } }
`
    expect(() => parseScenarios('s.yaml', text)).toThrow(
      /no place "q" above[^]*needs a place[^]*no place "x"[^]*no place "y"[^]*beyond the end/
    )
    expect(() => parseScenarios('s.yaml', 'scenarios: [{ kind: a, sayz: b }]')).toThrow(/did you mean "says"/)
  })

  it.each(quick.kinds)('%s: everything is right', async kind => {
    const scenario = (await readScenarios(folder)).find(each => each.kind === kind)
    expect(scenario).toBeDefined()
    expect(scoreOf(await playScenario(scenario!, quick.seed)).wrong).toEqual([])
  })

  it('computes the truth from fibres and mains: who is out behind a cut, and nobody in a ring cut once', async () => {
    const all = await readScenarios(folder)
    const truthOf = async (kind: string) => {
      const played = await playScenario(
        all.find(each => each.kind === kind)!,
        5
      )
      const { out, risk } = played.world.truthAt(15 * 60_000)
      return { out: [...out].map(site => played.city.sites[site]!.tier), risk: risk.size }
    }
    expect(await truthOf('campus-cut-seen')).toEqual({
      out: ['campus', ...Array<string>(6).fill('building')],
      risk: 0
    })
    expect((await truthOf('ring-cut-once')).out).toEqual([])
    const between = (await truthOf('ring-cut-twice')).out
    expect(between.filter(tier => tier === 'campus').length * 7).toBe(between.length)
    expect(between).not.toEqual([])
  })

  it('holds what is said of batteries against when they are empty', async () => {
    const all = await readScenarios(folder)
    const scoreOfKind = async (kind: string) =>
      scoreOf(
        await playScenario(
          all.find(each => each.kind === kind)!,
          7
        )
      ).score
    const { runwaysAsked, runwaysTold, runwaysRight, nearBeforeMs } = await scoreOfKind('battery-too-long')
    expect(runwaysAsked).toBeGreaterThan(50)
    expect([runwaysTold, runwaysRight]).toEqual([runwaysAsked, runwaysAsked])
    expect(nearBeforeMs.every(ms => ms >= 600_000)).toBe(true)
    expect(await scoreOfKind('battery-nothing')).toMatchObject({ runwaysTold: 0, nearBeforeMs: [-Infinity] })
  }, 60_000)

  it('hears one alert for each fault of the demonstration', async () => {
    const { faults, alerts } = await playDemo({ minutes: 3, nodes: 300 })
    expect(faults.map(({ fault }) => fault)).toEqual(['fibre_cut', 'mains_cut', 'dirty_optic'])
    expect(alerts.map(({ incident }) => incident.root)).toHaveLength(faults.length)
  }, 90_000)

  it('sees nothing in a healthy city whose polls are lost and late', async () => {
    const network = { districts: 1, areas: 2, campuses: 4, buildings: 6 }
    const { lostPolls, latePolls, ...said } = await playQuiet({ seed: 3, nodeDays: 5, network })
    expect([lostPolls > 0, latePolls > 0]).toEqual([true, true])
    expect(said).toMatchObject({ falseRed: 0, falseEpisodes: 0, incidents: 0 })
  }, 90_000)
})
