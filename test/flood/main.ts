import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { createLogger } from '../../daemon/process/logger.ts'
import { createMemorySource, type MemoryRecord } from '../../ingest/adapters/memory-source.ts'
import { startDaemon } from '../../main.ts'
import { loadConfig } from '../../schemas/config/reading.ts'
import { startTestClickHouse } from '../support/clickhouse.ts'
import { getJson, waitUntil } from '../support/daemon.ts'

/**
 * `npm run flood`: somebody sends three million names that no inventory knows, to a daemon with the limits it has by default, on ClickHouse
 * and with threads; only Kafka is left out. Then they are idle, and as many others come. Ends with 1 where a device of the inventory is not
 * judged, the daemon ends, its main thread stands still, what happens is not said, or not once, or the others find no room.
 * docs/operations.md has the figures.
 *
 * Arguments: how many names, and after how many seconds of silence they may be forgotten: longer than the flood lasts.
 */
const names = Number(process.argv[2] ?? 3_000_000)
const idleS = Number(process.argv[3] ?? 600)
const topic = 'telemetry'
const chunk = 1000
const backlogBytesMax = 8 * 1024 * 1024
/** A health check gives up behind 3 s, the watchdog speaks behind 5. */
const turnMsMax = 2000
/** Evaluation is held for so long at most while names are forgotten. */
const heldMsMax = 1000
const known = 200

const folder = mkdtempSync(join(tmpdir(), 'svetofor-flood-'))
const say = (line: string): void => void process.stdout.write(`${line}\n`)
const lines: string[] = []
const problems: string[] = []
const clickhouse = await startTestClickHouse()
const source = createMemorySource({ topics: { [topic]: 1 } })

const report = (device: string, oper: number, atMs: number): MemoryRecord => ({
  key: Buffer.from(device),
  value: Buffer.from(
    JSON.stringify({
      fields: { ifAdminStatus: 1, ifOperStatus: oper },
      name: 'interface',
      tags: { source: device, ifIndex: '25' },
      timestamp: Math.floor(atMs / 1000)
    })
  ),
  timestampMs: atMs
})

writeFileSync(
  join(folder, 'inventory.ndjson'),
  [
    JSON.stringify({ id: 'cu', tier: 'core', name: 'CU' }),
    ...Array.from({ length: known }, (_, i) =>
      JSON.stringify({
        id: `ku-${i}`,
        tier: 'campus',
        name: `KU-${i}`,
        parents: ['cu'],
        devices: [
          {
            id: `sw-${i}`,
            role: 'switch',
            identifiers: [`sw-${i}`],
            ports: [{ instance: '25', role: 'uplink', peer: 'cu' }]
          }
        ]
      })
    )
  ].join('\n')
)
const file = join(folder, 'svetofor.yaml')
writeFileSync(
  file,
  `clickhouse: { url: '${clickhouse.url}' }
inventory: { files: [inventory.ndjson] }
status: { port: 0 }
workers: { unknown_idle_s: ${idleS} }
`
)
const daemon = await startDaemon({
  config: loadConfig({ file, env: {}, readFile: path => readFileSync(path, 'utf8') }),
  logger: createLogger({
    level: 'info',
    pretty: false,
    destination: { write: line => void lines.push(line) }
  }),
  version: '0',
  source,
  onFatal: error => {
    say(`the daemon ended: ${error.message}`)
    process.exit(1)
  }
})

const light = async (node: number): Promise<string> =>
  (await getJson<{ effective: string }>(`${daemon.url}/api/v1/nodes/ku-${node}`)).effective
const isLight = (node: number, wanted: string): Promise<string> =>
  waitUntil(
    `ku-${node} ${wanted}`,
    () => light(node),
    found => found === wanted,
    60_000,
    20
  )

const metric = async (name: string): Promise<number> => {
  const text = await (await fetch(`${daemon.url}/metrics`)).text()
  const line = text.split('\n').find(each => each.startsWith(`${name} `))
  return Number(line?.split(' ')[1] ?? NaN)
}

