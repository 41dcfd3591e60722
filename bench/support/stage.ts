import type { ClickHouseClient } from '@clickhouse/client'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startEmbeddedClickHouse, type EmbeddedClickHouse } from '../../embedded/clickhouse.ts'
import { createClickHouseClient } from '../../ingest/clickhouse/client.ts'
import type { InventoryDevice, InventoryNode } from '../../topology/model.ts'
import { inventoryNdjson } from '../../topology/write.ts'
import type { Figures } from './figures.ts'
import { startKafka, type RunningKafka } from './kafka.ts'

/** What every bench is given. */
export interface BenchOptions {
  /** How often each measurement is repeated; figures are medians. */
  readonly runs: number
  /** In place of the bench's own number of records (or, for `soak`, minutes; for `scale`, the largest city). */
  readonly size: number | undefined
  /** Folder for CPU profiles of the daemon; none are taken without it. */
  readonly profileDir: string | undefined
  /** Leaves out the peers, and with them the ratios. */
  readonly isAlone: boolean
  readonly say: (line: string) => void
}

export type Bench = (options: BenchOptions) => Promise<Figures>

/** What a bench stands on: a folder of its own and the servers it started; all of it goes when the bench ends. */
export interface Stage {
  readonly dir: string
  /** A real broker, compiled fully, with room for the bench's topics. */
  kafka(properties?: Readonly<Record<string, string>>): Promise<RunningKafka>
  clickhouse(name: string): Promise<BenchClickHouse>
  inventory(name: string, nodes: Iterable<InventoryNode>, devices: Iterable<InventoryDevice>): Promise<string>
  /** Stopped with the rest, in reverse order. */
  use<T extends { stop(): Promise<unknown> }>(part: T): T
}

export interface BenchClickHouse {
  readonly engine: EmbeddedClickHouse
  readonly url: string
  readonly client: ClickHouseClient
  number(query: string): Promise<number>
  rows<T>(query: string): Promise<T[]>
  /** Resolves when no parts are being merged, or after a minute: what a measurement left behind is not of the next one. */
  settled(): Promise<void>
}

const settleMsMax = 60_000
const clickhouseMemoryBytes = 3 * 1024 ** 3

export async function onStage<T>(act: (stage: Stage) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'svetofor-bench-'))
  const running: { stop(): Promise<unknown> }[] = []
  const use = <P extends { stop(): Promise<unknown> }>(part: P): P => {
    running.push(part)
    return part
  }
  const stage: Stage = {
    dir,
    use,
    kafka: async properties =>
      use(
        await startKafka({
          fullSpeed: true,
          heapMiB: 768,
          ...(properties === undefined ? {} : { properties })
        })
      ),
    clickhouse: async name => use(await startClickHouse(join(dir, name))),
    async inventory(name, nodes, devices) {
      const file = join(dir, `${name}.ndjson`)
      const stream = createWriteStream(file)
      for (const line of inventoryNdjson(nodes, devices)) if (!stream.write(line)) await once(stream, 'drain')
      stream.end()
      await once(stream, 'close')
      return file
    }
  }
  try {
    return await act(stage)
  } finally {
    for (const part of running.reverse())
      await part.stop().catch((error: unknown) => console.error('bench: while stopping:', error))
    await rm(dir, { recursive: true, force: true })
  }
}

async function startClickHouse(dataDir: string): Promise<BenchClickHouse & { stop(): Promise<void> }> {
  const engine = await startEmbeddedClickHouse({
    dataDir,
    memoryLimitBytes: clickhouseMemoryBytes,
    logger: { info: () => undefined, warn: line => console.error(line), error: line => console.error(line) }
  })
  const client = createClickHouseClient({ url: engine.url, requestTimeoutMs: 300_000 })
  const rows = async <T>(query: string): Promise<T[]> =>
    (await client.query({ query, format: 'JSONEachRow' })).json<T>()
  const number = async (query: string): Promise<number> => {
    const [row] = await rows<Record<string, string | number>>(query)
    return Number(Object.values(row ?? {})[0] ?? NaN)
  }
  return {
    engine,
    url: engine.url,
    client,
    rows,
    number,
    async settled() {
      const untilMs = performance.now() + settleMsMax
      for (let quiet = 0; quiet < 3 && performance.now() < untilMs;) {
        await delay(500)
        quiet = (await number('SELECT count() FROM system.merges')) === 0 ? quiet + 1 : 0
      }
    },
    async stop() {
      await client.close()
      await engine.stop()
    }
  }
}
