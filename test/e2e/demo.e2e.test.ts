import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { alive, processTree, residentMib, runProduct, type Product } from '../support/product.ts'
import { freePort } from '../support/server-process.ts'
import { packageRoot } from '../../schemas/package-root.ts'
import { inTurn } from './turn.ts'

// `npm start` as a newcomer meets it. Times are counted from the start of the process.
const folder = mkdtempSync(join(tmpdir(), 'svetofor-demo-'))
const hasProc = existsSync('/proc/self/status')
const upMsMax = 20_000
const stopMsMax = 10_000
/** For a machine that is busy with other tests as well. */
const slackMs = 10_000
const memoryMibMax = 2560

let running: Product[] = []
afterEach(async () => {
  for (const product of running) {
    const tree = alive([product.pid]).length > 0 ? processTree(product.pid) : []
    for (const pid of tree) tryKill(pid)
    await product.ended(stopMsMax)
  }
  running = []
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone by itself.
  }
}

function startDemo(port: number, more: readonly string[] = [], env: Record<string, string> = {}): Product {
  const product = runProduct(['demo', '--data', folder, '--port', String(port), ...more], { env })
  running.push(product)
  return product
}

async function metric(url: string, name: string): Promise<number> {
  const answer = await fetch(`${url}/metrics`).catch(() => undefined)
  const text = (await answer?.text()) ?? ''
  return Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1] ?? 'NaN')
}

async function ask<T>(url: string): Promise<T | undefined> {
  const answer = await fetch(url).catch(() => undefined)
  return answer?.ok === true ? ((await answer.json()) as T) : undefined
}

interface Incidents {
  readonly items: readonly { readonly id: string; readonly root: string }[]
}
interface Summary {
  readonly lights: { readonly red: number; readonly yellow: number }
}
interface Alarms {
  readonly items: readonly { readonly id: string; readonly node: string; readonly raisedAtMs: number }[]
}
interface HistoryAnswer {
  readonly items: readonly {
    readonly kind: string
    readonly atMs: number
    readonly data: Readonly<Record<string, unknown>>
  }[]
}

async function eventually<T>(what: string, msMax: number, probe: () => Promise<T | undefined>): Promise<T> {
  const untilMs = Date.now() + msMax
  for (;;) {
    const found = await probe()
    if (found !== undefined) return found
    if (Date.now() > untilMs)
      throw new Error(`${what}: not within ${msMax} ms\n${running[0]?.output() ?? ''}`)
    await delay(100)
  }
}

/** The page's port answers, and every device of the city was heard. */
async function everyDeviceHeard(url: string, product: Product, msMax: number): Promise<void> {
  const drawn = /(\d+) devices is drawn up/.exec(await product.said(/devices is drawn up/, msMax))?.[1]
  await eventually('every device reports', msMax, async () =>
    (await metric(url, 'svetofor_devices_known')) === Number(drawn) ? true : undefined
  )
}