/** As many names as are told apart at most are sent, for all that were there have been forgotten. */
async function showRoomGivenBack(): Promise<void> {
  const total = 'svetofor_unknown_devices_forgotten_total'
  const tellsOf = async (node: number) => {
    const url = `${daemon.url}/api/v1/nodes/ku-${node}`
    const { effective, sinceMs } = await getJson<{ effective: string; sinceMs: number }>(url)
    return { effective, sinceMs }
  }
  // Whoever is in the inventory goes on speaking.
  const poll = (): void => {
    const nowMs = Date.now()
    source.append(
      topic,
      0,
      Array.from({ length: known }, (_, i) => report(`sw-${i}`, isDown.includes(i) ? 2 : 1, nowMs))
    )
  }
  poll()
  const polling = setInterval(poll, 30_000)
  const before = await Promise.all(isDown.map(tellsOf))
  const turns = monitorEventLoopDelay({ resolution: 5 })
  turns.enable()
  await waitUntil(
    'names to be forgotten',
    () => metric(total),
    forgotten => forgotten > 0,
    (idleS + 150) * 1000,
    500
  )
  clearInterval(polling)
  turns.disable()
  const line = JSON.parse(lines.find(each => each.includes('were forgotten'))!) as {
    readonly devices: number
    readonly series: number
    readonly heldMs: number
  }
  const others = Math.min(names, 800_000)
  for (let first = 0; first < others; first += chunk) {
    while (source.backlogBytes() > backlogBytesMax) await delay(5)
    const nowMs = Date.now()
    source.append(
      topic,
      0,
      Array.from({ length: chunk }, (_, i) => report(`other-${first + i}`, 2, nowMs))
    )
    await delay(0)
  }
  while (source.backlogBytes() > 0) await delay(20)
  await change(known - 2)
  const toldApart = await metric('svetofor_unknown_devices')
  const after = await Promise.all(isDown.slice(0, before.length).map(tellsOf))
  const longestMs = turns.max / 1e6
  say(
    `devices forgotten               ${line.devices} with ${line.series} series; evaluation was held for ${line.heldMs} ms`
  )
  say(`longest turn of the main thread ${longestMs.toFixed(0)} ms meanwhile`)
  say(`told apart of ${others} others    ${toldApart}`)
  say(`memory of the process           ${Math.round(process.memoryUsage().rss / 1048576)} MiB`)
  if (toldApart < others) problems.push('others did not find the room that was given back')
  if (line.heldMs > heldMsMax) problems.push(`evaluation was held for longer than ${heldMsMax} ms`)
  if (longestMs > turnMsMax) problems.push(`a turn of the main thread took longer than ${turnMsMax} ms`)
  if (JSON.stringify(after) !== JSON.stringify(before)) problems.push('lights of known devices have changed')
}

/** Of a change of a known device in the middle of it all: from its record to its light (ms). */
const seen: number[] = []
const isDown: number[] = []
const change = async (node: number): Promise<void> => {
  const fromMs = performance.now()
  source.append(topic, 0, [report(`sw-${node}`, 2, Date.now())])
  await isLight(node, 'red')
  seen.push(performance.now() - fromMs)
  isDown.push(node)
}

