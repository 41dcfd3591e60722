import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../schemas/package-root.ts'
import { metricsDoc } from '../status/http/metrics.ts'
import { everyMetric } from './support/every-metric.ts'

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

  it.each(pages)('%s links only to what is there', page => {
    const broken = [...read(page).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
      .map(match => match[1]!)
      .filter(target => !/^[a-z]+:/.test(target) && !existsSync(join(packageRoot, dirname(page), target)))
    expect(broken).toEqual([])
  })

  it('names files that exist in the architecture page', () => {
    const named = [
      ...read('docs/ARCHITECTURE.md').matchAll(
        /`((?:ingest|rules|workers|status|topology|schemas|test)\/[\w./-]+\.ts)`/g
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
})
