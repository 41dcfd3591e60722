import type { ClickHouseClient } from '@clickhouse/client'
import { hostname } from 'node:os'
import type { InventoryDevice, InventoryNode } from '../../topology/model.ts'

type Row = Readonly<Record<string, unknown>>

/**
 * Replaces the mirror of the inventory: rows go into a table of their own, which then changes places with the old
 * one, so that a reader sees the old inventory or the new one and nothing between. `instance` keeps several daemons
 * that load the same inventory apart. Not retried: the caller knows when another attempt makes sense.
 */
export async function replaceInventory(
  client: ClickHouseClient,
  nodes: Iterable<InventoryNode>,
  devices: Iterable<InventoryDevice>,
  instance: string = hostname()
): Promise<void> {
  const suffix = instance.replace(/[^A-Za-z0-9]/g, '_')
  await replaceTable(client, 'nodes', `nodes_next_${suffix}`, mapped(nodes, nodeRow))
  await replaceTable(client, 'devices', `devices_next_${suffix}`, mapped(devices, deviceRow))
}

function* mapped<T>(items: Iterable<T>, rowOf: (item: T) => Row): Generator<Row> {
  for (const item of items) yield rowOf(item)
}

const nodeRow = (node: InventoryNode): Row => ({ ...node })

const deviceRow = (device: InventoryDevice): Row => ({
  id: device.id,
  node: device.node,
  role: device.role,
  vendor: device.vendor,
  model: device.model,
  identifiers: device.identifiers,
  interval_s: device.intervalS
})

const mirrorRowsMax = 5_000

async function replaceTable(
  client: ClickHouseClient,
  table: string,
  next: string,
  rows: Iterable<Row>
): Promise<void> {
  await client.command({ query: `DROP TABLE IF EXISTS ${next} SYNC` })
  await client.command({ query: `CREATE TABLE ${next} AS ${table}` })
  let batch: Row[] = []
  const send = async (): Promise<void> => {
    if (batch.length > 0) await client.insert({ table: next, values: batch, format: 'JSONEachRow' })
    batch = []
  }
  for (const row of rows) {
    batch.push(row)
    if (batch.length >= mirrorRowsMax) await send()
  }
  await send()
  await client.command({ query: `EXCHANGE TABLES ${next} AND ${table}` })
  await client.command({ query: `DROP TABLE ${next} SYNC` })
}
