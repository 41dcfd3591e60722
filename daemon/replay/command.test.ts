import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig, type Config } from '../../schemas/config/reading.ts'
import { replayCommand, type ReplayCommand } from './command.ts'

let folder: string
let config: Config
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'svetofor-replay-'))
  const inventory = join(folder, 'nodes.csv')
  writeFileSync(inventory, 'id,tier,name,parents,addresses\ncu,core,ЦУ,,"ул. Мира, 5"')
  const defaults = loadConfig({ env: {}, readFile: () => '' })
  config = {
    ...defaults,
    inventory: { ...defaults.inventory, files: [inventory] },
    // Nobody listens there.
    clickhouse: { ...defaults.clickhouse, url: 'http://127.0.0.1:9', retention_days: 90 }
  }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const run = (options: Partial<ReplayCommand>): Promise<void> =>
  replayCommand({
    config,
    from: '2026-11-20',
    to: '2026-11-21T12:00:00Z',
    rules: [],
    against: [],
    warmUpMinutes: 60,
    toleranceS: 5,
    linesMax: 20,
    json: null,
    nowMs: Date.UTC(2026, 10, 30),
    print: () => undefined,
    note: () => undefined,
    ...options
  })

describe('what svetofor rules replay refuses', () => {
  it('says which time is none, or not before the other', async () => {
    await expect(run({ from: 'yesterday' })).rejects.toThrow(
      '--from "yesterday" is no time; write it as 2026-'
    )
    await expect(run({ to: '2026-11-20' })).rejects.toThrow('--from is not before --to')
  })

  it('says since when samples are kept', async () => {
    await expect(run({ from: '2026-09-01' })).rejects.toThrow(
      'samples are kept for 90 days (clickhouse.retention_days), since 2026-09-01T00:00:00.000Z; with the 60 minutes before it'
    )
  })

  it('names the file that is not there and what is wrong in another', async () => {
    const wrong = join(folder, 'wrong.yaml')
    writeFileSync(wrong, 'rules:\n  - name: a.b\n    kindd: link\n')
    const missing = join(folder, 'missing.yaml')
    await expect(run({ rules: [wrong] })).rejects.toThrow(`${wrong}:3:5`)
    await expect(run({ against: [missing] })).rejects.toThrow(missing)
  })

  it('says that the database does not answer, and where', async () => {
    await expect(run({})).rejects.toThrow('ClickHouse at http://127.0.0.1:9 does not answer (ECONNREFUSED)')
  })
})
