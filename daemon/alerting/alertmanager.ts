import { incidentAlert, worseAlert, type Alert, type HeldIncident } from './alert-book.ts'

/** One Alertmanager, by its API v2 (https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml). */
export interface Alertmanager {
  readonly url: string
  /** Tells of alerts; those that are on hold until `expiresMs` (ms) where nothing more is heard. Throws what went wrong. */
  post(alerts: readonly Alert[], expiresMs: number): Promise<void>
  /** Incidents that it has been told of. Throws what went wrong. */
  held(): Promise<ReadonlyMap<string, HeldIncident>>
}

/** Alerts of one request: some hundred kilobytes. */
const postedMax = 500
const requestMsMax = 5000

export function connectAlertmanager(url: string, stopping: AbortSignal): Alertmanager {
  const base = url.replace(/\/+$/, '')
  // A signal of its own for each request: what AbortSignal.any makes is remembered by the one that lives as long as the daemon.
  const ask = async <T>(
    path: string,
    init: RequestInit,
    read: (from: Response) => Promise<T>
  ): Promise<T> => {
    const given = new AbortController()
    const giveUp = (): void => given.abort(new Error('the daemon stops'))
    const timer = setTimeout(
      () => given.abort(new Error(`no answer in ${requestMsMax / 1000} s`)),
      requestMsMax
    )
    stopping.addEventListener('abort', giveUp)
    try {
      const response = await fetch(`${base}/api/v2/${path}`, { ...init, signal: given.signal })
      if (response.ok) return await read(response)
      throw new Error(`it answered ${response.status}: ${(await response.text()).slice(0, 200)}`)
    } finally {
      clearTimeout(timer)
      stopping.removeEventListener('abort', giveUp)
    }
  }
  return {
    url,
    async post(alerts, expiresMs) {
      for (let from = 0; from < alerts.length; from += postedMax) {
        const body = alerts
          .slice(from, from + postedMax)
          .map(({ labels, annotations, startsMs, endedMs }) => ({
            labels,
            annotations,
            startsAt: new Date(startsMs).toISOString(),
            endsAt: new Date(endedMs ?? expiresMs).toISOString()
          }))
        const request = {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body)
        }
        await ask('alerts', request, response => response.arrayBuffer())
      }
    },
    async held() {
      const filter = encodeURIComponent(`alertname=~"${incidentAlert}|${worseAlert}"`)
      const held = await ask(
        `alerts?filter=${filter}`,
        {},
        response => response.json() as Promise<HeldAlert[]>
      )
      const found = new Map<string, HeldIncident>()
      for (const { labels, startsAt } of held) {
        const startsMs = Date.parse(startsAt)
        const { incident } = labels
        if (incident === undefined || Number.isNaN(startsMs)) continue
        const known = found.get(incident) ?? { labels: undefined, worseMs: undefined }
        const isWorse = labels['alertname'] === worseAlert
        found.set(incident, isWorse ? { ...known, worseMs: startsMs } : { ...known, labels })
      }
      return found
    }
  }
}

interface HeldAlert {
  readonly labels: Readonly<Record<string, string>>
  readonly startsAt: string
}
