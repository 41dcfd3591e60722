import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Value } from 'typebox/value'
import { configurationDoc } from './documentation.ts'
import { configSchema } from './schema.ts'
import { loadConfig, redactedConfig, settings, type Config } from './reading.ts'
import { ProblemsError, formatProblem } from './located-yaml.ts'
import { packageRoot } from '../package-root.ts'

const load = (
  text: string | undefined,
  env: Record<string, string> = {},
  files: Record<string, string> = {}
): Config =>
  loadConfig({
    ...(text === undefined ? {} : { file: 'etc/svetofor.yaml' }),
    env,
    readFile: path => {
      if (path === 'etc/svetofor.yaml' && text !== undefined) return text
      const content = files[path]
      if (content === undefined) throw new Error('ENOENT: no such file')
      return content
    }
  })

function problemsOf(run: () => unknown): string[] {
  try {
    run()
  } catch (error) {
    if (error instanceof ProblemsError) return error.problems.map(formatProblem)
    throw error
  }
  throw new Error('expected problems')
}

describe('loadConfig', () => {
  it('fills every key from the defaults, which are valid themselves', () => {
    const config = load('')
    expect(Value.Check(configSchema, config)).toBe(true)
    expect(config.kafka.source).toBe('batch')
    expect(config.workers.threads).toBe('auto')
    expect(loadConfig({ env: {}, readFile: () => '' })).toEqual(config)
  })

  it('takes the environment over the file and the file over the default', () => {
    const config = load(
      'kafka:\n  topics: [a, b]\n  client_id: file\nworkers: {threads: 2}\nstaleness:\n  factor: 2.5\nlog:\n',
      {
        SVETOFOR_KAFKA_CLIENT_ID: 'env',
        SVETOFOR_KAFKA_BROKERS: 'k1:9092, k2:9093',
        SVETOFOR_WORKERS_THREADS: 'auto',
        SVETOFOR_CLICKHOUSE_ROLLUPS: 'no',
        SVETOFOR_STATUS_PORT: '0',
        SVETOFOR_CONFIG: 'etc/svetofor.yaml',
        SVETOFOR_SERVICE_HOST: '10.0.0.1',
        SVETOFOR_PORT_8080_TCP_ADDR: '10.0.0.1',
        OTHER: 'x'
      }
    )
    expect(config.kafka).toMatchObject({
      topics: ['a', 'b'],
      client_id: 'env',
      brokers: ['k1:9092', 'k2:9093']
    })
    expect(config.workers.threads).toBe('auto')
    expect(config.clickhouse.rollups).toBe(false)
    expect(config.status.port).toBe(0)
    expect(config.staleness.factor).toBe(2.5)
  })

  it('reads secrets from files beside the configuration and never shows them', () => {
    const config = load(
      [
        'kafka:',
        '  tls: {enabled: true, ca_file: ca.pem, cert_file: /c.pem, key_file: k.pem}',
        '  sasl: {mechanism: plain, username: u, password_file: secrets/pw}',
        'clickhouse: {password_file: ch}',
        'status: {host: 0.0.0.0, tokens_file: tokens}',
        'inventory: {files: [net.yaml, /abs/net.yaml]}'
      ].join('\n'),
      {},
      {
        'etc/ca.pem': 'CA',
        '/c.pem': 'CERT',
        'etc/k.pem': 'KEY',
        'etc/secrets/pw': 'hunter2hunter2\n',
        'etc/ch': 'click pass',
        'etc/tokens': '# operators\n0123456789abcdef\n\nfedcba9876543210\n'
      }
    )
    expect(config.kafka.tls).toMatchObject({ ca: 'CA', cert: 'CERT', key: 'KEY' })
    expect(config.kafka.sasl.password).toBe('hunter2hunter2')
    expect(config.clickhouse.password).toBe('click pass')
    expect(config.status.tokens).toEqual(['0123456789abcdef', 'fedcba9876543210'])
    expect(config.inventory.files).toEqual(['etc/net.yaml', '/abs/net.yaml'])
    const shown = JSON.stringify(redactedConfig(config))
    for (const secret of ['hunter2', 'click pass', '0123456789abcdef', 'KEY'])
      expect(shown).not.toContain(secret)
    expect(shown).toContain('(2 set)')
    expect(shown).toContain('etc/secrets/pw')
  })

  it('reports every error at once, each with its place and what to do', () => {
    const text = [
      'kafka:', // 1
      '  brokrs: [a:1]', // 2
      '  source: kafkajss', // 3
      '  sasl:', // 4
      '    password: plain', // 5
      'clickhouse:', // 6
      '  rows_max: many', // 7
      '  database: "no-dashes"', // 8
      'status: 5', // 9
      'workers:', // 10
      '  threads: -1', // 11
      'kafak: {}', // 12
      'inventory:', // 13
      '  files: net.yaml' // 14
    ].join('\n')
    const problems = problemsOf(() =>
      load(text, { SVETOFOR_KAFKA_BROKER: 'x', SVETOFOR_LOG_LEVEL: 'loud', SVETOFOR_STATUS_TOKENS: 'short' })
    )
    expect(problems).toEqual([
      'etc/svetofor.yaml:2:3: kafka.brokrs: is not a known key; did you mean kafka.brokers?',
      'etc/svetofor.yaml:3:3: kafka.source: "kafkajss" is not allowed; give batch, kafkajs or node-rdkafka; did you mean kafkajs?',
      'etc/svetofor.yaml:5:5: kafka.sasl.password: a secret does not belong in this file; put it into a file named by kafka.sasl.password_file, or into the variable SVETOFOR_KAFKA_SASL_PASSWORD',
      'etc/svetofor.yaml:7:3: clickhouse.rows_max: "many" is not allowed; give an integer 1..10000000',
      'etc/svetofor.yaml:8:3: clickhouse.database: "no-dashes" is not allowed; give a value that matches ^[A-Za-z_][A-Za-z0-9_]*$',
      'etc/svetofor.yaml:9:1: status: is not a section; write keys and values below it',
      'etc/svetofor.yaml:11:3: workers.threads: -1 is not allowed; give auto or integer 0..64',
      'etc/svetofor.yaml:12:1: kafak: is not a known key; did you mean kafka?',
      'etc/svetofor.yaml:14:3: inventory.files: "etc/net.yaml" is not allowed; give a list of strings',
      'SVETOFOR_KAFKA_BROKER: is not a known variable; did you mean SVETOFOR_KAFKA_BROKERS?',
      'SVETOFOR_LOG_LEVEL: log.level: "loud" is not allowed; give trace, debug, info, warn, error or fatal',
      'SVETOFOR_STATUS_TOKENS: status.tokens: (not shown) is not allowed; give tokens of 16 to 512 letters, digits and ._~+/=-'
    ])
  })

  it('names what does not fit together', () => {
    const text = [
      'kafka:',
      '  brokers: [nowhere]',
      '  topics: [t, svetofor.dlq]',
      '  tls: {ca_file: ca.pem, cert_file: ca.pem}',
      '  sasl: {mechanism: plain}',
      'clickhouse: {url: "http://me:pw@host:8123", retention_days: 900}',
      'ingest: {queue_bytes_max: 1048576}',
      'rules: {shipped: false}',
      'status:',
      '  host: 0.0.0.0'
    ].join('\n')
    const problems = problemsOf(() => load(text, {}, { 'etc/ca.pem': 'PEM' }))
    expect(problems.map(p => p.split(': ').slice(0, 2).join(' '))).toEqual([
      'etc/svetofor.yaml:10:3 status.host',
      'etc/svetofor.yaml:2:3 kafka.brokers',
      'etc/svetofor.yaml:4:26 kafka.tls.cert_file',
      'etc/svetofor.yaml:1:1 kafka.tls.enabled',
      'etc/svetofor.yaml:5:10 kafka.sasl.mechanism',
      'etc/svetofor.yaml:1:1 kafka.dlq_topic',
      'etc/svetofor.yaml:6:14 clickhouse.url',
      'etc/svetofor.yaml:1:1 clickhouse.rollup_retention_days',
      'etc/svetofor.yaml:1:1 ingest.partition_queue_bytes_max',
      'etc/svetofor.yaml:8:9 rules.shipped'
    ])
  })

  it('refuses a standby with a source whose members share the work', () => {
    expect(load('kafka: {standby: true}').kafka.standby).toBe(true)
    for (const source of ['kafkajs', 'node-rdkafka']) {
      const [problem, ...others] = problemsOf(() => load(`kafka: {standby: true, source: ${source}}`))
      expect(others).toEqual([])
      expect(problem).toMatch(/^etc\/svetofor\.yaml:1:9: kafka\.standby: .*; set kafka\.source: batch/)
      expect(problem).toContain(source)
    }
  })

  it('refuses a drain that the rebalance leaves no time for, by the limit of the source', () => {
    const problems = (yaml: string) => problemsOf(() => load(yaml))
    const drain = (ms: number): string => `ingest: {drain_ms_max: ${ms}}`
    expect(load(`kafka: {rebalance_timeout_ms: 20000}\n${drain(16_000)}`).ingest.drain_ms_max).toBe(16_000)
    const [tooLong] = problems(`kafka: {rebalance_timeout_ms: 20000}\n${drain(16_001)}`)
    expect(tooLong).toMatch(/^etc\/svetofor\.yaml:2:10: ingest\.drain_ms_max/)
    expect(tooLong).toMatch(/of kafka\.rebalance_timeout_ms, 16000 ms are left.*lower it to 16000/s)
    // Also where only one of the two was given.
    expect(problems('kafka: {rebalance_timeout_ms: 8000}')).toHaveLength(1)
    expect(problems(`kafka: {source: kafkajs, session_timeout_ms: 20000}\n${drain(14_001)}`)[0]).toMatch(
      /kafka\.session_timeout_ms, 14000 ms/
    )
    expect(
      load(`kafka: {source: node-rdkafka, session_timeout_ms: 20000}\n${drain(14_001)}`).ingest.drain_ms_max
    ).toBe(14_001)
  })

  it('says when a file cannot be read, or is given twice', () => {
    expect(
      problemsOf(() =>
        loadConfig({
          file: 'a.yaml',
          env: {},
          readFile: () => {
            throw new Error('ENOENT')
          }
        })
      )
    ).toEqual(['a.yaml:1:1: cannot be read: ENOENT; name an existing file with --config'])
    expect(problemsOf(() => load('clickhouse: {password_file: gone}'))).toEqual([
      'etc/svetofor.yaml:1:14: clickhouse.password_file: etc/gone cannot be read: ENOENT: no such file; name a file that this user may read'
    ])
    expect(
      problemsOf(() =>
        load('clickhouse: {password_file: pw}', { SVETOFOR_CLICKHOUSE_PASSWORD: 'x' }, { 'etc/pw': 'y' })
      )
    ).toEqual([
      'etc/svetofor.yaml:1:14: clickhouse.password_file: given beside clickhouse.password; give one of the two'
    ])
    expect(problemsOf(() => load('kafka: ['))[0]).toMatch(/^etc\/svetofor\.yaml:1:9: not valid YAML/)
  })
})

describe('settings', () => {
  it('have unique variables, a meaning and a valid default', () => {
    expect(new Set(settings.map(s => s.variable)).size).toBe(settings.length)
    for (const setting of settings) {
      expect(setting.about, setting.key).toMatch(/\.$/)
      expect(Value.Check(setting.schema as never, setting.default), setting.key).toBe(true)
      if (setting.content)
        expect(
          settings.map(s => s.key),
          `${setting.key} needs a file beside it`
        ).toContain(`${setting.key}_file`)
    }
  })

  it('are documented as they are: run `npm run docs` when this fails', () => {
    expect(readFileSync(join(packageRoot, 'docs', 'configuration.md'), 'utf8')).toBe(configurationDoc())
  })
})
