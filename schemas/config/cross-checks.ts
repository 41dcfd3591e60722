import type { Config } from './schema.ts'

const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|::1|\[::1\])$/

/** Refuses settings: names their keys, what is wrong and what to do. */
type Refuse = (keys: readonly string[], message: string, remedy: string) => void

/** What the settings must keep among each other. The first of the keys is the place; settings already refused are left alone. */
export function crossChecks(config: Config, refuse: Refuse): void {
  const { kafka, clickhouse, ingest, status, workers, profiles, rules } = config
  if (!loopback.test(status.host) && status.tokens.length === 0)
    refuse(
      ['status.host', 'status.tokens', 'status.tokens_file'],
      `${status.host} can be reached by others, and no tokens are set`,
      'name a status.tokens_file (or set SVETOFOR_STATUS_TOKENS), or listen on 127.0.0.1'
    )
  for (const broker of kafka.brokers) {
    const port = Number(/^(?:\[[0-9a-fA-F:]+\]|[^\s:/]+):(\d{1,5})$/.exec(broker)?.[1] ?? NaN)
    if (!(port >= 1 && port <= 65_535))
      refuse(['kafka.brokers'], `${JSON.stringify(broker)} is not an address`, 'write it as host:port')
  }
  if ((kafka.tls.cert === '') !== (kafka.tls.key === '')) {
    const given = kafka.tls.cert === '' ? 'key' : 'cert'
    const other = given === 'key' ? 'cert' : 'key'
    refuse(
      [`kafka.tls.${given}_file`, `kafka.tls.${given}`, `kafka.tls.${other}`, `kafka.tls.${other}_file`],
      'a client certificate needs both its certificate and its key',
      'give kafka.tls.cert_file and kafka.tls.key_file'
    )
  }
  if (!kafka.tls.enabled && (kafka.tls.ca !== '' || kafka.tls.cert !== ''))
    refuse(['kafka.tls.enabled'], 'TLS is off, but certificates are given', 'set kafka.tls.enabled: true')
  if (kafka.sasl.mechanism !== 'none' && (kafka.sasl.username === '' || kafka.sasl.password === ''))
    refuse(
      ['kafka.sasl.mechanism', 'kafka.sasl.username', 'kafka.sasl.password', 'kafka.sasl.password_file'],
      `${kafka.sasl.mechanism} needs a user name and a password`,
      'set kafka.sasl.username and kafka.sasl.password_file'
    )
  if (kafka.sasl.mechanism === 'none' && kafka.sasl.username !== '')
    refuse(
      ['kafka.sasl.username', 'kafka.sasl.mechanism'],
      'a user name is given, but no mechanism',
      'set kafka.sasl.mechanism'
    )
  if (kafka.topics.includes(kafka.dlq_topic))
    refuse(
      ['kafka.dlq_topic', 'kafka.topics'],
      'is one of the topics that are read',
      'give it a topic of its own'
    )
  if (kafka.standby && kafka.source !== 'batch')
    refuse(
      ['kafka.standby', 'kafka.source'],
      `a standby needs the source batch: with ${kafka.source} the members of a group share what is read, and each sees a part of the network only`,
      'set kafka.source: batch, or kafka.standby: false'
    )
  const handOver = handOverOf(config)
  if (ingest.drain_ms_max > handOver.ms)
    refuse(
      ['ingest.drain_ms_max', handOver.key],
      `partitions would be given up in the middle of draining: of ${handOver.key}, ${handOver.ms} ms are left for it`,
      `lower it to ${handOver.ms}, or raise ${handOver.key}`
    )
  checkUrl(clickhouse.url, refuse)
  if (clickhouse.rollups && clickhouse.rollup_retention_days < clickhouse.retention_days)
    refuse(
      ['clickhouse.rollup_retention_days', 'clickhouse.retention_days'],
      'rollups would be dropped before the samples they are made of',
      'keep them at least as long as clickhouse.retention_days, or set clickhouse.rollups: false'
    )
  const atMost = (small: [string, number], large: [string, number]): void => {
    if (small[1] > large[1])
      refuse(
        [small[0], large[0]],
        `${small[1]} is more than ${large[0]} (${large[1]})`,
        'lower it, or raise the other'
      )
  }
  atMost(
    ['ingest.partition_queue_bytes_max', ingest.partition_queue_bytes_max],
    ['ingest.queue_bytes_max', ingest.queue_bytes_max]
  )
  atMost(
    ['kafka.fetch_partition_bytes_max', kafka.fetch_partition_bytes_max],
    ['kafka.fetch_bytes_max', kafka.fetch_bytes_max]
  )
  atMost(
    ['ingest.dead_letter_bytes_max', ingest.dead_letter_bytes_max],
    ['ingest.value_bytes_max', ingest.value_bytes_max]
  )
  atMost(['workers.devices_max', workers.devices_max], ['workers.series_max', workers.series_max])
  for (const [key, set] of [
    ['profiles', profiles],
    ['rules', rules]
  ] as const)
    if (!set.shipped && set.files.length === 0)
      refuse(
        [`${key}.shipped`, `${key}.files`],
        `without any ${key} nothing can be judged`,
        `name ${key}.files, or set it to true`
      )
}

function checkUrl(text: string, refuse: Refuse): void {
  const keys = ['clickhouse.url']
  let url: URL
  try {
    url = new URL(text)
  } catch {
    refuse(keys, `${JSON.stringify(text)} is not a URL`, 'write it as http://host:8123')
    return
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    refuse(keys, `${url.protocol} is not spoken here`, 'use the HTTP interface: http:// or https://')
  if (url.username !== '' || url.password !== '')
    refuse(keys, 'holds a user name or a password', 'use clickhouse.username and clickhouse.password_file')
}

/** What the group leaves a member for handing its partitions over, with some to spare for joining again; and the setting it comes from. */
function handOverOf({ kafka }: Config): { readonly key: string; readonly ms: number } {
  // kafkajs sends no sign of life while it hands over, so the session time is its limit.
  return kafka.source === 'kafkajs'
    ? { key: 'kafka.session_timeout_ms', ms: Math.floor(kafka.session_timeout_ms * 0.7) }
    : { key: 'kafka.rebalance_timeout_ms', ms: Math.floor(kafka.rebalance_timeout_ms * 0.8) }
}
