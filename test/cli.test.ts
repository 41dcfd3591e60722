import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { youngSpace } from '../daemon/process/v8.ts'
import { packageRoot } from '../schemas/package-root.ts'
import { heedsSignals, runProduct, runToEnd } from './support/product.ts'

// Each test starts programs of their own, one of which tries for a while to reach a broker.
vi.setConfig({ testTimeout: 60_000 })
const folder = mkdtempSync(join(tmpdir(), 'svetofor-cli-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const goodInventory = `
nodes:
  - { id: core, tier: core, name: ЦУ, parents: [] }
  - { id: du-1, tier: building, name: ДУ 1, parents: [core], addresses: ['ул. Ленина, 1'] }
devices:
  - { id: sw-1, node: du-1, role: switch, identifiers: [10.0.0.1] }
`

describe('svetofor', () => {
  it('is started with the same young space as a command, by npm and in the image', () => {
    const read = (name: string): string => readFileSync(join(packageRoot, name), 'utf8')
    expect(read('cli.ts').split('\n')[0]).toBe(`#!/usr/bin/env -S node ${youngSpace}`)
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    for (const name of ['start', 'svetofor', 'bench'])
      expect(scripts[name]).toContain(`node ${youngSpace} dist/`)
    expect(read('Dockerfile')).toContain(`ENTRYPOINT ["node", "${youngSpace}", "dist/cli.js"]`)
  })

  it('tells its version', async () => {
    const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
      version: string
    }
    expect(await runToEnd(['--version'])).toEqual({ code: 0, output: `${version}\n` })
  })

  it('helps with every command, by example', async () => {
    const { code, output } = await runToEnd(['--help'])
    expect(code).toBe(0)
    for (const command of ['start', 'check', 'migrate', 'lookup', 'demo', 'simulate'])
      expect(output).toMatch(new RegExp(`^  ${command} .*\\S`, 'm'))
    expect(output).toContain('svetofor lookup "ул. Тютчева, 1"')
    expect((await runToEnd(['start', '--help'])).output).toMatch(/SIGHUP .*SIGTERM/s)
  })

  it.each([
    [['strat'], /unknown command 'strat'.*start/s],
    [['start', '--confg', 'x'], /unknown option '--confg'/],
    [['demo', '--port', 'many'], /--port.*whole number from 0 to 65535/s],
    [['simulate', '--format', 'csv'], /Allowed choices are/],
    [['simulate', '--flat-out'], /--count|--duration/]
  ])('refuses %j with exit code 2 and a sentence', async (args, sentence) => {
    const { code, output } = await runToEnd(args)
    expect(output).toMatch(sentence)
    expect(output).not.toMatch(/\n\s+at /)
    expect(code).toBe(2)
  })
})

describe('svetofor start', () => {
  /** Nobody is there: what is shown is who heeds a signal when. */
  const config = file(
    'nobody.yaml',
    `kafka: { brokers: ['127.0.0.1:1'] }
clickhouse: { url: 'http://127.0.0.1:1' }
status: { port: 0 }
workers: { threads: 0, series_max: 1000, devices_max: 1000 }
shutdown_ms_max: 2000
`
  )

  it('lives through SIGHUP from its first line on, and stops in order before it is ready', async () => {
    const daemon = runProduct(['start', '--config', config])
    await heedsSignals(daemon.pid)
    expect(daemon.output()).toBe('')
    const hangUps = setInterval(() => daemon.signal('SIGHUP'), 5)
    await daemon.said('status endpoint', 20_000)
    clearInterval(hangUps)
    daemon.signal('SIGTERM')
    expect(await daemon.ended(20_000)).toEqual({ code: 0, signal: null })
    expect(daemon.output()).toMatch(/"msg":"stopped"/)
  })

  it('ends at once and well by SIGTERM while it is only loading', async () => {
    const daemon = runProduct(['start', '--config', config])
    await heedsSignals(daemon.pid)
    daemon.signal('SIGTERM')
    expect(await daemon.ended(10_000)).toEqual({ code: 0, signal: null })
    expect(daemon.output()).toBe('')
  })
})

