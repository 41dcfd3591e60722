import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative, sep } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../schemas/package-root.ts'

/** Which folders each folder may import from, besides itself. Imports point one way. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  schemas: [],
  rules: ['schemas'],
  topology: ['schemas'],
  ingest: ['rules', 'topology', 'schemas'],
  workers: ['rules', 'topology', 'schemas'],
  status: ['rules', 'topology', 'schemas'],
  embedded: ['rules', 'topology', 'schemas'],
  daemon: ['ingest', 'workers', 'status', 'rules', 'topology', 'schemas']
}

/**
 * The rooms of a folder: which of its other rooms each may import from, besides itself. '' is the folder's own level. A room
 * that is not named here, or an import that is not, fails: so a new room comes with a decision about its place.
 */
const rooms: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  schemas: {
    '': [],
    config: [''],
    records: ['', 'config']
  },
  rules: {
    '': ['alarms', 'reading', 'measures'],
    alarms: ['', 'measures'],
    reading: ['', 'measures'],
    measures: []
  },
  topology: {
    '': ['elements', 'lights', 'addresses', 'tree'],
    elements: [''],
    lights: ['', 'elements'],
    tree: [''],
    addresses: ['']
  },
  ingest: {
    // sources.ts chooses the adapter; dead letters are produced with the client that one adapter is made of.
    '': ['kafka', 'adapters'],
    kafka: [''],
    adapters: [''],
    clickhouse: ['']
  },
  workers: {
    '': ['memory', 'learning', 'kernel'],
    learning: ['memory', 'kernel'],
    kernel: ['memory'],
    memory: []
  },
  status: {
    '': ['http'],
    engine: [''],
    http: ['']
  },
  embedded: {
    '': [],
    simulator: ['']
  },
  daemon: {
    '': ['process', 'alerting', 'delivery', 'judging', 'shadow'],
    alerting: ['process'],
    delivery: ['process'],
    judging: [],
    compare: [],
    replay: ['compare', 'judging', 'process'],
    shadow: ['compare', 'judging', 'process'],
    process: []
  }
}

/** No product file is longer than this. What is, stands here with its reason; the list may only shrink. */
const linesMax = 500
const longFiles: Readonly<Record<string, string>> = {}

/** More product files than this side by side are a heap. */
const filesMax = 24

/** rules/ and topology/ do no I/O and read no clock. */
const pureFolders = ['rules', 'topology']
const ioModules = /^node:(fs|net|http|https|dgram|child_process|worker_threads|timers|cluster|tls|dns)/
const ambientCalls =
  /\b(Date\.now|new Date\(\)|performance\.now|setTimeout|setInterval|Math\.random|process\.)/

