import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { definitionsOf } from './network.ts'
import { createSimulatedDaemon } from './simulated.ts'

const startMs = Date.UTC(2026, 2, 1)
const minuteMs = 60_000

/** Trunk ports of one switch, which the inventory calls by name, and ports that it does not know. */
const trunks = ['Gi0/1', 'Gi0/2', 'Gi0/3']
const all = [...trunks, 'Gi0/4', 'Gi0/5']
const inventory = [
  { id: 'cu', tier: 'core' },
  {
    id: 'ku',
    tier: 'campus',
    parents: ['cu'],
    devices: [
      {
        id: 'sw',
        role: 'switch',
        identifiers: ['10.0.0.1'],
        // One is known by name alone, the others have the numbers that they had once.
        ports: trunks.map((name, at) => ({
          name,
          role: 'uplink',
          peer: 'cu',
          ...(at > 0 && { instance: at + 1 })
        }))
      }
    ]
  }
]

/** Until the next restart: which number each port has, and of each poll which ports are down, and where it is cut into records fed together. */
const stretch = fc.record({
  numbers: fc.shuffledSubarray([1, 2, 3, 4, 5, 6, 101], { minLength: all.length, maxLength: all.length }),
  polls: fc.array(fc.record({ down: fc.subarray(all), cut: fc.nat(all.length) }), {
    minLength: 1,
    maxLength: 4
  }),
  /** Told by number alone: that the link of a port is as the last poll has seen it. */
  traps: fc.subarray(all)
})

describe('a switch that renumbers its ports', () => {
  it('is told of as one that never does', async () => {
    const definitions = await definitionsOf({ inventory })
    await fc.assert(
      fc.asyncProperty(fc.array(stretch, { minLength: 1, maxLength: 6 }), async stretches => {
        const daemon = await createSimulatedDaemon({ definitions, startMs, seriesMax: 1000, devicesMax: 10 })
        const record = (
          name: string,
          number: number,
          isDown: boolean,
          isTrap = false
        ): { value: string } => ({
          value: JSON.stringify({
            name: 'interface',
            tags: {
              agent_host: '10.0.0.1',
              host: 'col',
              ifIndex: String(number),
              ...(!isTrap && { ifName: name })
            },
            fields: { ifOperStatus: isDown ? 2 : 1, ifAdminStatus: 1, ...(!isTrap && { ifInErrors: 0 }) },
            timestamp: daemon.nowMs() / 1000
          })
        })
        let seen = 0
        /** What was raised since is of ports that are down. */
        const check = (down: readonly string[]): void => {
          for (const { alarm, change } of daemon.history.alarms.slice(seen))
            if (change === 'raised') expect(down).toContain(alarm.instance)
          seen = daemon.history.alarms.length
        }
        const poll = async (
          numbers: readonly number[],
          down: readonly string[],
          cut: number
        ): Promise<void> => {
          const records = all.map((name, at) => record(name, numbers[at]!, down.includes(name)))
          await daemon.feed(records.slice(0, cut))
          daemon.advance(daemon.nowMs() + 2000)
          await daemon.feed(records.slice(cut))
          daemon.advance(daemon.nowMs() + minuteMs - 2000)
          check(down)
        }
        try {
          let last: readonly string[] = []
          for (const { numbers, polls, traps } of stretches) {
            for (const { down, cut } of polls) await poll(numbers, down, cut)
            last = polls.at(-1)!.down
            await daemon.feed(
              traps.map(name => record(name, numbers[all.indexOf(name)]!, last.includes(name), true))
            )
            check(last)
          }
          const { numbers } = stretches.at(-1)!
          // Long enough for what flapped.
          for (let i = 0; i < 20; i++) await poll(numbers, last, 2)
          expect(
            daemon
              .openAlarms()
              .map(({ resource, type }) => `${type} ${resource}`)
              .sort()
          ).toEqual(last.filter(name => trunks.includes(name)).map(name => `link.down sw/${name}`))
        } finally {
          await daemon.close()
        }
      }),
      { numRuns: 40 }
    )
  })
})
