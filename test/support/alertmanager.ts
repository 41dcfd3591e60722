import { createServer } from 'node:http'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse } from 'yaml'
import { packageRoot } from '../../schemas/package-root.ts'
import { freePort, programOrSkip, startServer } from './server-process.ts'

/** One notification as Alertmanager's webhook sends it: a group of alerts, firing or resolved. */
interface Notification {
  readonly receiver: string
  readonly status: 'firing' | 'resolved'
  readonly groupLabels: Readonly<Record<string, string>>
  readonly alerts: readonly NotifiedAlert[]
}
interface NotifiedAlert {
  readonly status: 'firing' | 'resolved'
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly startsAt: string
  readonly endsAt: string
}

export interface RunningAlertmanager {
  readonly url: string
  /** `host:port`, as Prometheus wants it. */
  readonly target: string
  /** What the webhook receiver was sent, in order. */
  readonly notifications: readonly Notification[]
  /** The alerts Alertmanager holds now. */
  alerts(): Promise<{ labels: Record<string, string>; status: { state: string } }[]>
  waitForNotification(holds: (one: Notification) => boolean, msMax: number): Promise<Notification>
  stop(): Promise<void>
}

export interface AlertmanagerOptions {
  /** A configuration file's text in which `WEBHOOK_URL` stands for the receiver; left out: one group an incident. */
  readonly config?: (webhookUrl: string) => string
}

/** The Alertmanager program, or undefined (said loudly) where there is none. Debian names it differently. */
export const alertmanagerProgram = (): string | undefined =>
  programOrSkip(['alertmanager', 'prometheus-alertmanager'], 'prometheus-alertmanager')

/** Starts a real Alertmanager on a free loopback port, with a webhook receiver that keeps what it is sent. */
export async function startAlertmanager(options: AlertmanagerOptions = {}): Promise<RunningAlertmanager> {
  const program = alertmanagerProgram()
  if (program === undefined) throw new Error('alertmanager is not installed')
  const notifications: Notification[] = []
  const webhook = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      notifications.push(JSON.parse(Buffer.concat(chunks).toString()) as Notification)
      response.end()
    })
  })
  webhook.listen(0, '127.0.0.1')
  await once(webhook, 'listening')
  const address = webhook.address()
  const webhookPort = typeof address === 'object' && address !== null ? address.port : 0
  const webhookUrl = `http://127.0.0.1:${webhookPort}/`
  const folder = await mkdtemp(join(tmpdir(), 'svetofor-alertmanager-'))
  const configFile = join(folder, 'alertmanager.yml')
  await writeFile(configFile, (options.config ?? quickConfig)(webhookUrl))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const server = await startServer(
    program,
    [
      `--config.file=${configFile}`,
      `--storage.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      // Empty: no gossip with others, and no port opened for it.
      '--cluster.listen-address=',
      '--log.level=warn'
    ],
    `${url}/-/ready`
  )
  return {
    url,
    target: `127.0.0.1:${port}`,
    notifications,
    alerts: async () => {
      const response = await fetch(`${url}/api/v2/alerts`, { signal: AbortSignal.timeout(10_000) })
      return (await response.json()) as { labels: Record<string, string>; status: { state: string } }[]
    },
    waitForNotification: async (holds, msMax) => {
      const deadline = Date.now() + msMax
      for (;;) {
        const found = notifications.find(holds)
        if (found !== undefined) return found
        if (Date.now() > deadline)
          throw new Error(
            `alertmanager: no such notification within ${msMax} ms; got ${JSON.stringify(notifications)}`
          )
        await sleep(100)
      }
    },
    stop: async () => {
      await server.stop()
      webhook.closeAllConnections()
      webhook.close()
      await rm(folder, { recursive: true, force: true })
    }
  }
}

const quickConfig = (webhookUrl: string): string =>
  JSON.stringify({
    route: {
      receiver: 'test',
      group_by: ['alertname', 'incident'],
      group_wait: '1s',
      group_interval: '1s',
      repeat_interval: '1h'
    },
    receivers: [{ name: 'test', webhook_configs: [{ url: webhookUrl, send_resolved: true }] }]
  })

/**
 * deploy/alertmanager/alertmanager.yml with its receivers at the webhook, and what changes in a group told a second later: only
 * of these receivers where they are named.
 */
export function shippedRouting(webhookUrl: string, receivers?: readonly string[]): string {
  const config = parse(
    readFileSync(join(packageRoot, 'deploy', 'alertmanager', 'alertmanager.yml'), 'utf8')
  ) as {
    route: Record<string, unknown>
    receivers: { name: string; webhook_configs?: unknown }[]
  }
  config.route['group_interval'] = '1s'
  for (const receiver of config.receivers)
    if (receivers?.includes(receiver.name) ?? receiver.name !== 'nobody')
      receiver.webhook_configs = [{ url: webhookUrl, send_resolved: true }]
  return JSON.stringify(config)
}
