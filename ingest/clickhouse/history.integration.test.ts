import type { ClickHouseClient } from '@clickhouse/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signalIds } from '../../schemas/signals.ts'
import { startTestClickHouse, type TestClickHouse } from '../../test/support/clickhouse.ts'
import { entityId, seriesId, seriesIdHex } from '../../workers/learning/series-id.ts'
import { createClickHouseClient } from './client.ts'
import { createHistoryStore } from './history.ts'
import { migrate } from './migrate.ts'
import { createRowSink } from './rows.ts'

let server: TestClickHouse
let client: ClickHouseClient
const nowMs = Date.now()

beforeAll(async () => {
  server = await startTestClickHouse()
  await migrate(server.client, {
    database: 'latest',
    retentionDays: 90,
    rollupRetentionDays: 730,
    eventRetentionDays: 730
  })
  client = createClickHouseClient({ url: server.url, database: 'latest' })
})
afterAll(async () => {
  await client.close()
  await server.stop()
})

describe('the last readings of a device', () => {
  it('are the newest of each series, with their records, and null where none is new enough', async () => {
    const rows = createRowSink({
      client,
      flushMsMax: 5,
      onProblem: error => {
        throw new Error(String(error))
      },
      nowMs: () => nowMs
    })
    const names = ['optics.rx_dbm', 'if.oper_status']
    const port = {
      node: 'du-1',
      tier: 'building',
      profile: 'p',
      collector: '',
      identifiers: ['10.0.0.1'],
      portNames: []
    }
    for (const [device, instance] of [
      ['sw-1', '25'],
      ['sw-1', '26'],
      ['sw-2', '25']
    ] as const)
      rows.series([
        {
          ...port,
          device,
          instance,
          entity: entityId(device, instance),
          signals: names.map(name => signalIds.get(name)!)
        }
      ])
    await rows.close(5000)
    const sample = (
      device: string,
      instance: string,
      name: string,
      agoMs: number,
      value: number,
      offset: number
    ) => ({
      series: BigInt(`0x${seriesIdHex(seriesId(device, name, instance))}`).toString(),
      time: new Date(nowMs - agoMs).toISOString().slice(0, 23).replace('T', ' '),
      raw: value,
      topic: 'telemetry',
      partition: 3,
      offset,
      stored_on: new Date(nowMs).toISOString().slice(0, 10)
    })
    await client.insert({
      table: 'samples (series, time, raw, topic, partition, offset, stored_on)',
      values: [
        sample('sw-1', '25', 'optics.rx_dbm', 60_000, -17.25, 5),
        sample('sw-1', '25', 'optics.rx_dbm', 1000, -19.5, 9),
        sample('sw-1', '25', 'if.oper_status', 2000, 1, 8),
        sample('sw-1', '26', 'optics.rx_dbm', 3_600_000, -30, 2),
        sample('sw-2', '25', 'optics.rx_dbm', 10, -1, 10)
      ],
      format: 'JSONEachRow'
    })
    const history = createHistoryStore(client)
    const at = (partition: number, offset: number) => ({ topic: 'telemetry', partition, offset })
    expect(await history.latestReadings(['sw-1'], nowMs - 600_000, 100)).toEqual([
      {
        device: 'sw-1',
        signal: 'if.oper_status',
        instance: '25',
        last: { value: 1, timeMs: nowMs - 2000, coordinates: at(3, 8) }
      },
      {
        device: 'sw-1',
        signal: 'optics.rx_dbm',
        instance: '25',
        last: { value: -19.5, timeMs: nowMs - 1000, coordinates: at(3, 9) }
      },
      { device: 'sw-1', signal: 'if.oper_status', instance: '26', last: null },
      { device: 'sw-1', signal: 'optics.rx_dbm', instance: '26', last: null }
    ])
    expect(await history.latestReadings(['sw-1', 'sw-2'], nowMs - 600_000, 1)).toHaveLength(1)
    expect(await history.latestReadings([], 0, 10)).toEqual([])
    expect(await history.latestReadings(['nobody'], 0, 10)).toEqual([])
  })
})