const sources = (folder: string): string[] =>
  readdirSync(join(packageRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts') && !name.endsWith('.test.ts') && !name.includes('node_modules'))
    .map(name => join(folder, name))

const rootSources = readdirSync(packageRoot).filter(
  name => name.endsWith('.ts') && !name.endsWith('.config.ts')
)
const product = [...rootSources, ...Object.keys(allowed).flatMap(sources)]

/** What runs in the browser is product too. */
const shipped = [
  ...product,
  ...readdirSync(join(packageRoot, 'status', 'page'), { recursive: true, encoding: 'utf8' })
    .filter(name => /\.(js|css|html)$/.test(name))
    .map(name => join('status', 'page', name))
]

const linesOf = (file: string): number => readFileSync(join(packageRoot, file), 'utf8').split('\n').length - 1

/** Modules named in imports of values and types; import() too. */
const importsOf = (file: string): string[] =>
  [...readFileSync(join(packageRoot, file), 'utf8').matchAll(/(?:from|import\(|import)\s*'([^']+)'/g)].map(
    m => m[1]!
  )

/** Files of the project that a file imports. The kernel's compiler wants no ending. */
const filesImportedBy = (file: string): string[] =>
  importsOf(file)
    .filter(name => name.startsWith('.'))
    .map(name => normalize(join(dirname(file), name)))
    .map(target => (/\.\w+$/.test(target) ? target : `${target}.ts`))

/** The second level of a file's path: '' for a file in the folder itself. */
const roomOf = (file: string): string => {
  const parts = file.split(sep)
  return parts.length > 2 ? parts[1]! : ''
}

describe('boundaries', () => {
  for (const [folder, targets] of Object.entries(allowed)) {
    it(`${folder}/ imports only ${['itself', ...targets].join(', ')}`, () => {
      const wrong = sources(folder).flatMap(file =>
        filesImportedBy(file)
          .filter(target => ![folder, ...targets].includes(target.split(sep)[0]!))
          .map(target => `${file} imports ${relative('.', target)}`)
      )
      expect(wrong).toEqual([])
    })
  }

  for (const [folder, of] of Object.entries(rooms)) {
    it(`rooms of ${folder}/ import one way`, () => {
      const wrong = sources(folder).flatMap(file => {
        const room = roomOf(file)
        const may = of[room]
        if (may === undefined) return [`${folder}/${room} is not among the rooms of ${folder}/`]
        return filesImportedBy(file)
          .filter(target => target.split(sep)[0] === folder)
          .filter(target => roomOf(target) !== room && !may.includes(roomOf(target)))
          .map(target => `${file} imports ${target}`)
      })
      expect(wrong).toEqual([])
    })
  }

  it('main.ts is wiring: startDaemon has less than 150 lines', () => {
    const lines = readFileSync(join(packageRoot, 'main.ts'), 'utf8').split('\n')
    const from = lines.findIndex(line => line.startsWith('export async function startDaemon'))
    const to = lines.findIndex((line, at) => at > from && line === '}')
    expect(from).toBeGreaterThan(0)
    expect(to - from + 1).toBeLessThan(150)
  })

  it('no files import each other in a circle', () => {
    const state = new Map<string, 'open' | 'done'>()
    const circles: string[] = []
    const visit = (file: string, way: readonly string[]): void => {
      if (state.get(file) === 'done') return
      if (state.get(file) === 'open') {
        circles.push([...way.slice(way.indexOf(file)), file].join(' -> '))
        return
      }
      state.set(file, 'open')
      for (const target of filesImportedBy(file)) if (product.includes(target)) visit(target, [...way, file])
      state.set(file, 'done')
    }
    for (const file of product) visit(file, [])
    expect(circles).toEqual([])
  })

  it('no product file imports a test, a bench or their helpers', () => {
    const wrong = product.flatMap(file =>
      filesImportedBy(file)
        .filter(target => /^(test|bench)\b|\.test\.ts$/.test(target))
        .map(target => `${file} imports ${target}`)
    )
    expect(wrong).toEqual([])
  })

  it(`no product file is longer than ${linesMax} lines, except those that say why`, () => {
    const long = shipped.filter(file => linesOf(file) > linesMax)
    expect(long.sort()).toEqual(Object.keys(longFiles).sort())
  })

  it(`no folder has more than ${filesMax} product files side by side`, () => {
    const counts = new Map<string, number>()
    for (const file of shipped) counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1)
    const full = [...counts].filter(([, count]) => count > filesMax).map(([folder]) => folder)
    expect(full).toEqual([])
  })

  for (const folder of pureFolders) {
    it(`${folder}/ does no I/O and reads no clock`, () => {
      const wrong = sources(folder).flatMap(file => {
        const code = readFileSync(join(packageRoot, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
        const calls = ambientCalls.exec(code)
        return [
          ...importsOf(file)
            .filter(name => ioModules.test(name))
            .map(name => `${file} imports ${name}`),
          ...(calls === null ? [] : [`${file} uses ${calls[0]}`])
        ]
      })
      expect(wrong).toEqual([])
    })
  }
})
