import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { formatProblem, ProblemsError } from '../schemas/config/located-yaml.ts'
import { generateCity } from '../embedded/simulator/city.ts'
import { compileInventory, devicesOf, inventoryPart, nodesOf, type InventoryPart } from './compile.ts'
import { parseInventoryLines, parseInventoryYaml } from './load.ts'
import { inventoryNdjson, inventoryYaml } from './write.ts'

const good = `
nodes:
  - id: core
    tier: core
    name: ЦУ Тютчева 1
  - id: ku-1
    tier: КУ
    name: КУ-1
    parents: core
    devices:
      - id: ku-1-ups
        role: ups
        vendor: Ippon
        identifiers: [10.0.0.2, ups-ku-1]
        interval_s: 30
  - id: du-1
    tier: building
    parents: [ku-1]
    addresses: ["ул. Тютчева, 1 к 2"]
    subscribers: 40
    premises: apartment
    maintenance: true
devices:
  - id: du-1-sw
    node: du-1
    role: switch
    vendor: D-Link
    identifiers: [10.0.0.3]
    ports:
      - { instance: 25, role: uplink, peer: ku-1, optic_class: 1000BASE-BX10 }
`

const problemsOf = (parts: readonly InventoryPart[]): string[] => {
  try {
    compileInventory(parts, 1)
  } catch (error) {
    if (error instanceof ProblemsError) return error.problems.map(formatProblem)
    throw error
  }
  return []
}

const tagsOf = (part: InventoryPart): (readonly string[] | undefined)[] => {
  const inventory = compileInventory([part], 1)
  return [inventory.tagsOf(0), inventory.tagsOf(1), inventory.makeOf(0).tags, inventory.makeOf(1).tags]
}

describe('tags', () => {
  const yaml = `
nodes:
  - { id: cu, tier: core, tags: [VIP, vip, больница-3] }
  - { id: du, tier: building, parents: [cu] }
devices:
  - { id: a, node: du, role: ups, identifiers: [a], tags: leased }
  - { id: b, node: du, role: ups, identifiers: [b] }
`
  const tags = [['vip', 'больница-3'], [], ['leased'], undefined]

  it('are read of nodes and devices, in lower case, from each form, and written again', async () => {
    const part = parseInventoryYaml('t.yaml', yaml)
    expect(tagsOf(part)).toEqual(tags)
    const read = compileInventory([part], 1)
    const ndjson = [...inventoryNdjson(nodesOf(read), devicesOf(read))].join('').split('\n')
    expect(tagsOf(await parseInventoryLines('t.ndjson', ndjson, 'ndjson'))).toEqual(tags)
    expect(tagsOf(parseInventoryYaml('u.yaml', inventoryYaml(nodesOf(read), devicesOf(read))))).toEqual(tags)
    const csv = [
      'kind,id,tier,parents,node,role,identifiers,tags',
      'node,cu,core,,,,,VIP;vip;больница-3',
      'node,du,building,cu,,,,',
      'device,a,,,du,ups,a,leased',
      'device,b,,,du,ups,b,'
    ]
    expect(tagsOf(await parseInventoryLines('t.csv', csv, 'csv'))).toEqual(tags)
  })

  it('are words, and few', () => {
    const many = Array.from({ length: 17 }, (_, k) => `t${k}`).join(', ')
    expect(
      problemsOf([
        parseInventoryYaml(
          't.yaml',
          `nodes:\n  - { id: cu, tier: core, tags: ['two words'] }\n  - { id: du, tier: core, tags: [${many}] }\n`
        )
      ])
    ).toEqual([
      't.yaml:2:27: nodes[0].tags: "two words" is not a tag; write 40 letters, digits, "_", "-", "." at most, no spaces',
      't.yaml:3:27: nodes[1].tags: more than 16 tags; remove some'
    ])
  })
})

