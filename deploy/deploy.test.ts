import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Registry, collectDefaultMetrics } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { packageRoot } from '../schemas/package-root.ts'
import { expandSql, panelQueries, readDashboards } from '../test/support/dashboards.ts'

const read = (...path: string[]): string => readFileSync(join(packageRoot, ...path), 'utf8')

/**
 * The names of every series the daemon can give: what the metrics.ts files name, histograms with their parts, and
 * prom-client's own of the process. Read off the sources, so that no part has to be built here.
 */
async function knownMetrics(): Promise<Set<string>> {
  const names = ['daemon', 'ingest', 'workers', 'status'].flatMap(folder =>
    readdirSync(join(packageRoot, folder), { recursive: true, encoding: 'utf8' })
      .filter(file => file.endsWith('metrics.ts'))
      .flatMap(file => [...read(folder, file).matchAll(/'(svetofor_\w+)'/g)].map(m => m[1] ?? ''))
  )
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  names.push(...(await registry.getMetricsAsJSON()).map(metric => metric.name))
  return new Set(names.flatMap(name => [name, `${name}_bucket`, `${name}_count`, `${name}_sum`]))
}
const namesIn = (promql: string): string[] =>
  [...promql.matchAll(/\b(?:svetofor|process|nodejs)_\w+/g)].map(m => m[0])

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: Record<string, string>
  readonly annotations: Record<string, string>
}
const rules = (
  parse(read('deploy/prometheus/svetofor.rules.yml')) as { groups: { rules: Rule[] }[] }
).groups.flatMap(group => group.rules)

describe('dashboards', () => {
  it('ask for metrics that exist', async () => {
    const known = await knownMetrics()
    const asked = panelQueries().filter(q => q.language === 'promql')
    const unknown = asked.flatMap(q =>
      namesIn(q.text)
        .filter(name => !known.has(name))
        .map(name => `${q.dashboard}, ${q.panel}: ${name}`)
    )
    expect(unknown).toEqual([])
    expect(asked.length).toBeGreaterThan(30)
    for (const query of asked) expect(namesIn(query.text), query.panel).not.toEqual([])
  })

  it('name data sources that are provisioned, have their own ids, and say what each panel shows', () => {
    const provisioned = parse(read('deploy/grafana/provisioning/datasources/svetofor.yaml')) as {
      datasources: { uid: string }[]
    }
    const uids = new Set(provisioned.datasources.map(source => source.uid))
    const dashboards = readDashboards()
    expect(new Set(dashboards.map(d => d.dashboard.uid)).size).toBe(dashboards.length)
    for (const { dashboard } of dashboards)
      for (const panel of dashboard.panels) {
        expect(panel.title).not.toBe('')
        for (const target of panel.targets ?? []) expect(uids).toContain(target.datasource.uid)
      }
  })

  it('use only macros and variables that are known', () => {
    const time = { fromMs: 0, toMs: 60_000, intervalS: 10 }
    for (const query of panelQueries().filter(q => q.language === 'sql'))
      expect(expandSql(query.text, time, { node: 'ku-1', device: 'ku-1-sw1' })).not.toContain('$')
  })
})

describe('alert rules', () => {
  it('ask for metrics that exist', async () => {
    const known = await knownMetrics()
    const names = rules.flatMap(rule => namesIn(`${rule.expr} ${JSON.stringify(rule.annotations)}`))
    expect(names.filter(name => !known.has(name))).toEqual([])
  })

  it('say what is wrong and what to do, for whom', () => {
    for (const rule of rules) {
      expect(rule.annotations['summary'], rule.alert).not.toBe('')
      expect(rule.annotations['description'], rule.alert).not.toBe('')
      expect(['noc', 'platform']).toContain(rule.labels['team'])
    }
  })

  it('are each tested', () => {
    const tests = read('deploy/prometheus/svetofor.rules.test.yml')
    for (const rule of rules) expect(tests, rule.alert).toContain(rule.alert)
  })
})

interface Service {
  readonly image?: string
  readonly build?: string
  readonly restart?: string
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean }
  readonly depends_on?: Record<string, unknown>
  readonly volumes?: readonly string[]
  readonly ports?: readonly string[]
}

