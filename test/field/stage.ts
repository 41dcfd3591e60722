import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePorts } from '../../bench/support/ports.ts'
import type { NodeAnswerJson } from '../../status/http/api-schemas.ts'
import type { TestClickHouse } from '../support/clickhouse.ts'
import { getJson, startTestDaemon, waitUntil } from '../support/daemon.ts'
import { createTopic } from '../support/producer.ts'
import type { Stored } from './compare.ts'
import { inventoryOf, type FieldDevice } from './network.ts'
import { snmpsim, startProgram, telegraf, type RunningProgram } from './programs.ts'
import { renderFiles } from './telegraf-files.ts'
import { formatWalk, type Walk } from './walk.ts'
import { connectWire } from './wire.ts'

/** Devices, the wire, a collector, and a daemon of its own: what one part of the field test plays on. */
export interface Stage {
  /** What was stored last of each series. */
  stored(): Promise<Stored[]>
  node(id: string): Promise<NodeAnswerJson>
  /** Types of all alarms that were ever raised at a device. */
  everRaised(device: string): Promise<string[]>
  /** From now on the device answers another walk, or nothing. It must have been among the recordings. */
  play(device: string, recording: Walk | null): void
  /** Waits until every device was polled so many times more. */
  polls(count: number): Promise<void>
  stop(): Promise<void>
}

export interface StageOptions {
  readonly name: string
  readonly folder: string
  readonly brokers: readonly string[]
  readonly clickhouse: TestClickHouse
  readonly devices: readonly FieldDevice[]
  /** Walks that devices may play later. */
  readonly later: readonly Walk[]
  readonly intervalS: number
}

const partitions = 4
const readyMsMax = 60_000

