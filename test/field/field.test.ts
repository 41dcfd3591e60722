import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../../schemas/package-root.ts'
import { compare } from './compare.ts'
import { casesOf, mutationKinds } from './mutations.ts'
import { devicesOf } from './network.ts'
import { differences } from './right.ts'
import { lastOf, playSimulated } from './simulated.ts'
import { pollBlocks } from './telegraf-files.ts'
import { formatWalk, parseWalk, readWalks } from './walk.ts'

/**
 * Our own walks, polled as the shipped collector files poll, through the daemon in simulated time: no server and no second is needed.
 * The same walks go through snmpsim, Telegraf, Kafka and ClickHouse in `npm run test:field` (docs/field.md).
 */
const walks = readWalks(join(packageRoot, 'test', 'field', 'walks'))
const devices = devicesOf(walks)
describe('walks', () => {
  it.each(walks)('of $name stay what they are when they are written', walk => {
    expect(parseWalk(walk.name, formatWalk(walk)).rows).toEqual(walk.rows)
  })

  it('are refused with the line that is wrong', () => {
    expect(() => parseWalk('x', '1.3.6|2|1\n1.3.6.1;2;3\n')).toThrow('x, line 2')
  })

  it('between them need every block of the collector files but those of no walk', () => {
    const used = new Set(devices.flatMap(({ blocks }) => blocks.map(({ name }) => name)))
    expect(
      pollBlocks()
        .map(({ name }) => name)
        .filter(name => !used.has(name))
    ).toEqual([])
  })
})

describe('devices polled with the shipped collector files', async () => {
  const daemon = await playSimulated(devices.map(device => ({ device })))

  it.each(devices)('$id: every reading, and no other', device => {
    const { same, differences } = compare(device, lastOf(daemon, device))
    expect(differences).toEqual([])
    expect(same).toBe(device.readings.length)
    expect(same).toBeGreaterThan(1)
  })

  it.each(devices)('$id: green', device => {
    expect(differences(daemon.node(device.node), { light: 'green', alarms: [] })).toEqual([])
  })

  it('are more than a thousand readings', () => {
    expect(devices.reduce((sum, { readings }) => sum + readings.length, 0)).toBeGreaterThan(1000)
  })
})

const cases = casesOf(devices, mutationKinds).map(each => ({ ...each, name: each.device.id }))

describe('what befalls a device', async () => {
  const daemon = await playSimulated(cases.map(({ device, mutation }) => ({ device, later: mutation.walk })))

  it.each(cases)('$name: the light and the texts that are right', ({ device, mutation }) => {
    expect(differences(daemon.node(device.node), mutation)).toEqual([])
  })

  it.each(mutationKinds)('%s befalls some', kind => {
    expect(cases.filter(({ mutation }) => mutation.kind === kind).length).toBeGreaterThan(3)
  })
})
