import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** What a test broker is given: its properties, users and certificates. */

const run = promisify(execFile)

export interface KafkaOptions {
  /** Topics made by themselves on first use get this many partitions. */
  readonly partitions?: number
  /** Lines added to server.properties. */
  readonly properties?: Readonly<Record<string, string>>
  /** Heap of the broker, MiB. */
  readonly heapMiB?: number
  /** True lets the JVM compile fully: slower to start, faster under a benchmark's load. */
  readonly fullSpeed?: boolean
  /** True never takes the brokers of KAFKA_BROKERS: for tests that kill the broker. */
  readonly own?: boolean
}

export interface KafkaUser {
  readonly username: string
  readonly password: string
}

export interface Layout {
  readonly user: KafkaUser
  readonly ports: { plain: number; tls: number; sasl: number; controller: number }
  readonly bindHost: string
  /** Folder as the broker sees it. */
  readonly dir: string
  readonly options: KafkaOptions
}

export function serverProperties(layout: Layout): string {
  const { ports, bindHost, dir, user, options } = layout
  const jaas = (module: string, rest: string): string =>
    `org.apache.kafka.common.security.${module} required ${rest};`
  const properties: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${ports.controller}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://${bindHost}:${ports.plain},SSL://${bindHost}:${ports.tls},SASL_PLAINTEXT://${bindHost}:${ports.sasl},CONTROLLER://127.0.0.1:${ports.controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${ports.plain},SSL://127.0.0.1:${ports.tls},SASL_PLAINTEXT://127.0.0.1:${ports.sasl}`,
    'listener.security.protocol.map':
      'PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': `${dir}/server.pem`,
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'listener.name.sasl_plaintext.plain.sasl.jaas.config': jaas(
      'plain.PlainLoginModule',
      `user_${user.username}="${user.password}"`
    ),
    'listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config': jaas('scram.ScramLoginModule', ''),
    'listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config': jaas('scram.ScramLoginModule', ''),
    'log.dirs': `${dir}/data`,
    'num.partitions': String(options.partitions ?? 1),
    'offsets.topic.num.partitions': '4',
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.num.partitions': '2',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'share.coordinator.state.topic.num.partitions': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
    'message.max.bytes': '8388608',
    // A broker that was killed must not make its restart wait for the old session to run out.
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
    'num.network.threads': '2',
    'num.io.threads': '4',
    'background.threads': '2',
    'log.cleaner.dedupe.buffer.size': '4194304',
    'log.flush.scheduler.interval.ms': '9223372036854775807',
    ...options.properties
  }
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')
}

/** Makes a certificate authority and the broker's certificate in `dir`; returns the authority's PEM. */
export async function makeCertificates(dir: string): Promise<string> {
  const path = (name: string): string => join(dir, name)
  const openssl = (...args: string[]): Promise<unknown> =>
    run('openssl', args, { timeout: 20_000 }).catch((error: unknown) => {
      throw new Error("openssl could not make the test broker's certificate; is it installed?", {
        cause: error
      })
    })
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  await openssl(
    'req',
    '-x509',
    ...ec,
    '-days',
    '2',
    '-subj',
    '/CN=Svetofor test CA',
    '-keyout',
    path('ca.key'),
    '-out',
    path('ca.crt')
  )
  await openssl(
    'req',
    ...ec,
    '-subj',
    '/CN=localhost',
    '-keyout',
    path('server.key'),
    '-out',
    path('server.csr')
  )
  await writeFile(path('san.cnf'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
  await openssl(
    'x509',
    '-req',
    '-in',
    path('server.csr'),
    '-CA',
    path('ca.crt'),
    '-CAkey',
    path('ca.key'),
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    path('san.cnf'),
    '-out',
    path('server.crt')
  )
  const [key, certificate, ca] = await Promise.all(
    ['server.key', 'server.crt', 'ca.crt'].map(name => readFile(path(name), 'utf8'))
  )
  await writeFile(path('server.pem'), `${key ?? ''}${certificate ?? ''}${ca ?? ''}`)
  return ca ?? ''
}

export function newLayout(
  ports: readonly number[],
  dir: string,
  bindHost: string,
  options: KafkaOptions
): Layout {
  const [plain = 0, tls = 0, sasl = 0, controller = 0] = ports
  return {
    user: { username: 'svetofor', password: 'secret-of-the-test' },
    ports: { plain, tls, sasl, controller },
    bindHost,
    dir,
    options
  }
}

export function formatArguments(layout: Layout): string[] {
  const scram = `[name=${layout.user.username},password=${layout.user.password}]`
  return [
    'format',
    '--cluster-id',
    // The tool takes an id that begins with a dash for an option.
    randomBytes(16).toString('base64url').replace(/^-/, 'A'),
    '--config',
    `${layout.dir}/server.properties`,
    '--add-scram',
    `SCRAM-SHA-256=${scram}`,
    '--add-scram',
    `SCRAM-SHA-512=${scram}`
  ]
}