describe('svetofor check', () => {
  it('counts what it found correct', async () => {
    file('inventory.yaml', goodInventory)
    const config = file('good.yaml', 'inventory: { files: [inventory.yaml] }\n')
    const { code, output } = await runToEnd(['check', '--config', config])
    expect(output).toMatch(/^All correct: 2 nodes, 1 devices, \d+ rules, \d+ profile files\.\n$/)
    expect(code).toBe(0)
  })

  it('warns with the place, and takes warnings for errors where it is told to', async () => {
    file('doubtful.yaml', goodInventory.replace("'ул. Ленина, 1'", "'ул. Ленина'"))
    const config = file('doubtful-config.yaml', 'inventory: { files: [doubtful.yaml] }\n')
    const { code, output } = await runToEnd(['check', '--config', config])
    expect(output).toMatch(
      /doubtful\.yaml:4:\d+: nodes\[1\]\.addresses\[0\]: warning: address "ул\. Ленина" has no house; /
    )
    expect(output).toMatch(/^Correct, with 1 warning: 2 nodes/m)
    expect(code).toBe(0)
    expect((await runToEnd(['check', '--strict', '--config', config])).code).toBe(2)
  })

  it('tells of captured records which profile takes them, whose they are and what becomes of each field', async () => {
    file('inventory.yaml', goodInventory)
    const config = file('sampled.yaml', 'inventory: { files: [inventory.yaml] }\n')
    const record = (name: string, tags: object): string =>
      JSON.stringify({
        name,
        fields: { ifOperStatus: 2, mtu: 9 },
        tags,
        timestamp: Math.floor(Date.now() / 1000)
      })
    const good = record('interface', { agent_host: '10.0.0.1', ifIndex: '3' })
    const sample = file('sample.txt', `${good}\n\n${record('interface', { ifIndex: '3' })}\nnonsense\n`)
    const { code, output } = await runToEnd(['check', '--config', config, '--sample', sample])
    expect(output).toMatch(
      /sample\.txt:1:\n {2}telegraf "interface": taken by if-mib, measurement interface\n/
    )
    expect(output).toMatch(/device 10\.0\.0\.1 \(sw-1 of node du-1\), instance 3, at 20/)
    expect(output).toMatch(/if\.oper_status = down \(ifOperStatus is 2\)\n {4}not asked for: mtu\n/)
    expect(output).toMatch(/sample\.txt:3:\n {2}telegraf "interface": cannot be read: .* names a device/)
    expect(output).toMatch(/sample\.txt:4: cannot be read: .*not valid JSON/)
    expect(output).toMatch(/\n1 of 3 records are read wholly\.\n$/)
    expect(code).toBe(2)
    const whole = file('whole.txt', good)
    expect((await runToEnd(['check', '--config', config, '--sample', whole])).code).toBe(0)
    const missing = await runToEnd(['check', '--config', config, '--sample', 'nowhere.txt'])
    expect(missing.output).toMatch(/^nowhere\.txt: cannot be read: .*; correct the path/m)
    expect(missing.code).toBe(2)
  })

  it('names every fault of config, inventory, rules and profiles at once, each with place and remedy', async () => {
    file('bad-inventory.yaml', goodInventory.replace('tier: building', 'tier: house'))
    file(
      'bad-rules.yaml',
      'rules:\n  - { name: x, kind: power, severity: awful, select: { signal: ups.chrge_pct } }\n'
    )
    file('bad-profile.yaml', 'profile: mine\nformat: telegrf\nmeasurements: []\n')
    const config = file(
      'bad.yaml',
      [
        'kafka: { brokrs: [localhost:9092] }',
        'log: { level: loud }',
        'inventory: { files: [bad-inventory.yaml, missing.yaml] }',
        'rules: { files: [bad-rules.yaml] }',
        'profiles: { files: [bad-profile.yaml] }'
      ].join('\n')
    )
    for (const command of ['check', 'start']) {
      const { code, output } = await runToEnd([command, '--config', config])
      for (const place of [
        /bad\.yaml:1:\d+: kafka\.brokrs: .*; did you mean kafka\.brokers\?/,
        /bad\.yaml:2:\d+: log\.level: .*; .*info/,
        /bad-inventory\.yaml:4:\d+: .*du-1.* has no known tier; .*building/,
        /missing\.yaml: cannot be read .*; correct the path/,
        /bad-rules\.yaml:2:\d+: .*severity.*; /,
        /bad-profile\.yaml:2:\d+: .*format.*; /
      ])
        expect(output).toMatch(place)
      expect(output).not.toMatch(/\n\s+at /)
      expect(code).toBe(2)
    }
  })

  it('says where a configuration is looked for that is not there', async () => {
    const { code, output } = await runToEnd(['start', '--config', join(folder, 'nowhere.yaml')])
    expect(output).toMatch(/nowhere\.yaml.*cannot be read.*name an existing file with --config/)
    expect(code).toBe(2)
  })
})