describe.sequential('svetofor demo', () => {
  let darkened = ''
  let alarmsBefore: Alarms['items'] = []

  /** How long it takes (ms) until the page is there, and until every device of the city was heard. */
  const startsUp = async (
    url: string,
    port: number
  ): Promise<{ demo: Product; upMs: number; heardMs: number }> => {
    const startedMs = Date.now()
    const demo = startDemo(port)
    await demo.said('Svetofor is up', upMsMax)
    const upMs = Date.now() - startedMs
    expect(await (await fetch(url)).text()).toContain('<title>')
    await everyDeviceHeard(url, demo, upMsMax - (Date.now() - startedMs))
    return { demo, upMs, heardMs: Date.now() - startedMs }
  }

  it('shows a living city within 20 s, in bounded memory, and stops in order', async () => {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const { demo, upMs, heardMs } = await inTurn(() => startsUp(url, port))
    const startedMs = Date.now() - heardMs

    // The first fault colours lights while a person is still looking.
    await eventually('a light that changed', upMsMax + slackMs, async () => {
      const lights = (await ask<Summary>(`${url}/api/v1/summary`))?.lights
      return lights !== undefined && lights.red + lights.yellow > 0 ? true : undefined
    })
    const changedMs = Date.now() - startedMs
    const incidents = await eventually('an incident', upMsMax, async () => {
      const found = await ask<Incidents>(`${url}/api/v1/incidents`)
      return found !== undefined && found.items.length > 0 ? found : undefined
    })
    darkened = incidents.items[0]?.root ?? ''
    expect(darkened).not.toBe('')
    expect(demo.output()).toContain(`(${darkened})`)

    let peakMib = 0
    while (hasProc && Date.now() - startedMs < 60_000) {
      peakMib = Math.max(peakMib, residentMib(processTree(demo.pid)))
      await delay(500)
    }
    expect(peakMib).toBeLessThan(memoryMibMax)
    alarmsBefore = (await ask<Alarms>(`${url}/api/v1/alarms`))?.items ?? []
    expect(alarmsBefore.length).toBeGreaterThan(0)

    // A second start in the same folder is refused with one sentence, and harms nothing.
    const second = startDemo(await freePort())
    expect((await second.ended(upMsMax)).code).toBe(1)
    expect(lastLines(second)).toEqual([
      expect.stringMatching(
        /^svetofor: the data folder .* is in use by process \d+: stop that one, or choose/
      )
    ])

    const tree = hasProc ? processTree(demo.pid) : []
    const stoppedMs = Date.now()
    demo.signal('SIGINT')
    expect(await demo.ended(stopMsMax)).toEqual({ code: 0, signal: null })
    expect(alive(tree)).toEqual([])
    expect(Date.now() - stoppedMs).toBeLessThan(stopMsMax)
    const order = [...demo.output().matchAll(/stopped: (.*)/g)].map(match => match[1])
    expect(order).toEqual(['simulator', 'Svetofor', 'Kafka broker', 'ClickHouse engine', 'data folder'])
    expect(alarming(demo.output())).toEqual([])
    console.log(
      `demo: up ${upMs} ms, every device heard ${heardMs} ms, first changed light ${changedMs} ms, peak ${Math.round(peakMib)} MiB`
    )
  })

  it('answers after a restart what happened before, and open alarms do not flap', () =>
    inTurn(async () => {
      const port = await freePort()
      const url = `http://127.0.0.1:${port}`
      const restartedMs = Date.now()
      const demo = startDemo(port)
      await demo.said('Svetofor is up', upMsMax)
      const history = await ask<HistoryAnswer>(
        `${url}/api/v1/nodes/${darkened}/history?from=${new Date(restartedMs - 600_000).toISOString()}`
      )
      expect(history?.items.filter(item => item.atMs < restartedMs).length).toBeGreaterThan(0)
      // At once, before any record, the alarms are those of before: same identity, same time of raising.
      await everyDeviceHeard(url, demo, upMsMax)
      // A raised alarm that was restored is not raised anew: a resource has each alarm once.
      const now = (await ask<Alarms>(`${url}/api/v1/alarms`))?.items ?? []
      const raisedBefore = new Map(alarmsBefore.map(alarm => [alarm.id, alarm.raisedAtMs]))
      for (const alarm of now)
        if (raisedBefore.has(alarm.id)) expect(alarm.raisedAtMs).toBe(raisedBefore.get(alarm.id))
      const again = (
        await ask<HistoryAnswer>(
          `${url}/api/v1/nodes/${darkened}/history?from=${new Date(restartedMs).toISOString()}`
        )
      )?.items
      const raisedAgain = again?.filter(item => item.kind === 'alarm' && item.data['change'] === 'raised')
      expect(raisedAgain?.filter(item => raisedBefore.has(String(item.data['id'])))).toEqual([])
      expect(alarming(demo.output())).toEqual([])
    }))

  it('leaves no process behind after kill -9, and starts again in the same folder', () =>
    inTurn(async () => {
      const first = startDemo(await freePort())
      await first.said('Svetofor is up', upMsMax)
      const tree = processTree(first.pid)
      expect(tree.length).toBeGreaterThanOrEqual(3)
      first.signal('SIGKILL')
      await first.ended(stopMsMax)
      await eventually('the children end', stopMsMax, () =>
        Promise.resolve(alive(tree).length === 0 ? true : undefined)
      )
      const next = startDemo(await freePort())
      await next.said('Svetofor is up', upMsMax)
      expect(alarming(next.output())).toEqual([])
      next.signal('SIGTERM')
      expect(await next.ended(stopMsMax)).toEqual({ code: 0, signal: null })
    }))

  it('says in one sentence that the port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const demo = startDemo(port)
    expect((await demo.ended(upMsMax)).code).toBe(1)
    server.close()
    expect(lastLines(demo)).toEqual([
      expect.stringMatching(new RegExp(`port ${port} .*is taken by another program; stop it, or`))
    ])
    expect(demo.output()).not.toMatch(/\n\s+at /)
  })

  it('feeds the city through memory where the native Kafka module is missing, and says so', () =>
    inTurn(async () => {
      const port = await freePort()
      const preload = join(packageRoot, 'test', 'support', 'no-native-kafka.cjs')
      const demo = startDemo(port, [], { NODE_OPTIONS: `--require ${preload}` })
      await demo.said('Svetofor is up', upMsMax)
      expect(demo.output()).toMatch(
        /no Kafka broker: the native Kafka module .*`npm rebuild node-rdkafka`.*through memory/
      )
      await everyDeviceHeard(`http://127.0.0.1:${port}`, demo, upMsMax)
      demo.signal('SIGINT')
      expect(await demo.ended(stopMsMax)).toEqual({ code: 0, signal: null })
      expect(alarming(demo.output())).toEqual([])
    }))
})

/** What it said when it gave up: everything but the progress, which is indented, and the title. */
/** What it says beside how far it has come. That a server is late on a busy machine is no part of the answer. */
function lastLines(product: Product): string[] {
  return product
    .output()
    .split('\n')
    .filter(line => /^\S/.test(line) && !line.startsWith('Svetofor ') && !/^\[[\d:.]+\] WARN: /.test(line))
}

/** Lines that would make a newcomer doubt. Incidents of the simulated city are what the demo is there to show. */
function alarming(output: string): string[] {
  return output
    .split('\n')
    .filter(line => !/WARN: incident opened: /.test(line))
    .filter(line => /warn|error|fail|fatal|exception|deprecat|\bat .*:\d+:\d+/i.test(line))
}
