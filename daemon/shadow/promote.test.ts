import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readConfig } from '../configuration.ts'
import { promoteCommand, promoted } from './promote.ts'

const rule = (limit: number): string => `rules:
  - name: t.hot
    kind: power
    severity: minor
    scope: device
    select: { signal: ups.temp_c }
    above: ${limit}
    text: { ru: Жарко, en: Hot }
`
const withBoth = `# of the city
kafka:
  brokers: ['k1:9092', k2:9092]   # both of them
rules:
  # what counts
  files:
    - live.yaml # since spring
  # what is tried
  shadow:
    - trial.yaml   # stricter
    # and another
    - more.yaml
status: { port: 8080 }
`

describe('the text of a configuration', () => {
  it('changes in the two lists alone; all else and its comments stay', () => {
    expect(promoted(withBoth, 'svetofor.yaml')).toBe(`# of the city
kafka:
  brokers: ['k1:9092', k2:9092]   # both of them
rules:
  # what counts
  files:
    - trial.yaml   # stricter
    # and another
    - more.yaml
  # what is tried
  shadow: []
status: { port: 8080 }
`)
  })

  it.each([
    [
      'rules: { files: [a.yaml], shadow: [b.yaml, "c d.yaml"] }\n',
      'rules: { files: [b.yaml, "c d.yaml"], shadow: [] }\n'
    ],
    ['rules: { shadow: [b.yaml] }', 'rules: { files: [b.yaml], shadow: [] }'],
    ['rules:\n  shadow:\n  - b.yaml\nhome: {}\n', 'rules:\n  files:\n  - b.yaml\n  shadow: []\nhome: {}\n'],
    ['rules:\n  files: []\n  shadow:\n    - b.yaml', 'rules:\n  files:\n    - b.yaml\n  shadow: []'],
    [
      '{"rules": {"shadow": ["b.yaml"], "files": ["a.yaml"]}}',
      '{"rules": {"shadow": [], "files": ["b.yaml"]}}'
    ]
  ])('whatever form they have: %j', (before, after) => {
    expect(promoted(before, 'svetofor.yaml')).toBe(after)
  })

  it.each([
    ['rules:\n  ? shadow\n  : [b.yaml]\n'],
    ['x: &list [b.yaml]\nrules: { shadow: *list }'],
    ['home: {}'],
    ['rules: [']
  ])('that cannot be changed safely is refused: %j', text => {
    expect(() => promoted(text, 'svetofor.yaml')).toThrow(/svetofor\.yaml/)
  })
})

describe('svetofor rules promote', () => {
  let folder: string
  let file: string
  let said: string[]
  let server: Server | undefined
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'svetofor-promote-'))
    file = join(folder, 'svetofor.yaml')
    said = []
    writeFileSync(file, withBoth)
    writeFileSync(join(folder, 'live.yaml'), rule(50))
    writeFileSync(join(folder, 'trial.yaml'), rule(40))
    writeFileSync(join(folder, 'more.yaml'), 'rules: []\n')
  })
  afterEach(() => {
    server?.close()
    server = undefined
    rmSync(folder, { recursive: true })
  })
  const promote = async (url = 'http://127.0.0.1:1', configFile = file): Promise<number> =>
    promoteCommand({
      config: await readConfig(configFile),
      configFile,
      environment: {},
      url,
      token: 'secret-secret-secret',
      print: line => said.push(line),
      printError: line => said.push(line)
    })
  const daemon = async (status: number, body: object): Promise<{ url: string; asked: string[] }> => {
    const asked: string[] = []
    server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url} ${request.headers.authorization}`)
      response.writeHead(status).end(JSON.stringify(body))
    })
    await new Promise<void>(resolve => server?.listen(0, '127.0.0.1', resolve))
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
  }

  it('writes the file, keeps its rights and leaves nothing beside it, where no daemon answers', async () => {
    chmodSync(file, 0o640)
    expect(await promote()).toBe(0)
    const { rules } = await readConfig(file)
    expect(rules).toMatchObject({
      files: [join(folder, 'trial.yaml'), join(folder, 'more.yaml')],
      shadow: []
    })
    expect(statSync(file).mode & 0o777).toBe(0o640)
    expect(readdirSync(folder).sort()).toEqual(['live.yaml', 'more.yaml', 'svetofor.yaml', 'trial.yaml'])
    expect(said[1]).toMatch(/No daemon answers at http:\/\/127\.0\.0\.1:1/)
    await expect(promote()).rejects.toThrow(/nothing to promote/)
  })

  it('writes what a link leads to, and the link stays', async () => {
    const link = join(folder, 'link.yaml')
    symlinkSync(file, link)
    expect(await promote(undefined, link)).toBe(0)
    expect(readFileSync(file, 'utf8')).toContain('shadow: []')
    expect(readFileSync(link, 'utf8')).toContain('shadow: []')
  })

  it('asks the running daemon to reload', async () => {
    const { url, asked } = await daemon(200, {})
    expect(await promote(url)).toBe(0)
    expect(asked).toEqual(['POST /api/v1/reload Bearer secret-secret-secret'])
    expect(said[1]).toMatch(/has taken them over/)
  })

  it('says why the daemon did not, and what then', async () => {
    const { url } = await daemon(401, { title: 'A token is needed', detail: 'Send one' })
    expect(await promote(url)).toBe(1)
    expect(said[1]).toMatch(/did not reload \(401: A token is needed\. Send one\).*SIGHUP/)
    expect(readFileSync(file, 'utf8')).toContain('shadow: []')
  })

  it('changes nothing where the rules in shadow have an error', async () => {
    writeFileSync(
      join(folder, 'more.yaml'),
      rule(40).replace('t.hot', 't.hotter').replace('ups.temp_c', 'ups.temp_d')
    )
    await expect(promote()).rejects.toThrow(/more\.yaml.*ups\.temp_d/)
    expect(readFileSync(file, 'utf8')).toBe(withBoth)
  })

  it('changes nothing where the environment names the rules', async () => {
    const config = await readConfig(file)
    const command = {
      config,
      configFile: file,
      url: 'http://127.0.0.1:1',
      token: '',
      print: () => undefined,
      printError: () => undefined
    }
    await expect(
      promoteCommand({ ...command, environment: { SVETOFOR_RULES_SHADOW: 'trial.yaml' } })
    ).rejects.toThrow(/SVETOFOR_RULES_SHADOW/)
    expect(readFileSync(file, 'utf8')).toBe(withBoth)
  })
})
