import { existsSync } from 'node:fs'
import { pino } from 'pino'
import { chromium, type Browser, type Page } from 'playwright-core'
import { Registry } from 'prom-client'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { axeFindings } from '../test/support/axe.ts'
import { createFakeView, type FakeView } from '../test/support/fake-view.ts'
import { createStatusServer, type StatusServer } from './http/server.ts'

const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'
const present = existsSync(executablePath)
if (!present && process.env['CI'] === undefined) {
  console.warn(
    `SKIPPED: the operator page is not tested, there is no Chromium at ${executablePath} (CHROMIUM_PATH)`
  )
}

/** Where a skip is not allowed the tests run, and fail at the launch with the path that was tried. */
describe.skipIf(!present && process.env['CI'] === undefined)('the operator page in Chromium', () => {
  let browser: Browser
  let server: StatusServer
  let view: FakeView
  let page: Page
  let url = ''
  let port = 0
  /** Errors of the page: none is expected in any test, save the answers a test asks for. */
  let wrong: string[] = []

  const startServer = async (tokens: readonly string[] = [], buildings = 10): Promise<void> => {
    view = createFakeView({
      districts: 3,
      areasPerDistrict: 3,
      campusesPerArea: 4,
      buildingsPerCampus: buildings,
      nowMs: Date.now
    })
    server = await createStatusServer({
      view,
      history: view,
      registry: new Registry(),
      logger: pino({ enabled: false }),
      host: '127.0.0.1',
      port,
      tokens,
      version: '1.2.3',
      processMetrics: false
    })
    url = (await server.listen()).url
    port = Number(new URL(url).port)
  }
  const open = async (options: Parameters<Browser['newPage']>[0] = {}): Promise<Page> => {
    page = await browser.newPage({ locale: 'ru-RU', viewport: { width: 1280, height: 860 }, ...options })
    page.on('pageerror', error => wrong.push(error.message))
    page.on('console', message => {
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
        wrong.push(message.text())
      }
    })
    return page
  }
  const textOf = async (selector: string): Promise<string> => (await page.textContent(selector)) ?? ''

  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync'
      ]
    })
  })
  afterAll(async () => browser?.close())
  beforeEach(() => {
    wrong = []
    port = 0
  })
  afterEach(async () => {
    await page.close()
    await server.close()
    expect(wrong).toEqual([])
  })

  it('answers for an address by keyboard alone, and goes on showing it live', async () => {
    await startServer()
    await open()
    await page.goto(url)
    await page.waitForSelector('.tile.green strong')
    await page.keyboard.type('тютчева')
    await page.waitForSelector('#suggestions li')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    expect(await page.getAttribute('#address', 'aria-activedescendant')).toBe('suggestion-1')
    await page.keyboard.press('Enter')
    await page.waitForSelector('.answer.green')
    expect(await textOf('.answer h1')).toBe('ул. Тютчева, 2')
    expect(await textOf('.answer .word')).toBe('Норма')
    expect(new URL(page.url()).searchParams.get('address')).toBe('ул. Тютчева, 2')

    await page.waitForSelector('.pulse.live')
    view.fail('ku-1-1-1', { kind: 'power', severity: 'critical' })
    await page.waitForSelector('.answer.grey')
    expect(await textOf('.answer .word')).toBe('Нет данных')
    expect(await textOf('.says')).toContain('авария выше, на узле КУ Северный 1/1')
    expect(await textOf('.facts')).toContain('11 узлов')
    await expect.poll(() => textOf('#incidents')).toContain('КУ Северный 1/1')
    expect(await textOf('#incidents-count')).toBe('1')
    await expect.poll(() => textOf('[data-id="ku-1-1-1"]')).toContain('КУ Северный 1/1, КУ: Авария')
    await expect.poll(() => textOf('[data-id="ou-1"]')).toContain('Нет данных: 10')
    expect(await textOf('#say')).toContain('Нет данных')

    view.clear('ku-1-1-1')
    await page.waitForSelector('.answer.green')
    await expect.poll(() => textOf('#incidents')).toContain('Аварий нет')
  })

  it('offers the nearest addresses and never guesses a building', async () => {
    await startServer()
    await open()
    await page.goto(url)
    await page.fill('#address', 'Мира')
    await page.keyboard.press('Enter')
    await page.waitForSelector('.candidates button')
    expect(await textOf('.card h1')).toBe('Уточните дом')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.waitForSelector('.answer')
    expect(await textOf('.answer h1')).toBe('пр-т Мира, 3')
    await page.goBack()
    await page.waitForSelector('.candidates button')
    await page.goBack()
    await page.waitForSelector('.tiles')
  })

  it('shows the evidence of an alarm and the history, and keeps both open while it refreshes', async () => {
    await startServer()
    view.fail('du-1-1-1-1', { kind: 'optics', severity: 'warning' })
    view.setHistory([{ atMs: Date.now() - 60_000, kind: 'light', data: { from: 'green', to: 'yellow' } }])
    await open()
    await page.goto(`${url}/?node=du-1-1-1-1`)
    await page.click('.alarms summary')
    expect(await textOf('.evidence')).toContain('-27,4 dBm')
    expect(await textOf('.evidence')).toContain('тема telemetry, раздел 3, смещение 184467')
    await page.click('.history-button button')
    await page.waitForSelector('.history li')
    await page.waitForSelector('.pulse.live')
    view.fail('ou-1', { kind: 'link', severity: 'minor' })
    await page.waitForSelector('.way li.yellow')
    expect(await page.getAttribute('.alarms details', 'open')).toBe('')
    expect(await page.locator('.history li').count()).toBe(1)
  })

  it('walks the tree by keyboard and shows only trouble when asked', async () => {
    await startServer()
    view.fail('ku-2-1-1', { kind: 'power', severity: 'critical' })
    await open()
    await page.goto(url)
    await page.waitForSelector('[data-id="ou-2"]')
    await page.locator('#address').blur()
    await page.keyboard.press('t')
    for (const key of ['ArrowDown', 'ArrowRight', 'ArrowDown', 'ArrowRight', 'ArrowDown']) {
      await page.keyboard.press(key)
      await page.waitForTimeout(200)
    }
    const active = await page.getAttribute('#tree', 'aria-activedescendant')
    expect(await page.getAttribute(`#${active ?? ''}`, 'aria-level')).toBe('4')
    await page.keyboard.press('Enter')
    await page.waitForSelector('.answer')
    await page.keyboard.press('f')
    await page.waitForSelector('#only-trouble[aria-pressed="true"]')
    await expect.poll(() => page.locator('.row').count()).toBeLessThanOrEqual(15)
    await expect.poll(() => page.locator('[data-id="ku-2-1-1"]').count()).toBe(1)
    expect(await page.locator('[data-id="ku-2-1-2"]').count()).toBe(0)
  })

  it('draws a few rows only of a network of 50,000 nodes', async () => {
    await startServer([], 1400)
    await open()
    const began = Date.now()
    await page.goto(url)
    await page.waitForSelector('[data-id="ou-1"]', { timeout: 20_000 })
    const shownAfterMs = Date.now() - began
    await page.goto(`${url}/?node=du-1-1-1-700`)
    await page.waitForSelector('[data-id="du-1-1-1-700"][aria-selected="true"]')
    expect(await page.locator('.row').count()).toBeLessThan(70)
    expect(shownAfterMs).toBeLessThan(15_000)
  })

  it('says that the data is stale, comes back by itself, and starts afresh with a restarted server', async () => {
    await startServer()
    await open()
    await page.goto(url)
    await page.waitForSelector('.pulse.live')
    await server.close()
    await page.waitForSelector('#banner:not([hidden])')
    expect(await textOf('#banner')).toContain('Связь с сервером потеряна')
    await startServer()
    view.fail('cu-1', { kind: 'link', severity: 'critical' })
    await page.waitForSelector('.pulse.live', { timeout: 30_000 })
    await page.waitForSelector('.tile.grey:not(.none)')
    await expect.poll(() => page.getAttribute('[data-id="cu-1"]', 'data-light')).toBe('red')
    expect(await page.isHidden('#banner')).toBe(true)
  })

  it('speaks both languages and remembers which', async () => {
    await startServer()
    await open()
    await page.goto(url)
    expect(await page.getAttribute('html', 'lang')).toBe('ru')
    await page.click('#language')
    expect(await page.getAttribute('html', 'lang')).toBe('en')
    expect(await textOf('.ask label')).toBe('What is wrong at this address?')
    await page.reload()
    await page.waitForSelector('.tile.green')
    expect(await page.getAttribute('html', 'lang')).toBe('en')
    expect(await textOf('.tile.green')).toContain('OK')
  })

  it('asks for a token where one is needed, and again after a wrong one', async () => {
    await startServer(['right-token'])
    await open()
    await page.goto(url)
    await page.waitForSelector('#token-dialog[open]')
    await page.fill('#token', 'wrong-token')
    await page.keyboard.press('Enter')
    await page.waitForSelector('#token-wrong:not([hidden])')
    await page.fill('#token', 'right-token')
    await page.keyboard.press('Enter')
    await page.waitForSelector('.tile.green')
    await page.waitForSelector('.pulse.live')
    expect(await page.locator('#token-dialog[open]').count()).toBe(0)
    await page.reload()
    await page.waitForSelector('.pulse.live')
    expect(await page.locator('#token-dialog[open]').count()).toBe(0)
  })

  it('says of a site on its battery when it goes dark, in the answer and in the list of incidents', async () => {
    await startServer()
    view.fail('ku-1-1-1', { kind: 'power', severity: 'critical' })
    await open()
    await page.goto(`${url}/?node=ku-1-1-1`)
    await page.waitForSelector('.answer.red')
    const said =
      /Батарея\s*работает от неё с \d\d:\d\d, погаснет около \d\d:\d\d \(\d\d:\d\d–\d\d:\d\d\); без связи тогда 11.узлов/
    expect(await textOf('.facts')).toMatch(said)
    await expect
      .poll(() => textOf('#incidents'))
      .toMatch(/КУ Северный 1\/1: погаснет около \d\d:\d\d \(\d\d:\d\d–\d\d:\d\d\)/)
  })

  it('lists its keys, and fits a narrow screen', async () => {
    await startServer()
    view.fail('ku-1-1-1', { kind: 'power', severity: 'critical' })
    await open({ viewport: { width: 360, height: 740 } })
    for (const path of ['/', '/?node=ku-1-1-1', `/?address=${encodeURIComponent('Тютчева 2')}`]) {
      await page.goto(url + path)
      await page.waitForSelector('.card')
      await page.waitForSelector('.incidents')
      const spare = await page.evaluate(() => {
        const root = (globalThis as unknown as { document: { documentElement: { scrollWidth: number } } })
          .document
        return 360 - root.documentElement.scrollWidth
      })
      expect(spare, path).toBeGreaterThanOrEqual(0)
    }
    await page.locator('#address').blur()
    await page.keyboard.press('?')
    await page.waitForSelector('#help[open]')
    expect(await textOf('#help')).toContain('только неисправное')
    await page.keyboard.press('Escape')
    expect(await page.locator('#help[open]').count()).toBe(0)
  })

  it.each([
    { language: 'ru-RU', colorScheme: 'light', width: 1280, zoom: 1 },
    { language: 'en-GB', colorScheme: 'dark', width: 1280, zoom: 1 },
    { language: 'ru-RU', colorScheme: 'dark', width: 390, zoom: 1 },
    // A screen of 1,280 pixels at 200 % is one of 640 to the page.
    { language: 'en-GB', colorScheme: 'light', width: 640, zoom: 2 }
  ] as const)(
    'has no finding of axe-core on any screen: $language, $colorScheme, $width px at $zoom',
    async ({ language, colorScheme, width, zoom }) => {
      await startServer()
      view.fail('ku-1-1-1', { kind: 'power', severity: 'critical' })
      view.fail('du-2-1-1-1', { kind: 'optics', severity: 'warning' })
      view.setMaintenance('ku-1-1-1', true)
      view.setHistory([{ atMs: Date.now() - 60_000, kind: 'light', data: { from: 'green', to: 'yellow' } }])
      await open({
        locale: language,
        colorScheme,
        viewport: { width, height: 860 },
        deviceScaleFactor: zoom
      })
      const address = (text: string): string => `/?address=${encodeURIComponent(text)}`
      const screens: readonly [path: string, selector: string, act?: () => Promise<unknown>][] = [
        ['/', '.tiles'],
        ['/?node=ku-1-1-1', '.answer.red'],
        ['/?node=du-2-1-1-1', '.answer.yellow', () => page.click('.alarms summary')],
        ['/?node=du-1-1-1-1', '.answer.grey', () => page.click('.history-button button')],
        [address('Мира'), '.candidates button'],
        [address('Нигдейская 77'), '.card h1'],
        [
          '/',
          '.tiles',
          () => page.fill('#address', 'тютчева').then(() => page.waitForSelector('#suggestions li'))
        ],
        [
          '/',
          '.tiles',
          () => page.click('#only-trouble').then(() => page.waitForSelector('[data-id="ku-1-1-1"]'))
        ],
        ['/', '.tiles', () => page.click('#help-button')]
      ]
      for (const [path, selector, act] of screens) {
        await page.goto(url + path)
        await page.waitForSelector(selector)
        await page.waitForSelector('.incidents')
        await page.waitForSelector('[data-id="ou-1"]')
        await act?.()
        expect(await axeFindings(page), path).toEqual([])
      }
      await server.close()
      await startServer(['token'])
      await page.goto(url)
      await page.waitForSelector('#token-dialog[open]')
      expect(await axeFindings(page), 'token').toEqual([])
    }
  )

  it('obeys T, I, F and L wherever the focus is but in a text field', async () => {
    await startServer()
    view.fail('ku-2-1-1', { kind: 'power', severity: 'critical' })
    await open()
    await page.goto(url)
    await page.waitForSelector('.incidents a')
    await page.waitForSelector('[data-id="ou-1"]')
    const isFocused = (selector: string): Promise<boolean> =>
      page.evaluate<boolean>(`document.activeElement?.closest(${JSON.stringify(selector)}) !== null`)
    const places = [
      '#language',
      '#filter-kind',
      '#only-trouble',
      '#incidents a',
      '#tree',
      '.skip',
      'form button'
    ]
    for (const place of places) {
      await page.locator(place).first().focus()
      await page.keyboard.press('t')
      expect(await isFocused('#tree'), place).toBe(true)
      await page.locator(place).first().focus()
      await page.keyboard.press('i')
      expect(await isFocused('#incidents'), place).toBe(true)
      await page.locator(place).first().focus()
      for (const pressed of ['true', 'false']) {
        await page.keyboard.press('f')
        expect(await page.getAttribute('#only-trouble', 'aria-pressed'), place).toBe(pressed)
      }
      for (const language of ['en', 'ru']) {
        await page.keyboard.press('l')
        expect(await page.getAttribute('html', 'lang'), place).toBe(language)
      }
    }
    await page.click('#help-button')
    await page.keyboard.press('t')
    expect(await isFocused('#tree')).toBe(true)
    await page.focus('#address')
    await page.keyboard.type('tifl')
    expect(await page.inputValue('#address')).toBe('tifl')
    expect(await page.getAttribute('html', 'lang')).toBe('ru')
  })

  it('shows the house number in the tree of a screen of 390 px', async () => {
    await startServer()
    view.fail('du-1-1-1-1', { kind: 'optics', severity: 'warning' })
    await open({ viewport: { width: 390, height: 844 } })
    await page.goto(`${url}/?node=du-1-1-1-1`)
    const tail = page.locator('[data-id="du-1-1-1-1"] .row-tail')
    await tail.waitFor()
    expect(await tail.textContent()).toBe(', 2')
    const cut = await page.evaluate(`(() => {
      const rows = [...document.querySelectorAll('.row')].filter(row => row.querySelector('.row-tail'))
      return rows.filter(row => {
        const tail = row.querySelector('.row-tail')
        return tail.scrollWidth > tail.clientWidth || tail.getBoundingClientRect().right > row.getBoundingClientRect().right
      }).length
    })()`)
    expect(cut).toBe(0)
  })

  it('filters and pages the incidents, with the true count in the heading', async () => {
    await startServer([], 40)
    for (let area = 1; area <= 3; area++)
      for (let campus = 1; campus <= 4; campus++)
        for (let house = 1; house <= 40; house++)
          view.fail(`du-${1 + (house % 3)}-${area}-${campus}-${house}`, {
            kind: house % 2 === 0 ? 'optics' : 'power',
            severity: 'warning'
          })
    await open()
    await page.goto(url)
    await expect.poll(() => textOf('#incidents-count')).toBe('480')
    expect(await page.locator('#incidents li').count()).toBe(100)
    await page.click('#incidents .more')
    await expect.poll(() => page.locator('#incidents li').count()).toBe(200)
    await page.selectOption('#filter-kind', 'optics')
    await expect.poll(() => textOf('#incidents-count')).toBe('240 / 480')
    await page.selectOption('#filter-district', 'ou-2')
    await expect.poll(() => textOf('#incidents-count')).toBe('84 / 480')
    await page.selectOption('#filter-tier', 'campus')
    await expect.poll(() => textOf('#incidents')).toContain('Таких аварий нет')
    view.fail('ku-2-1-1', { kind: 'optics', severity: 'critical' })
    await expect.poll(() => textOf('#incidents-count')).toBe('1 / 481')
    await page.selectOption('#filter-tier', '')
    await page.selectOption('#filter-district', '')
    await page.selectOption('#filter-kind', '')
    await expect.poll(() => textOf('#incidents-count')).toBe('481')
  })

  it.each(['light', 'dark'] as const)(
    'keeps WCAG AA contrast of every text in the %s scheme',
    async colorScheme => {
      await startServer()
      view.fail('ku-1-1-1', { kind: 'power', severity: 'critical' })
      view.fail('du-2-1-1-1', { kind: 'optics', severity: 'warning' })
      view.setMaintenance('ku-1-1-1', true)
      await open({ colorScheme })
      for (const path of ['/', '/?node=ku-1-1-1', '/?node=du-2-1-1-1', '/?node=du-1-1-1-1', '/?node=cu-1']) {
        await page.goto(url + path)
        await page.waitForSelector(path === '/' ? '.tiles' : '.answer')
        await page.waitForSelector('.incidents')
        expect(await page.evaluate(lowContrast), path).toEqual([])
      }
    }
  )
})

/** Runs in the page: the texts whose contrast with the ground behind them is under 4.5:1. */
const lowContrast = `(() => {
  const parse = text => (text.match(/[\\d.]+/g) ?? []).map(Number)
  const luminance = ([r, g, b]) => {
    const part = c => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4)
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b)
  }
  const groundOf = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor)
      if (colour.length === 3 || colour[3] > 0.99) return colour
    }
    return [255, 255, 255]
  }
  const low = []
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement
    if (!node.textContent.trim() || !element.checkVisibility() || element.closest('.hidden, .skip, noscript')) continue
    const [a, b] = [luminance(parse(getComputedStyle(element).color)), luminance(groundOf(element))]
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
    if (ratio < 4.5) low.push(ratio.toFixed(2) + ' ' + element.className + ': ' + node.textContent.trim().slice(0, 40))
  }
  return low
})()`
