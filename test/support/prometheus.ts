import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort, programOrSkip, startServer } from './server-process.ts'

export interface RunningPrometheus {
  readonly url: string
  /** The value of an instant query, one entry a series. Throws with Prometheus' own words on a bad query. */
  query(expression: string): Promise<PrometheusSample[]>
  alerts(): Promise<PrometheusAlert[]>
  /** Waits until the check holds of the query's answer; throws with the last answer when it does not in time. */
  waitFor(
    expression: string,
    holds: (samples: PrometheusSample[]) => boolean,
    msMax: number
  ): Promise<PrometheusSample[]>
  stop(): Promise<void>
}
interface PrometheusSample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}
interface PrometheusAlert {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly state: 'pending' | 'firing' | 'inactive'
}

export interface PrometheusOptions {
  /** `host:port` of what is scraped at /metrics as job `svetofor`. */
  readonly targets: readonly string[]
  /** Files of alert rules. */
  readonly ruleFiles?: readonly string[]
  /** `host:port` of Alertmanagers. */
  readonly alertmanagers?: readonly string[]
  /** Scrape and rule evaluation interval (s). */
  readonly intervalS?: number
  readonly bearerToken?: string
}

/** The Prometheus program, or undefined (said loudly) where there is none. */
export const prometheusProgram = (): string | undefined => programOrSkip(['prometheus'], 'prometheus')

/** Starts a real Prometheus on a free loopback port with its data in a temporary folder. */
export async function startPrometheus(options: PrometheusOptions): Promise<RunningPrometheus> {
  const program = prometheusProgram()
  if (program === undefined) throw new Error('prometheus is not installed')
  const folder = await mkdtemp(join(tmpdir(), 'svetofor-prometheus-'))
  const port = await freePort()
  const interval = `${options.intervalS ?? 1}s`
  // JSON is YAML, so the configuration needs no writer of its own.
  const config = {
    global: { scrape_interval: interval, evaluation_interval: interval },
    rule_files: options.ruleFiles ?? [],
    alerting: { alertmanagers: [{ static_configs: [{ targets: options.alertmanagers ?? [] }] }] },
    scrape_configs: [
      {
        job_name: 'svetofor',
        static_configs: [{ targets: options.targets }],
        ...(options.bearerToken === undefined
          ? {}
          : { authorization: { type: 'Bearer', credentials: options.bearerToken } })
      }
    ]
  }
  const configFile = join(folder, 'prometheus.yml')
  await writeFile(configFile, JSON.stringify(config))
  const url = `http://127.0.0.1:${port}`
  const server = await startServer(
    program,
    [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--rules.alert.resend-delay=1s',
      '--log.level=warn'
    ],
    `${url}/-/ready`
  )
  const ask = async <T>(path: string): Promise<T> => {
    const response = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(10_000) })
    const answer = (await response.json()) as { status: string; error?: string; data: T }
    if (answer.status !== 'success')
      throw new Error(`prometheus: ${answer.error ?? response.statusText} (${path})`)
    return answer.data
  }
  const query = async (expression: string): Promise<PrometheusSample[]> => {
    const data = await ask<{
      resultType: string
      result: { metric: Record<string, string>; value: [number, string] }[] | [number, string]
    }>(`/api/v1/query?query=${encodeURIComponent(expression)}`)
    if (data.resultType === 'scalar') return [{ labels: {}, value: Number(data.result[1]) }]
    return (data.result as { metric: Record<string, string>; value: [number, string] }[]).map(series => ({
      labels: series.metric,
      value: Number(series.value[1])
    }))
  }
  return {
    url,
    query,
    alerts: async () => (await ask<{ alerts: PrometheusAlert[] }>('/api/v1/alerts')).alerts,
    waitFor: async (expression, holds, msMax) => {
      const deadline = Date.now() + msMax
      for (;;) {
        const samples = await query(expression)
        if (holds(samples)) return samples
        if (Date.now() > deadline)
          throw new Error(`prometheus: ${expression} is still ${JSON.stringify(samples)} after ${msMax} ms`)
        await sleep(200)
      }
    },
    stop: async () => {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    }
  }
}