describe('docker-compose.yml', () => {
  const compose = parse(read('docker-compose.yml')) as {
    services: Record<string, Service>
    volumes: Record<string, unknown>
  }
  const services = Object.entries(compose.services)

  it('pins every image to a version', () => {
    for (const [name, { image }] of services) expect(image, name).toMatch(/^[\w./-]+:v?\d+\.\d+[\w.-]*$/)
    for (const image of read('Dockerfile').matchAll(/^FROM (\S+)/gm))
      expect(image[1]).toMatch(/^node:24\.\d+\.\d+-/)
  })

  it('watches the health of everything that stays, and opens ports on this machine only', () => {
    for (const [name, service] of services) {
      for (const port of service.ports ?? []) expect(port, name).toMatch(/^127\.0\.0\.1:/)
      if (service.restart === undefined || name === 'city') continue
      expect(service.healthcheck?.test?.length, name).toBeGreaterThan(0)
    }
  })

  it('mounts files that exist into services that exist', () => {
    for (const [name, service] of services) {
      for (const other of Object.keys(service.depends_on ?? {}))
        expect(compose.services).toHaveProperty(other)
      for (const volume of service.volumes ?? []) {
        const source = volume.split(':')[0] ?? ''
        if (source.startsWith('.'))
          expect(existsSync(join(packageRoot, source)), `${name}: ${source}`).toBe(true)
        else expect(compose.volumes, name).toHaveProperty(source)
      }
    }
  })

  it('has everything the path needs', () => {
    expect(Object.keys(compose.services)).toEqual(
      expect.arrayContaining([
        'kafka',
        'clickhouse',
        'prometheus',
        'alertmanager',
        'grafana',
        'telegraf',
        'svetofor'
      ])
    )
  })

  it('keeps no secret in the repository', () => {
    const texts = [
      'docker-compose.yml',
      'deploy/svetofor/svetofor.yaml',
      'deploy/prometheus/prometheus.yml',
      'deploy/grafana/provisioning/datasources/svetofor.yaml'
    ].map(file => read(file))
    for (const text of texts)
      for (const [, value] of text.matchAll(/^\s*\w*(?:password|token|secret)\w*:[ \t]*(\S.*)$/gim))
        expect(value).toMatch(/\/run\/svetofor\/|^\{|^'?\$__file/)
  })
})

describe('Dockerfile', () => {
  const dockerfile = read('Dockerfile')
  it('runs without root, and copies folders that exist', () => {
    expect(dockerfile).toMatch(/^USER node$/m)
    for (const [, path] of dockerfile.matchAll(/COPY --from=build \/app\/(\S+) \.\//g)) {
      if (path === 'node_modules' || path === 'dist') continue
      expect(existsSync(join(packageRoot, path ?? '')), path).toBe(true)
    }
  })
})

describe('alertmanager.yml', () => {
  interface Route {
    readonly receiver: string
    readonly routes?: readonly Route[]
  }
  const config = parse(read('deploy/alertmanager/alertmanager.yml')) as {
    route: Route
    receivers: Record<string, unknown>[]
  }
  it('sends the resolution to every receiver it is given', () => {
    for (const receiver of config.receivers)
      for (const [kind, list] of Object.entries(receiver))
        if (kind.endsWith('_configs'))
          for (const one of list as { send_resolved?: boolean }[]) expect(one.send_resolved).toBe(true)
    expect(config.receivers.map(r => r['name'])).toEqual(
      expect.arrayContaining(['noc', 'platform', 'nobody'])
    )
  })
})

describe('.github/workflows/ci.yml', () => {
  it('is well-formed and runs every supported Node line', () => {
    const workflow = parse(read('.github/workflows/ci.yml')) as {
      jobs: Record<string, { strategy?: { matrix?: { node?: number[] } }; steps: { run?: string }[] }>
    }
    const lines = Object.values(workflow.jobs).flatMap(job => job.strategy?.matrix?.node ?? [])
    expect(lines).toEqual(expect.arrayContaining([20, 22, 24, 26]))
    const commands = Object.values(workflow.jobs).flatMap(job => job.steps.map(step => step.run ?? ''))
    expect(commands.join('\n')).toContain('npm test')
  })
})