describe('parseInventoryYaml', () => {
  it('reads nodes with their devices, and devices by themselves', () => {
    const inventory = compileInventory([parseInventoryYaml('city.yaml', good)], 3)
    expect(inventory.version).toBe(3)
    expect(inventory.nodeCount).toBe(3)
    expect(inventory.node(2)).toEqual({
      id: 'du-1',
      tier: 'building',
      name: 'du-1',
      parents: ['ku-1'],
      addresses: ['ул. Тютчева, 1 к 2'],
      subscribers: 40,
      premises: 'apartment',
      maintenance: true
    })
    expect(inventory.deviceByIdentifier('UPS-KU-1')).toBe(inventory.deviceIndex('ku-1-ups'))
    expect(inventory.port(inventory.deviceIndex('du-1-sw')!, '25')).toEqual({
      instance: '25',
      role: 'uplink',
      peer: 'ku-1',
      opticClass: '1000base-bx10'
    })
  })

  it('tells every mistake at once, with its place and what to do', () => {
    const bad = `nodes:
  - id: core
    tier: core
  - id: a
    tier: campus
    parents: [b]
    subscribes: 5
  - id: b
    tier: campus
    parents: [a]
  - id: c
    tier: house
    parents: [nowhere, core]
    subscribers: many
  - id: core
    tier: core
  - id: d
    tier: area
    parents: [e]
  - id: e
    tier: building
    parents: [core]
  - id: f
    tier: building
devices:
  - id: x
    node: core
    role: switch
    identifiers: [10.0.0.1]
  - id: y
    node: gone
    role: switch
    identifiers: [10.0.0.1]
    ports:
      - instance: 1
        role: sideways
        peer: lost
`
    expect(problemsOf([parseInventoryYaml('bad.yaml', bad)])).toEqual([
      'bad.yaml:7:5: nodes[1].subscribes: unknown key "subscribes"; did you mean "subscribers"?',
      'bad.yaml:12:5: nodes[3].tier: node "c" has no known tier; write one of core, district, area, campus, building',
      'bad.yaml:14:5: nodes[3].subscribers: subscribers is not a whole number from 0 to 10000000; write the number without a unit',
      'bad.yaml:36:9: devices[1].ports[0].role: the port has no known role; write one of uplink, downlink, access',
      'bad.yaml:15:5: nodes[4].id: node id "core" is doubled, first at bad.yaml:2; give each its own id, or remove one of them',
      'bad.yaml:13:15: nodes[3].parents[0]: parent "nowhere" of node "c" is not in the inventory; correct the id or add the node',
      'bad.yaml:19:15: nodes[5].parents[0]: node "d" of tier area has a parent "e" of the lower tier building; tiers go down as core, district, area, campus, building: correct the tier or the parent',
      'bad.yaml:23:5: nodes[7].parents: node "f" of tier building has no parent; name the node that feeds it; only a core stands alone',
      'bad.yaml:6:5: nodes[1].parents: nodes are their own ancestors: "a" → "b" → "a"; nobody feeds them: give one of them a parent that is not among them',
      'bad.yaml:31:5: devices[1].node: device "y" stands on node "gone", which is not in the inventory; correct the node id or add the node',
      'bad.yaml:33:19: devices[1].identifiers[0]: identifier "10.0.0.1" of device "y" belongs to device "x" already, at bad.yaml:26; telemetry must name one device: remove it from one',
      'bad.yaml:37:9: devices[1].ports[0].peer: port 1 of device "y" leads to node "lost", which is not in the inventory; correct the node id, add the node, or leave it out'
    ])
  })

  it.each([
    ['- a\n- b', /an inventory is a mapping/],
    ['nodes: 5', /expected a list/],
    ['nodes:\n  - 5', /expected a node/],
    ['nodes:\n  - tier: core', /has no id/],
    ['nodes: [', /not valid YAML/],
    ['nodes:\n - {id: a, tier: core, name: [1]}', /expected text, found a list/],
    ['nodes:\n - {id: a, tier: core, maintenance: maybe}', /neither true nor false/],
    ['device: []', /unknown key "device"; did you mean "devices"/],
    ['devices:\n - {id: a, role: switch, identifiers: [x]}', /has no node/],
    ['nodes:\n - {id: n, tier: core, devices: [{id: a, role: ups}]}', /has no identifiers/],
    ['nodes:\n - {id: n, tier: core, parents: [n]}', /"n" → "n"/]
  ])('says what is wrong with %j', (text, message) => {
    expect(problemsOf([parseInventoryYaml('a.yaml', text)]).join('\n')).toMatch(message)
  })

  it('counts problems beyond the first hundred', () => {
    const nodes = Array.from({ length: 250 }, (_, i) => `  - {id: n${i}, tier: building, parents: [gone]}`)
    const problems = problemsOf([parseInventoryYaml('a.yaml', `nodes:\n${nodes.join('\n')}`)])
    expect(problems).toHaveLength(101)
    expect(problems[100]).toMatch(/and 150 more problems are not shown/)
  })

  it('names both files where an id is doubled between them', () => {
    const one = parseInventoryYaml('one.yaml', 'nodes:\n  - {id: core, tier: core}\n')
    const two = parseInventoryYaml('two.yaml', '\n\nnodes:\n  - {id: core, tier: core}\n')
    expect(problemsOf([one, two])).toEqual([
      'two.yaml:4:6: nodes[0].id: node id "core" is doubled, first at one.yaml:2; give each its own id, or remove one of them'
    ])
  })
})