try {
  await waitUntil(
    'ready',
    () => fetch(`${daemon.url}/health/ready`),
    answer => answer.ok,
    60_000
  )
  // The first half was heard before the flood; the others speak for the first time in it, or behind it.
  source.append(
    topic,
    0,
    Array.from({ length: known / 2 }, (_, i) => report(`sw-${i}`, 1, Date.now()))
  )
  await isLight(known / 2 - 1, 'green')

  const turns = monitorEventLoopDelay({ resolution: 5 })
  turns.enable()
  const startedMs = performance.now()
  let changing: Promise<void> = Promise.resolve()
  let changes = 0
  for (let first = 0; first < names; first += chunk) {
    while (source.backlogBytes() > backlogBytesMax) await delay(5)
    const nowMs = Date.now()
    source.append(
      topic,
      0,
      Array.from({ length: Math.min(chunk, names - first) }, (_, i) =>
        report(`stranger-${(Math.imul(first + i, 0x9e3779b1) >>> 0).toString(36)}-${first + i}`, 2, nowMs)
      )
    )
    // Forty devices of the inventory change in turn, met before or not.
    if (changes < 40 && first >= (names / 40) * changes) {
      const node = changes % 2 === 0 ? changes : known / 2 + changes
      changing = changing.then(() => change(node))
      changes++
    }
    await delay(0)
  }
  while (source.backlogBytes() > 0) await delay(20)
  await changing
  const seconds = (performance.now() - startedMs) / 1000
  turns.disable()
  // Behind it: one that was never heard.
  await change(known - 1)
  for (const node of isDown)
    if ((await light(node)) !== 'red') problems.push(`ku-${node} is not red any more`)

  const unknown = await metric('svetofor_unknown_devices')
  const usedUp = await metric('svetofor_table_used_by_unknown_ratio{table="devices"}')
  if (names >= 3_000_000)
    await waitUntil(
      'the log to say it',
      () => Promise.resolve(lines.some(isLost)),
      isSaid => isSaid,
      20_000
    )
  const ready = (await (await fetch(`${daemon.url}/health/ready`)).json()) as {
    ready: boolean
    parts: Record<string, { ok: boolean; detail: string }>
  }
  const longestMs = turns.max / 1e6
  const rows = await clickhouse.rows<{ n: string }>(
    'SELECT count() AS n FROM svetofor.samples WHERE series != 0'
  )
  say(
    `names sent                      ${names} in ${seconds.toFixed(0)} s (${Math.round(names / seconds)} a second)`
  )
  say(
    `unknown devices told apart      ${unknown}; of their half of the table ${(usedUp * 100).toFixed(1)} % used`
  )
  say(
    `longest turn of the main thread ${longestMs.toFixed(0)} ms (99.9 %: ${(turns.percentile(99.9) / 1e6).toFixed(0)} ms)`
  )
  say(
    `known devices judged            ${seen.length} of ${seen.length}; from record to light ${Math.max(...seen).toFixed(0)} ms at most`
  )
  say(
    `said in the log                 ${lines.filter(isLost).length} time(s), again each minute ${lines.filter(isStill).length}`
  )
  say(
    `ready                           ${ready.ready}; ${ready.parts['tables']?.detail ?? 'tables are not named'}`
  )
  say(`samples stored so far           ${rows[0]?.n ?? '?'}`)
  say(`memory of the process           ${Math.round(process.memoryUsage().rss / 1048576)} MiB`)
  if (names >= 3_000_000) {
    if (usedUp < 0.999)
      problems.push('the half that unknown devices may use is not used up: nothing was shown')
    if (lines.filter(isLost).length !== 1) problems.push('it is not said once')
    if (ready.parts['tables']?.ok !== false) problems.push('/health/ready does not tell of it')
  }
  if (!ready.ready) problems.push('the daemon is not ready')
  if (longestMs > turnMsMax) problems.push(`a turn of the main thread took longer than ${turnMsMax} ms`)
  if (usedUp > 0.9) await showRoomGivenBack()
} catch (error) {
  problems.push(error instanceof Error ? error.message : String(error))
} finally {
  await daemon.stop()
  await clickhouse.stop()
  rmSync(folder, { recursive: true, force: true })
}
for (const problem of problems) say(`PROBLEM: ${problem}`)
process.exit(problems.length > 0 ? 1 : 0)

function isLost(line: string): boolean {
  return line.includes('Room for further devices and series is lost')
}
function isStill(line: string): boolean {
  return line.includes('Room for further devices and series is still away')
}
