import { existsSync } from 'node:fs'
import { pino } from 'pino'
import { chromium } from 'playwright-core'
import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { createLargeNetwork } from '../bench/support/large-network.ts'
import { createStatusServer } from './http/server.ts'

const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'
const isSkipped = !existsSync(executablePath) && process.env['CI'] === undefined
if (isSkipped) console.warn(`SKIPPED: the page at 200,000 nodes, there is no Chromium at ${executablePath}`)

const nodes = 200_000
const incidents = 1220
const longTaskMsMax = 100
const visitsMax = 3

describe.skipIf(isSkipped)('the operator page at 200,000 nodes', () => {
  it('counts right, stays quick and goes on live', async () => {
    const network = await createLargeNetwork(nodes)
    const { inventory, view } = network
    const buildings = Array.from({ length: inventory.nodeCount }, (_, node) => node).filter(
      node => inventory.tierOf(node) === 'building'
    )
    const step = Math.floor(buildings.length / incidents)
    network.fail(buildings.filter((_, i) => i % step === 0).slice(0, incidents), 'red')
    const server = await createStatusServer({
      view,
      history: { nodeHistory: () => Promise.resolve([]), latestReadings: () => Promise.resolve([]) },
      registry: new Registry(),
      logger: pino({ enabled: false }),
      host: '127.0.0.1',
      port: 0,
      tokens: [],
      version: 'test',
      processMetrics: false
    })
    const { url } = await server.listen()
    const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
    const visit = async (): Promise<number> => {
      const page = await browser.newPage({ locale: 'ru-RU', viewport: { width: 1280, height: 860 } })
      await page.addInitScript(`
        globalThis.longTasks = []
        new PerformanceObserver(list => {
          for (const { duration } of list.getEntries()) longTasks.push(duration)
        }).observe({ type: 'longtask', buffered: true })
      `)
      const digits = async (selector: string): Promise<number> =>
        Number(((await page.textContent(selector)) ?? '').replace(/\D/g, ''))
      await page.goto(url)
      await page.waitForSelector('.pulse.live')
      await expect.poll(() => digits('#incidents-count')).toBe(incidents)
      await expect.poll(() => digits('.tile.red strong')).toBe(incidents)
      expect(await digits('.tile.green strong')).toBe(nodes - incidents)
      // The row of the core has the number of all that are red below it.
      await expect.poll(() => digits('#tree .row .badges')).toBe(incidents)
      await page.click('#only-trouble')
      await expect.poll(() => page.locator('#tree .row[data-light="red"]').count()).toBeGreaterThan(0)
      await page.evaluate(`document.querySelector('#tree').scrollTop = 3000`)
      await page.click('#incidents .more')
      await expect.poll(() => page.locator('#incidents li').count()).toBe(200)

      const more = buildings.filter((_, i) => i % step === 1).slice(0, 500)
      network.fail(more, 'red')
      await expect.poll(() => digits('#incidents-count'), { timeout: 10_000 }).toBe(incidents + 500)
      await expect.poll(() => digits('.tile.red strong'), { timeout: 10_000 }).toBe(incidents + 500)
      network.clear(more)
      await expect.poll(() => digits('#incidents-count'), { timeout: 10_000 }).toBe(incidents)
      const longest = await page.evaluate<number>('Math.max(0, ...longTasks)')
      console.log(`longest task of the page: ${longest.toFixed(0)} ms`)
      await page.close()
      return longest
    }
    try {
      // What else the machine does can only make a task longer: the shortest of a few visits is the page's own.
      let longest = Infinity
      for (let left = visitsMax; left > 0 && longest > longTaskMsMax; left--)
        longest = Math.min(longest, await visit())
      expect(longest).toBeLessThanOrEqual(longTaskMsMax)
    } finally {
      await browser.close()
      await server.close()
    }
  })
})