describe('parseInventoryLines', () => {
  const city = generateCity({ nodes: 120, seed: 4 })

  it('reads back from NDJSON and YAML what was written', async () => {
    const text = [...inventoryNdjson(city.nodes, city.devices)]
    const part = await parseInventoryLines('city.ndjson', text, 'ndjson')
    expect(part.problems).toEqual([])
    expect([...nodesOf(part.store)]).toEqual(city.nodes)
    expect([...devicesOf(part.store)]).toEqual(city.devices)
    const yaml = parseInventoryYaml('city.yaml', inventoryYaml(city.nodes, city.devices))
    expect([...nodesOf(yaml.store)]).toEqual(city.nodes)
    expect([...devicesOf(yaml.store)]).toEqual(city.devices)
  })

  it('reads CSV: quotes, lists, ports, either separator', async () => {
    const rows = [
      'kind,id,tier,name,parents,addresses,subscribers,maintenance,node,role,identifiers,interval_s,ports',
      'node,core,core,"ЦУ, главный",,,,,,,,,',
      'node,du-1,building,"ДУ ""1""',
      'на углу",core,"ул. Тютчева, 1; ул. Мира, 2",40,да,,,,,',
      '',
      'device,sw,,,,,,,du-1,switch,10.0.0.1;sw-1,60,25:uplink:core:1000base-bx10;26:access;:access::::Eth1/1:2'
    ]
    const part = await parseInventoryLines('a.csv', rows, 'csv')
    expect(part.problems).toEqual([])
    expect(part.store.node(1)).toMatchObject({
      name: 'ДУ "1"\nна углу',
      parents: ['core'],
      addresses: ['ул. Тютчева, 1', 'ул. Мира, 2'],
      subscribers: 40,
      maintenance: true
    })
    expect(part.store.device(0)).toMatchObject({
      identifiers: ['10.0.0.1', 'sw-1'],
      intervalS: 60,
      ports: [
        { instance: '25', role: 'uplink', peer: 'core', opticClass: '1000base-bx10' },
        { instance: '26', role: 'access', peer: '', opticClass: '' },
        { instance: '', name: 'Eth1/1:2', role: 'access', peer: '', opticClass: '' }
      ]
    })
    const semicolons = await parseInventoryLines(
      'b.csv',
      ['id;tier;addresses', 'a;core;ул. Мира, 2|ул. Мира, 4'],
      'csv'
    )
    expect(semicolons.store.node(0).addresses).toEqual(['ул. Мира, 2', 'ул. Мира, 4'])
  })

  it('places mistakes by line', async () => {
    const csv = await parseInventoryLines(
      'a.csv',
      [
        'id,tier,parents,adresses',
        'core,core',
        'a,attic,core',
        'b,building,gone',
        'c,building,core,x,y',
        'd,"building'
      ],
      'csv'
    )
    expect(problemsOf([csv])).toEqual([
      'a.csv:1:1: unknown column "adresses"; did you mean "addresses"?',
      'a.csv:3:1: tier: node "a" has no known tier; write one of core, district, area, campus, building',
      'a.csv:5:1: 5 fields, but the header has 4; put quotes around a field that holds the separator',
      'a.csv:6:1: a quotation mark is not closed; close the quotation mark; a quote inside is written twice',
      'a.csv:6:1: this is neither a node nor a device; give a node its "tier", a device its "node"',
      'a.csv:4:1: parents: parent "gone" of node "b" is not in the inventory; correct the id or add the node'
    ])
    const ndjson = await parseInventoryLines(
      'a.ndjson',
      ['{"id":"core","tier":"core"}', '{"id":', '[]', '{"id":"z"}'],
      'ndjson'
    )
    expect(problemsOf([ndjson]).map(problem => problem.slice(0, 30))).toEqual([
      'a.ndjson:2:1: not valid JSON: ',
      'a.ndjson:3:1: a line is one no',
      'a.ndjson:4:1: this is neither '
    ])
  })

  it('reads the examples of docs/inventory.md', async () => {
    const doc = readFileSync(new URL('../docs/inventory.md', import.meta.url), 'utf8')
    const example = (language: string): string =>
      new RegExp('```' + language + '\\n([^]*?)```').exec(doc)?.[1] ?? ''
    const yaml = parseInventoryYaml('a.yaml', example('yaml'))
    expect(problemsOf([yaml])).toEqual([])
    expect(yaml.devices.count).toBe(3)
    for (const [format, language] of [
      ['csv', 'csv'],
      ['ndjson', 'json']
    ] as const) {
      const part = await parseInventoryLines('a', example(language).split('\n'), format)
      expect(part.problems).toEqual([])
      expect([...nodesOf(part.store)].find(node => node.id === 'du-120')?.subscribers).toBe(42)
      expect(part.store.device(0).identifiers).toEqual(['10.1.1.7', 'du-120-sw1'])
    }
  })

  it('says that an empty CSV has no header', async () => {
    expect(problemsOf([await parseInventoryLines('a.csv', [], 'csv')])).toEqual([
      'a.csv:1:1: the file has no header; begin it with column names'
    ])
  })
})