export async function openStage(options: StageOptions): Promise<Stage> {
  const { name, brokers, clickhouse, devices, intervalS } = options
  const folder = join(options.folder, name)
  const [agentPort, devicePort, healthPort] = await freePorts(3)
  const recordings = new Map<Walk, string>()
  for (const walk of [...devices.map(device => device.walk), ...options.later])
    if (!recordings.has(walk)) recordings.set(walk, `w${String(recordings.size).padStart(5, '0')}`)

  const stops: (() => Promise<unknown>)[] = []
  const stop = async (): Promise<void> => {
    for (const each of stops.reverse()) await each().catch(() => undefined)
  }
  try {
    const simulated = await startDevices(join(folder, 'devices'), recordings, agentPort!)
    stops.push(() => simulated.stop())
    const wire = await connectWire({
      addresses: devices.map(({ address }) => address),
      port: devicePort!,
      agentPort: agentPort!
    })
    stops.push(() => wire.close())
    for (const { address, walk } of devices) wire.play(address, recordings.get(walk)!)

    await createTopic(brokers, name, partitions)
    await writeFile(join(folder, 'inventory.yaml'), JSON.stringify(inventoryOf(devices, intervalS)))
    const daemon = await startTestDaemon({
      configFile: join(folder, 'svetofor.yaml'),
      config: {
        kafka: { brokers, topics: [name], group_id: name, fetch_wait_ms_max: 50 },
        clickhouse: { url: clickhouse.url, database: name },
        inventory: { files: [join(folder, 'inventory.yaml')] },
        staleness: { default_interval_s: intervalS, grace_s: 4 * intervalS },
        log: { level: 'warn' }
      }
    })
    stops.push(() => daemon.stop())
    const collector = await startCollector(join(folder, 'telegraf'), {
      devices,
      brokers,
      topic: name,
      devicePort: devicePort!,
      healthPort: healthPort!,
      intervalS
    })
    stops.push(() => collector.stop())

    const heard = async (): Promise<Map<string, number>> =>
      new Map(
        (
          await clickhouse.rows<{ device: string; polls: string }>(
            `SELECT device, uniqExact(time) AS polls FROM ${name}.samples_named WHERE signal = 'device.uptime_s' GROUP BY device`
          )
        ).map(row => [row.device, Number(row.polls)])
      )
    return {
      async stored() {
        const rows = await clickhouse.rows<Stored>(
          `SELECT device, signal, instance, argMax(value, time) AS value FROM ${name}.samples_named
           GROUP BY device, signal, instance ORDER BY device, signal, instance`
        )
        return rows.map(row => ({ ...row, value: Number(row.value) }))
      },
      node: id => getJson(`${daemon.url}/api/v1/nodes/${encodeURIComponent(id)}`),
      async everRaised(device) {
        const rows = await clickhouse.rows<{ type: string }>(
          `SELECT DISTINCT type FROM ${name}.alarms WHERE device = {device:String} ORDER BY type`,
          { device }
        )
        return rows.map(({ type }) => type)
      },
      play(device, walk) {
        const address = devices.find(({ id }) => id === device)?.address
        const recording = walk === null ? null : recordings.get(walk)
        if (address === undefined || recording === undefined)
          throw new Error(`${device} cannot play that walk`)
        wire.play(address, recording)
      },
      async polls(count) {
        const answering = devices.filter(({ readings }) =>
          readings.some(({ signal }) => signal === 'device.uptime_s')
        )
        const before = await heard()
        await waitUntil(
          `${count} polls of ${answering.length} devices; the collector says: ${collector.log().slice(-2000)}`,
          heard,
          now => answering.every(({ id }) => (now.get(id) ?? 0) >= (before.get(id) ?? 0) + count),
          (count + 6) * intervalS * 1000 + 30_000,
          500
        )
      },
      stop
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function startDevices(
  folder: string,
  recordings: ReadonlyMap<Walk, string>,
  port: number
): Promise<RunningProgram> {
  const data = join(folder, 'data')
  const cache = join(folder, 'cache')
  await mkdir(data, { recursive: true })
  await mkdir(cache, { recursive: true })
  for (const [walk, name] of recordings) await writeFile(join(data, `${name}.snmprec`), formatWalk(walk))
  // It would refuse to run as root, as CI does; it listens on loopback only.
  const program = startProgram(
    snmpsim(),
    [
      `--data-dir=${data}`,
      `--cache-dir=${cache}`,
      `--agent-udpv4-endpoint=127.0.0.1:${port}`,
      '--logging-method=stderr',
      '--log-level=info'
    ],
    { SNMPSIM_ALLOW_ROOT: 'true' }
  )
  await until(program, () => /Listening at UDP/i.test(program.log()), 'snmpsim does not listen')
  return program
}

async function startCollector(
  folder: string,
  options: {
    readonly devices: readonly FieldDevice[]
    readonly brokers: readonly string[]
    readonly topic: string
    readonly devicePort: number
    readonly healthPort: number
    readonly intervalS: number
  }
): Promise<RunningProgram> {
  const agents = new Map<string, string[]>()
  for (const { blocks, address } of options.devices)
    for (const { name } of blocks) {
      const list = agents.get(name) ?? []
      list.push(`udp://${address}:${options.devicePort}`)
      agents.set(name, list)
    }
  const { main, directory } = renderFiles({
    agents,
    broker: options.brokers[0] ?? '',
    topic: options.topic,
    healthPort: options.healthPort,
    intervalS: options.intervalS
  })
  await mkdir(join(folder, 'telegraf.d'), { recursive: true })
  await writeFile(join(folder, 'telegraf.conf'), main)
  for (const [file, text] of directory) await writeFile(join(folder, 'telegraf.d', file), text)
  const program = startProgram(telegraf(), [
    '--config',
    join(folder, 'telegraf.conf'),
    '--config-directory',
    join(folder, 'telegraf.d')
  ])
  const isUp = (): Promise<boolean> =>
    fetch(`http://127.0.0.1:${options.healthPort}`, { signal: AbortSignal.timeout(1000) }).then(
      answer => answer.ok,
      () => false
    )
  await until(program, isUp, 'telegraf is not ready')
  return program
}

async function until(
  program: RunningProgram,
  holds: () => boolean | Promise<boolean>,
  complaint: string
): Promise<void> {
  const deadlineMs = Date.now() + readyMsMax
  while (!(await holds())) {
    if (program.hasEnded() || Date.now() > deadlineMs) {
      await program.stop()
      throw new Error(`${complaint}: ${program.log().slice(-4000)}`)
    }
    await delay(100)
  }
}
