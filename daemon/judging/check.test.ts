import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { formatProblem } from '../../schemas/config/located-yaml.ts'
import { loadConfig } from '../../schemas/config/reading.ts'
import { checkCommand, checkDefinitions } from './check.ts'

describe('what check warns of', () => {
  let folder: string
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'svetofor-check-'))))
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const configOf = (inventory: string[], rules: string[] = []) => {
    const config = loadConfig({ env: {}, readFile: () => '' })
    return {
      ...config,
      inventory: { ...config.inventory, files: inventory },
      rules: { ...config.rules, files: rules }
    }
  }
  const warningsOf = async (inventory: string[], rules: string[] = []): Promise<string[]> =>
    (await checkDefinitions(configOf(inventory, rules), 'svetofor.yaml')).warnings.map(one =>
      formatProblem(one).replaceAll(`${folder}/`, '')
    )

  it('tells of addresses twice, without a house, without a street, by file and line', async () => {
    const nodes = write(
      'nodes.csv',
      [
        'id,tier,name,parents,addresses',
        'cu,core,ЦУ,,',
        'd1,building,Д1,cu,"ул. Мира, 5"',
        'd2,building,Д2,cu,"улица Мира, д. 5|пр-т Мира, 5"',
        'd3,building,Д3,cu,ул. Мира',
        'd4,building,Д4,cu,"г. Энск, 5"',
        'd5,building,Д5,cu,17',
        'd6,building,Д6,cu,"дер. Ивановка, 3|СНТ Ромашка, уч. 4|мкр. 3, д. 12|ул. 8 Марта, 3"'
      ].join('\n')
    )
    expect(await warningsOf([nodes])).toEqual([
      'nodes.csv:6:1: addresses: address "г. Энск, 5" names no street; write it as street and house: ул. Мира, 5',
      'nodes.csv:7:1: addresses: address "17" names no street; write it as street and house: ул. Мира, 5',
      'nodes.csv:5:1: addresses: address "ул. Мира" has no house; add the number of the house',
      'nodes.csv:4:1: addresses: address "улица Мира, д. 5" is there twice, first at node "d1", nodes.csv:3; whoever asks for it is given a list: leave it at the node that serves it'
    ])
  })

  it('tells of rules for devices that are not there, and of optic classes that no table knows', async () => {
    const nodes = write(
      'nodes.yaml',
      `nodes:
  - { id: cu, tier: core, name: ЦУ }
devices:
  - id: sw
    node: cu
    role: switch
    vendor: D-Link
    model: DES-3200-28
    tags: [VIP, lift]
    identifiers: [10.0.0.1]
    ports:
      - { instance: 25, role: uplink, optic_class: 1000base-bx10 }
      - { instance: 26, role: uplink, optic_class: 1000base-bx11 }
`
    )
    const rule = (name: string, select: string): string => `
  - name: ${name}
    kind: link
    severity: minor
    select: { signal: if.oper_status, ${select} }
    in: down
    text: { ru: Порт, en: Port }`
    const rules = write(
      'ours.yaml',
      `limits:
  - { name: ours, columns: [low], rows: { default: [-30], 1000base-bx10: [-20] } }
rules:${rule('a.vendor', 'vendor: dlink')}${rule('a.role', 'role: [switch, pump]')}${rule('a.model', 'model: des-3200*')}${rule('a.nothing', 'role: switch, tier: building')}${rule('a.tag', 'tag: [lifts, vip]')}
  - name: a.optics
    kind: optics
    severity: minor
    select: { signal: optics.rx_dbm }
    below: { limits: ours.low }
    text: { ru: Свет, en: Light }
`
    )
    expect(await warningsOf([nodes], [rules])).toEqual([
      'nodes.yaml:13:39: devices[0].ports[1].optic_class: optic class "1000base-bx11" of port 26 of device "sw" is in no table of limits; the default holds; did you mean "1000base-bx10"?',
      'ours.yaml:4:5: a.vendor: no device of the inventory has the vendor "dlink"; did you mean "d-link"?',
      'ours.yaml:10:5: a.role: no device of the inventory has the role "pump"; there are switch',
      'ours.yaml:22:5: a.nothing: selects nothing: no device or port of the inventory is all of that at once; widen select',
      'ours.yaml:28:5: a.tag: no device of the inventory has the tag "lifts"; did you mean "lift"?'
    ])
  })

  it('tells of an inventory that is empty or missing', async () => {
    expect(await warningsOf([])).toEqual([
      'svetofor.yaml: inventory.files: no inventory is configured: every device is unknown and there are no lights; name its files under inventory.files'
    ])
    expect(await warningsOf([write('empty.yaml', 'nodes: []\n')])).toEqual([
      'empty.yaml:1:1: inventory.files: the inventory is empty: every device is unknown and there are no lights; add nodes and devices'
    ])
  })

  it('is content with a sound inventory, and bounds what it tells', async () => {
    const lines = Array.from({ length: 200 }, (_, i) => `d${i},building,Д${i},cu,ул. Мира`)
    const nodes = write('nodes.csv', ['id,tier,name,parents,addresses', 'cu,core,ЦУ,,', ...lines].join('\n'))
    const printed: string[] = []
    expect(await checkCommand(configOf([nodes]), 'c', line => printed.push(line))).toBe(51)
    expect(printed.at(-2)).toMatch(/warning: and 150 more of the kind are not shown$/)
    expect(printed.at(-1)).toMatch(/^Correct, with 51 warnings: 201 nodes/)
    const sound = write('sound.csv', 'id,tier,name,parents,addresses\ncu,core,ЦУ,,"ул. Мира, 5"')
    printed.length = 0
    expect(await checkCommand(configOf([sound]), 'c', line => printed.push(line))).toBe(0)
    expect(printed).toHaveLength(1)
    expect(printed[0]).toMatch(/^All correct: 1 nodes/)
  })

  it('tells what lets a standby come late, or find another database', async () => {
    const nodes = write('sound.csv', 'id,tier,name,parents,addresses\ncu,core,ЦУ,,')
    const said = async (kafka: object, url: string): Promise<string[]> => {
      const config = configOf([nodes])
      const lines: string[] = []
      await checkCommand(
        { ...config, kafka: { ...config.kafka, ...kafka }, clickhouse: { ...config.clickhouse, url } },
        'svetofor.yaml',
        line => lines.push(line)
      )
      return lines.filter(line => /kafka|clickhouse/.test(line))
    }
    const local = 'http://127.0.0.1:8123'
    expect(await said({ standby: false }, local)).toEqual([])
    expect(await said({ standby: true, session_timeout_ms: 6000 }, 'https://ch.example:8443')).toEqual([])
    expect(await said({ standby: true }, local)).toEqual([
      expect.stringMatching(/^svetofor\.yaml.*kafka\.session_timeout_ms.*10000 ms; set it to 6000/) as string,
      expect.stringMatching(/^svetofor\.yaml.*clickhouse\.url.*this machine.*both daemons reach/) as string
    ])
  })
})
