import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../schemas/package-root.ts'
import { textFormats } from '../schemas/records/formats/formats.ts'
import { metricsDoc } from '../status/http/metrics.ts'
import { everyMetric } from './support/every-metric.ts'
import { rulesSchemaDoc, shippedRulesDoc } from './support/shipped-rules.ts'

const read = (file: string): string => readFileSync(join(packageRoot, file), 'utf8')
const pages = [
  ...readdirSync(packageRoot).filter(name => name.endsWith('.md')),
  ...readdirSync(join(packageRoot, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.md'))
    .map(name => join('docs', name))
]

describe('documentation', () => {
  it('lists every metric as it is registered (npm run docs)', () => {
    expect(read('docs/metrics.md')).toBe(metricsDoc(everyMetric()))
  })

  it('lists the shipped rules as they are (npm run docs)', () => {
    expect(read('docs/shipped-rules.md')).toBe(shippedRulesDoc())
  })

  it('has the form of rules files for editors as it is read (npm run docs)', () => {
    expect(read('docs/rules.schema.json')).toBe(rulesSchemaDoc())
  })

  it.each(pages)('%s links only to what is there', page => {
    const broken = [...read(page).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
      .map(match => match[1]!)
      .filter(target => !/^[a-z]+:/.test(target) && !existsSync(join(packageRoot, dirname(page), target)))
    expect(broken).toEqual([])
  })

  it('names files that exist in the page on extending, and stays short', () => {
    const page = read('docs/extending.md')
    const named = [...page.matchAll(/`([\w.-]+(?:\/[\w.-]*)*\/?)`/g)]
      .map(match => match[1]!)
      .filter(name => name.includes('/') || /\.(?:ts|md|json|ya?ml)$/.test(name))
    expect(named.length).toBeGreaterThan(40)
    expect(named.filter(file => !existsSync(join(packageRoot, file)))).toEqual([])
    expect(page.split('\n').length).toBeLessThan(200)
  })

  it('is right that a format of text is named in at most five product files besides its own', () => {
    const folders = [
      'daemon',
      'embedded',
      'ingest',
      'rules',
      'schemas',
      'status',
      'topology',
      'workers',
      'deploy'
    ]
    for (const { name } of textFormats) {
      const naming = folders
        .flatMap(folder =>
          readdirSync(join(packageRoot, folder), { recursive: true, encoding: 'utf8' }).map(file =>
            join(folder, file)
          )
        )
        .filter(file => /\.(ts|js|yaml|conf)$/.test(file) && !file.endsWith('.test.ts'))
        .filter(file => file !== join('schemas', 'records', 'formats', `${name}.ts`))
        .filter(file => read(file).toLowerCase().includes(name))
      expect(naming.length, naming.join(', ')).toBeGreaterThan(0)
      expect(naming.length, naming.join(', ')).toBeLessThanOrEqual(5)
    }
  })

  it('names files that exist in the architecture page', () => {
    const named = [
      ...read('docs/ARCHITECTURE.md').matchAll(
        /`((?:daemon|embedded|ingest|rules|workers|status|topology|schemas|test)\/[\w./-]+\.ts)`/g
      )
    ]
    const missing = named.map(match => match[1]!).filter(file => !existsSync(join(packageRoot, file)))
    expect(named.length).toBeGreaterThan(5)
    expect(missing).toEqual([])
  })

  it('keeps the performance page to one page', () => {
    const lines = read('docs/performance.md').trimEnd().split('\n')
    expect(lines.length).toBeLessThanOrEqual(120)
    expect(lines.filter(line => line.length > 160)).toEqual([])
  })

  // Tables are as wide as their cells; two references are written by the program.
  it.each(pages.filter(page => !/(configuration|metrics)\.md$/.test(page)))(
    '%s has no line of prose that is a wall',
    page => {
      const walls = read(page)
        .split('\n')
        .filter(line => !line.startsWith('|') && line.length > 220)
      expect(walls).toEqual([])
    }
  )

  const ways = [
    ...read('docs/ARCHITECTURE.md').matchAll(/^## (The way of an? [a-z ]+)\n([\s\S]*?)(?=^## )/gm)
  ].map(([, title, text]) => ({
    title: title!,
    hops: [...text!.matchAll(/^\d+\. (.*)/gm)].map(hop => hop[1]!)
  }))

  it('names the ways of a record, of a flip and of an address query', () => {
    expect(ways.map(({ title }) => title)).toEqual([
      'The way of a record',
      'The way of a flip',
      'The way of an address query'
    ])
  })

  /** A hop begins with its file and its function, such as `a/b.ts` `createC().method`. */
  it.each(ways)('$title has at most eight hops, and each is in the code', ({ hops }) => {
    expect(hops.length).toBeGreaterThan(3)
    expect(hops.length).toBeLessThanOrEqual(8)
    const untrue = hops.filter(hop => {
      const [, file, name, method] = /^`([\w./-]+\.ts)` `(\w+)(?:\(\)\.(\w+))?`: /.exec(hop) ?? []
      if (file === undefined || !existsSync(join(packageRoot, file))) return true
      const code = read(file)
      const isExported = new RegExp(`^export (async )?(function|const|class) ${name}\\b`, 'm').test(code)
      return !isExported || (method !== undefined && !new RegExp(`\\b${method}\\b\\s*[(:,]`).test(code))
    })
    expect(untrue).toEqual([])
  })

  it('names folders that exist in the table of folders', () => {
    const named = [...read('docs/ARCHITECTURE.md').matchAll(/^\| `([\w/]+\/)` /gm)].map(match => match[1]!)
    expect(named.length).toBeGreaterThan(20)
    expect(named.filter(folder => !existsSync(join(packageRoot, folder)))).toEqual([])
  })
})