describe('svetofor lookup', () => {
  let server: Server
  let url = ''
  beforeAll(async () => {
    server = createServer((request, response) => {
      const address = new URL(request.url ?? '', 'http://x').searchParams.get('address') ?? ''
      response.setHeader('content-type', 'application/problem+json')
      response.statusCode = address === 'broken' ? 500 : 404
      response.end(
        JSON.stringify({
          status: response.statusCode,
          detail: 'No',
          ...(address === 'broken' ? {} : { candidates: [] })
        })
      )
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const at = server.address()
    url = `http://127.0.0.1:${typeof at === 'object' && at !== null ? at.port : 0}`
  })
  afterAll(() => server.close())

  it('ends with 5 and what to do when nobody answers', async () => {
    const { code, output } = await runToEnd(['lookup', 'Ленина 1', '--url', 'http://127.0.0.1:9', '-l', 'en'])
    expect(output).toMatch(/127\.0\.0\.1:9/)
    expect(code).toBe(5)
  })

  it('ends with 4 for an unknown address and with 5 for a broken answer', async () => {
    expect((await runToEnd(['lookup', 'nowhere', '--url', url])).code).toBe(4)
    expect((await runToEnd(['lookup', 'broken', '--url', url])).code).toBe(5)
  })

  it('ends with 5, not with the 2 of a red light, when it is called wrongly', async () => {
    const { code, output } = await runToEnd(['lookup'])
    expect(output).toMatch(/give an address, or '--csv <file>' with many/)
    expect(code).toBe(5)
  })
})

describe('svetofor simulate', () => {
  it('writes the inventory of a city that check finds correct', async () => {
    const inventory = join(folder, 'city.ndjson')
    const { code, output } = await runToEnd([
      'simulate',
      ...['--nodes', '200', '--inventory', inventory, '--inventory-only']
    ])
    expect(output).toMatch(/inventory of 200 nodes and \d+ devices/)
    expect(code).toBe(0)
    const checked = await runToEnd(['check'], { env: { SVETOFOR_INVENTORY_FILES: inventory } })
    expect(checked.output).toMatch(/^All correct: 200 nodes/)
  })

  it('asks for a file when only the inventory is wanted', async () => {
    const { code, output } = await runToEnd(['simulate', '--inventory-only'])
    expect(output).toMatch(/--inventory/)
    expect(code).toBe(2)
  })

  it('says in one sentence that no broker answers', async () => {
    const { code, output } = await runToEnd(['simulate', '--brokers', '127.0.0.1:9', '--nodes', '200'])
    expect(output.trim().split('\n').at(-1)).toMatch(/nothing can be sent to .*127\.0\.0\.1:9.*check that/)
    expect(code).toBe(1)
  })
})
