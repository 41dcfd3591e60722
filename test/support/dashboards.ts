import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../schemas/package-root.ts'

/** One query of a Grafana panel or variable, as it stands in the dashboard's file. */
export interface PanelQuery {
  readonly dashboard: string
  readonly panel: string
  readonly language: 'promql' | 'sql'
  readonly text: string
  /** Grafana's time series need a time column and numbers; a table takes anything. */
  readonly timeSeries: boolean
}

interface Panel {
  readonly title: string
  readonly type: string
  readonly targets?: readonly {
    readonly datasource: { readonly uid: string }
    readonly expr?: string
    readonly rawSql?: string
    readonly queryType?: string
  }[]
}
export interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: string }[] }
}

const folder = join(packageRoot, 'deploy', 'grafana', 'dashboards')

export function readDashboards(): readonly { readonly file: string; readonly dashboard: Dashboard }[] {
  return readdirSync(folder)
    .filter(name => name.endsWith('.json'))
    .map(file => ({
      file,
      dashboard: JSON.parse(readFileSync(join(folder, file), 'utf8')) as Dashboard
    }))
}

export function panelQueries(): readonly PanelQuery[] {
  const queries: PanelQuery[] = []
  for (const { file, dashboard } of readDashboards()) {
    for (const variable of dashboard.templating.list)
      queries.push({
        dashboard: file,
        panel: `variable ${variable.name}`,
        language: 'sql',
        text: variable.query,
        timeSeries: false
      })
    for (const panel of dashboard.panels)
      for (const target of panel.targets ?? []) {
        const sql = target.rawSql
        queries.push({
          dashboard: file,
          panel: panel.title,
          language: sql === undefined ? 'promql' : 'sql',
          text: sql ?? target.expr ?? '',
          timeSeries: target.queryType === 'timeseries'
        })
      }
  }
  return queries
}

/** What Grafana's ClickHouse plugin makes of a query before it sends it: macros and variables replaced. */
export function expandSql(
  sql: string,
  time: { readonly fromMs: number; readonly toMs: number; readonly intervalS: number },
  variables: Readonly<Record<string, string>>
): string {
  const at = (ms: number): string => `toDateTime(${Math.floor(ms / 1000)})`
  return sql
    .replaceAll(/\$__timeFilter\((\w+)\)/g, `$1 >= ${at(time.fromMs)} AND $1 <= ${at(time.toMs)}`)
    .replaceAll(
      /\$__timeInterval\((\w+)\)/g,
      `toStartOfInterval(toDateTime($1), INTERVAL ${time.intervalS} second)`
    )
    .replaceAll(/\$\{(\w+)\}/g, (whole, name: string) => variables[name] ?? whole)
}