describe('compileInventory', () => {
  it('keeps the tree as arrays that agree with the look-ups', () => {
    const city = generateCity({ nodes: 400, seed: 9 })
    const inventory = compileInventory([inventoryPart(city.nodes, city.devices)], 1)
    const seen = new Set<number>()
    for (const i of inventory.topologicalOrder) {
      for (const parent of inventory.parentsOf(i)) {
        expect(seen.has(parent)).toBe(true)
        expect(inventory.childrenOf(parent)).toContain(i)
        expect(inventory.depth[i]).toBeGreaterThan(inventory.depth[parent]!)
      }
      seen.add(i)
      expect(inventory.nodeIndex(inventory.nodeId(i))).toBe(i)
      expect(inventory.parentsOf(i).map(parent => inventory.nodeId(parent))).toEqual(
        inventory.node(i).parents
      )
      for (const device of inventory.devicesOfNode(i)) expect(inventory.nodeOfDevice(device)).toBe(i)
    }
    expect(seen.size).toBe(400)
    for (const [d, device] of city.devices.entries()) {
      for (const identifier of device.identifiers) expect(inventory.deviceByIdentifier(identifier)).toBe(d)
    }
    expect(inventory.nodeIndex('nowhere')).toBeUndefined()
  })

  it('accepts an empty inventory and a chain of buildings', () => {
    expect(compileInventory([], 1)).toMatchObject({ nodeCount: 0, deviceCount: 0, addressCount: 0 })
    const chain = parseInventoryYaml(
      'a.yaml',
      'nodes:\n - {id: c, tier: core}\n - {id: a, tier: building, parents: [c]}\n - {id: b, tier: building, parents: [a]}\n'
    )
    expect(compileInventory([chain], 1).depth).toEqual(new Int32Array([0, 1, 2]))
  })

  it('takes rings: both neighbours listed by each, fed from outside; the nodes as deep as one another', () => {
    const ring = parseInventoryYaml(
      'a.yaml',
      `nodes:
  - {id: a, tier: campus, parents: [b, core]}
  - {id: b, tier: campus, parents: [a, c]}
  - {id: c, tier: campus, parents: [b, core]}
  - {id: d, tier: building, parents: [b]}
  - {id: core, tier: core}
`
    )
    const inventory = compileInventory([ring], 1)
    const ids = (nodes: Iterable<number>): string[] => [...nodes].map(n => (n < 0 ? '' : inventory.nodeId(n)))
    expect([...inventory.depth]).toEqual([1, 1, 1, 2, 0])
    expect(ids(inventory.home)).toEqual(['core', 'a', 'core', 'b', ''])
    expect([...inventory.ringOf]).toEqual([0, 0, 0, -1, -1])
    expect(ids(inventory.topologicalOrder).at(0)).toBe('core')
    expect(ids(inventory.topologicalOrder).at(-1)).toBe('d')
  })

  it('says of an uplink what it leads to that is no parent, and of an aggregate of itself', () => {
    const text = `nodes:
  - {id: core, tier: core}
  - {id: other, tier: core}
  - id: a
    tier: campus
    parents: [core]
    devices:
      - id: sw
        role: switch
        identifiers: [sw]
        ports: [{instance: 1, role: uplink, peer: other}, {instance: 2, role: uplink, peer: core, lag: 2}]
`
    expect(problemsOf([parseInventoryYaml('a.yaml', text)])).toEqual([
      'a.yaml:11:45: nodes[2].devices[0].ports[0].peer: port 1 of device "sw" is an uplink to "other", which is no parent of its node; name it among the parents of the node, or make the port a downlink',
      'a.yaml:11:99: nodes[2].devices[0].ports[1].lag: port 2 of device "sw" is a member of itself; name the aggregate it is a member of'
    ])
  })

  describe('ports with names', () => {
    const withPorts = (ports: string): InventoryPart =>
      parseInventoryYaml(
        'a.yaml',
        `nodes:
  - {id: core, tier: core}
  - id: a
    tier: campus
    parents: [core]
    devices:
      - id: sw
        role: switch
        identifiers: [sw]
        ports: [${ports}]
`
      )

    it('are known by their name, and are members of aggregates by either', () => {
      const inventory = compileInventory(
        [
          withPorts(
            '{instance: 25, name: Gi0/25, role: uplink, lag: Po1}, {name: Gi0/26, role: uplink, lag: 5001}, {instance: 5001, name: Po1, role: uplink}, {instance: 1, role: access}'
          )
        ],
        1
      )
      const sw = inventory.deviceIndex('sw')!
      expect([inventory.namesPorts(sw), inventory.port(sw, '1')?.role, inventory.port(sw, '25')]).toEqual([
        true,
        'access',
        undefined
      ])
      expect(inventory.port(sw, 'Gi0/25')).toEqual({
        instance: '25',
        name: 'Gi0/25',
        role: 'uplink',
        peer: '',
        opticClass: '',
        lag: 'Po1'
      })
      const end = (key: string) => inventory.linkEnd(sw, key)
      expect([end('Gi0/25')?.link, end('Gi0/26')?.link, end('Po1')?.link]).toEqual(
        Array(3).fill(end('Po1')!.link)
      )
      expect([end('Gi0/25')?.parts, end('Gi0/25')?.isWhole, end('Po1')?.isWhole]).toEqual([2, false, true])
      // One link, not three.
      expect([...inventory.linksOf]).toEqual([1])
      // It reads back what it writes.
      const again = compileInventory(
        [parseInventoryYaml('b.yaml', inventoryYaml([...nodesOf(inventory)], [...devicesOf(inventory)]))],
        2
      )
      expect([...devicesOf(again)]).toEqual([...devicesOf(inventory)])
    })

    it('are refused without name and number, and twice, by letters of either case', () => {
      expect(
        problemsOf([
          withPorts(
            '{role: access}, {name: Gi0/1, role: access}, {instance: 7, name: gi0/1, role: access}, {instance: 7, role: access}, {instance: GI0/1, role: access}'
          )
        ])
      ).toEqual([
        'a.yaml:10:17: nodes[1].devices[0].ports[0].instance: the port has neither an instance nor a name; give it its ifIndex or its ifName',
        'a.yaml:10:76: nodes[1].devices[0].ports[2].name: port gi0/1 of device "sw" is listed twice, by its name; list each port once',
        'a.yaml:10:105: nodes[1].devices[0].ports[3].instance: port 7 of device "sw" is listed twice, by its instance; list each port once',
        'a.yaml:10:134: nodes[1].devices[0].ports[4].instance: port GI0/1 of device "sw" is listed twice, by its instance; list each port once'
      ])
    })
  })

  it('finds each cycle once, however many nodes hang below it', () => {
    const text = `nodes:
  - {id: core, tier: core}
  - {id: a, tier: campus, parents: [c, core]}
  - {id: b, tier: campus, parents: [a]}
  - {id: c, tier: campus, parents: [b]}
  - {id: d, tier: building, parents: [c]}
  - {id: e, tier: building, parents: [d]}
`
    const problems = problemsOf([parseInventoryYaml('a.yaml', text)])
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain('"a" → "c" → "b" → "a"')
  })
})
