import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { definitionsOf } from '../../daemon/network.ts'
import { createSimulatedDaemon } from '../../daemon/simulated.ts'
import { packageRoot } from '../../schemas/package-root.ts'
import { recordsOf } from './as-telegraf.ts'
import { compare } from './compare.ts'
import { mutate, mutationKinds } from './mutations.ts'
import { devicesOf, fieldDevice, inventoryOf, type FieldDevice } from './network.ts'
import { differences } from './right.ts'
import { pollBlocks } from './telegraf-files.ts'
import { formatWalk, parseWalk, readWalks, type Walk } from './walk.ts'

/**
 * Our own walks, polled as the shipped collector files poll, through the daemon in simulated time: no server and no second is needed.
 * The same walks go through snmpsim, Telegraf, Kafka and ClickHouse in `npm run test:field` (docs/field.md).
 */
const walks = readWalks(join(packageRoot, 'test', 'field', 'walks'))
const devices = devicesOf(walks)
const intervalS = 60
const startMs = Date.UTC(2026, 2, 1, 12)
const pollsBefore = 12
const pollsAfter = 10

/** Polls every device so often, with its second walk from the middle on; null is silence. */
async function play(cases: readonly { readonly device: FieldDevice; readonly later?: Walk | null }[]) {
  const inventory = inventoryOf(
    cases.map(({ device }) => device),
    intervalS
  ) as { readonly nodes: readonly unknown[] }
  const daemon = await createSimulatedDaemon({
    definitions: await definitionsOf({ inventory: inventory.nodes }),
    startMs,
    seriesMax: 50_000,
    devicesMax: 2000
  })
  for (let poll = 0; poll < pollsBefore + pollsAfter; poll++) {
    const atMs = startMs + poll * intervalS * 1000
    daemon.advance(atMs)
    await daemon.feed(
      cases.flatMap(({ device, later }) => {
        const walk = poll < pollsBefore || later === undefined ? device.walk : later
        return walk === null
          ? []
          : recordsOf(device, walk, atMs / 1000).map(value => ({ key: device.address, value, timestampMs: atMs }))
      })
    )
  }
  daemon.advance(startMs + (pollsBefore + pollsAfter) * intervalS * 1000 - 1000)
  return daemon
}

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
  const daemon = await play(devices.map(device => ({ device })))

  it.each(devices)('$id: every reading, and no other', device => {
    const last = new Map(
      daemon.history.samples
        .filter(sample => sample.device === device.id)
        .map(sample => [`${sample.signal} ${sample.instance}`, sample])
    )
    const { same, differences } = compare(device, [...last.values()])
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

const cases = devices
  .flatMap(device => mutationKinds.map(kind => ({ device, kind })))
  .map(({ device, kind }, i) => {
    const copy = fieldDevice(`${device.id}.${kind.replaceAll(/[^a-zA-Z0-9]+/g, '-')}`, device.walk, device.upsMib, i)
    return { name: copy.id, device: copy, mutation: mutate(copy, kind) }
  })
  .flatMap(each => (each.mutation === undefined ? [] : [{ ...each, mutation: each.mutation }]))

describe('what befalls a device', async () => {
  const daemon = await play(cases.map(({ device, mutation }) => ({ device, later: mutation.walk })))

  it.each(cases)('$name: the light and the texts that are right', ({ device, mutation }) => {
    expect(differences(daemon.node(device.node), mutation)).toEqual([])
  })

  it.each(mutationKinds)('%s befalls some', kind => {
    expect(cases.filter(({ mutation }) => mutation.kind === kind).length).toBeGreaterThan(3)
  })
})
