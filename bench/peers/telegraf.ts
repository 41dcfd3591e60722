import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import { cpuUsOf, peakRssMib, type ProcessFigures } from '../support/process.ts'

/**
 * Telegraf: kafka_consumer, its json parser, outputs.discard. The program is TELEGRAF_PATH or that of PATH; undefined
 * where there is none. Done when its group has committed the end of every partition, which it does once a second.
 */
export async function runTelegraf(
  broker: string,
  topic: string,
  records: number,
  dir: string,
  timeoutMs: number
): Promise<ProcessFigures | undefined> {
  const program = process.env['TELEGRAF_PATH'] ?? 'telegraf'
  if (spawnSync(program, ['--version']).status !== 0) return undefined
  const group = `bench-telegraf-${Date.now()}`
  const file = join(dir, 'telegraf.conf')
  await writeFile(
    file,
    `[agent]
  metric_batch_size = 5000
  metric_buffer_limit = 200000
  flush_interval = "1s"
  omit_hostname = true
  quiet = true
[[inputs.kafka_consumer]]
  brokers = ["${broker}"]
  topics = ["${topic}"]
  consumer_group = "${group}"
  offset = "oldest"
  kafka_version = "3.6.0"
  max_undelivered_messages = 100000
  data_format = "json"
  json_name_key = "name"
  tag_keys = ["tags_*"]
  json_string_fields = ["fields_*"]
  json_time_key = "timestamp"
  json_time_format = "unix"
[[outputs.discard]]
`
  )
  const admin = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  const telegraf = spawn(program, ['--config', file], { stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  telegraf.stderr.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-4000)))
  const exited = once(telegraf, 'exit')
  const pid = telegraf.pid ?? 0
  const committed = async (): Promise<number> =>
    (await admin.fetchOffsets({ groupId: group, topics: [topic] }))
      .flatMap(({ partitions }) => partitions)
      .reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0)
  try {
    const startedMs = performance.now()
    while ((await committed().catch(() => 0)) < records) {
      if (telegraf.exitCode !== null) throw new Error(`telegraf ended: ${log}`)
      if (performance.now() - startedMs > timeoutMs)
        throw new Error(`telegraf did not read ${records} records in ${timeoutMs} ms: ${log}`)
      await delay(100)
    }
    return {
      records,
      cpuUs: cpuUsOf(pid),
      wallMs: performance.now() - startedMs,
      peakRssMib: peakRssMib(pid)
    }
  } finally {
    telegraf.kill('SIGKILL')
    await exited
    await admin.disconnect()
  }
}
