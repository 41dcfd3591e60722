import { configSections, otherVariables, type Setting } from './reading.ts'

/** docs/configuration.md, made from the schema: `npm run docs` writes it, a test compares it. */
export function configurationDoc(): string {
  const lines = [
    '# Configuration',
    '',
    '<!-- Made by `npm run docs` from schemas/config/schema.ts. Change it there. -->',
    '',
    'Svetofor reads one YAML file, `svetofor.yaml` or the one named by `--config` or `SVETOFOR_CONFIG`. Every key has a',
    'default, so an empty file is valid. `svetofor check` reports everything that is wrong in it at once, with line,',
    'column and what to do.',
    '',
    '- **Environment.** Each setting has a variable: `SVETOFOR_`, then its path in capitals with `_` between the parts.',
    '  It wins over the file. Lists are separated by commas. A variable with this prefix that names no setting is an',
    '  error, save those that Kubernetes makes for a service called `svetofor`.',
    '- **Secrets** stand in a file named by the `…_file` key beside them, or in the environment; never in this file.',
    '  They are not written to the log.',
    "- **Paths** in the file are relative to the file's folder; in the environment, to the working directory.",
    '- **Units** end the names: `_ms`, `_s`, `_days`, `_bytes`. `_max` is a limit.',
    '',
    '```yaml',
    'kafka:',
    '  brokers: [kafka-1:9092, kafka-2:9092]',
    '  topics: [telemetry]',
    'clickhouse:',
    '  url: http://clickhouse:8123',
    '  password_file: secrets/clickhouse',
    'inventory:',
    '  files: [network.yaml]',
    'home:',
    '  cities: [Казань]',
    '```',
    ''
  ]
  for (const section of configSections) {
    lines.push(`## ${section.key === '' ? 'At the top' : `\`${section.key}\``}`, '')
    if (section.about !== '') lines.push(section.about, '')
    if (section.settings.length === 0) continue
    lines.push('| key | allowed | default | meaning |', '|---|---|---|---|')
    for (const setting of section.settings) lines.push(row(setting))
    lines.push('')
  }
  lines.push('## Variables', '', '| variable | setting |', '|---|---|')
  for (const section of configSections)
    for (const setting of section.settings) lines.push(`| \`${setting.variable}\` | \`${setting.key}\` |`)
  for (const variable of otherVariables) lines.push(`| \`${variable}\` | path of the file itself |`)
  return `${lines.join('\n')}\n`
}

function row(setting: Setting): string {
  const key = setting.path.at(-1) ?? ''
  const note = setting.secret ? ` Only by \`${setting.variable}\` or \`${key}_file\`.` : ''
  const allowed = setting.allowed.replaceAll('|', '\\|')
  return `| \`${key}\` | ${allowed} | ${defaultText(setting)} | ${setting.about.replaceAll('|', '\\|')}${note} |`
}

function defaultText(setting: Setting): string {
  const value = setting.default
  if (value === '' || (Array.isArray(value) && value.length === 0)) return 'none'
  return `\`${Array.isArray(value) ? value.join(', ') : String(value)}\``
}
