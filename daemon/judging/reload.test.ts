import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../schemas/config/reading.ts'
import { createKnownNamesMemory, openKnownNames } from '../../workers/memory/known-names.ts'
import { loadDefinitions } from './definitions.ts'
import { createReadiness } from '../readiness.ts'
import { createReloader, type Reloader } from './reload.ts'

const nodes = (count: number): string =>
  Array.from({ length: count }, (_, i) =>
    JSON.stringify(
      i === 0
        ? { id: 'cu', tier: 'core', name: 'CU' }
        : { id: `n${i}`, tier: 'campus', name: `N${i}`, parents: ['cu'] }
    )
  ).join('\n')

describe('a reload', () => {
  let folder: string
  let file: string
  let reloader: Reloader
  let restore: () => void
  /** What happened, in order. */
  let seen: string[]
  let compileError: Error | undefined
  let compiling: Promise<void>
  let isJudging: boolean

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'svetofor-reload-'))
    file = join(folder, 'inventory.ndjson')
    writeFileSync(file, nodes(1))
    const configFile = join(folder, 'svetofor.json')
    writeFileSync(
      configFile,
      JSON.stringify({ kafka: { brokers: ['127.0.0.1:9'], topics: ['t'] }, inventory: { files: [file] } })
    )
    const config = loadConfig({ file: configFile, env: {}, readFile: path => readFileSync(path, 'utf8') })
    seen = []
    compileError = undefined
    compiling = Promise.resolve()
    isJudging = true
    const engine = {
      reload: ({ inventory }: { readonly inventory: { readonly nodeCount: number } }) =>
        void seen.push(`engine ${inventory.nodeCount}`)
    }
    reloader = createReloader(
      {
        config,
        evaluation: {
          pool: {
            async reloadProfiles(_, change) {
              seen.push('compile')
              await compiling
              if (compileError !== undefined) throw compileError
              change?.()
              seen.push('threads')
            }
          },
          state: { knownNames: openKnownNames(createKnownNamesMemory(10)) }
        },
        engine: () => (isJudging ? engine : undefined),
        stopping: new AbortController().signal,
        mirror: inventory => void seen.push(`mirror ${inventory.nodeCount}`),
        nowMs: () => 0,
        logger: pino({ enabled: false })
      },
      await loadDefinitions(config, 1)
    )
    void reloader.alone(() => new Promise<void>(resolve => (restore = resolve)))
    await Promise.resolve()
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('waits for the state to be restored, and is not lost', async () => {
    const early = reloader.reload()
    writeFileSync(file, nodes(2))
    await new Promise(resolve => setTimeout(resolve, 20))
    expect(seen).toEqual([])
    restore()
    expect(await early).toEqual({ inventoryVersion: 2, nodes: 2, devices: 0 })
    expect(seen).toEqual(['compile', 'engine 2', 'threads', 'mirror 2'])
  })

  it('follows the one at work, and reads the files again; those that wait are one', async () => {
    restore()
    let compiled: () => void = () => undefined
    compiling = new Promise(resolve => (compiled = resolve))
    const first = reloader.reload()
    while (seen.length === 0) await new Promise(resolve => setTimeout(resolve, 5))
    writeFileSync(file, nodes(3))
    const [second, third] = [reloader.reload(), reloader.reload()]
    compiled()
    expect((await first).nodes).toBe(1)
    expect(await second).toEqual({ inventoryVersion: 3, nodes: 3, devices: 0 })
    expect(await third).toBe(await second)
    expect(seen).toEqual([
      'compile',
      'engine 1',
      'threads',
      'mirror 1',
      'compile',
      'engine 3',
      'threads',
      'mirror 3'
    ])
  })

  it('that fails changes nothing, and is shown until one succeeds', async () => {
    restore()
    const readiness = createReadiness({
      restored: () => true,
      writer: () => ({ down: false }),
      database: () => '',
      connected: () => true,
      group: () => '',
      waitsFor: () => '',
      deadLetters: () => '',
      tables: () => ({ series: 0, devices: 0, entities: 0, aliases: 1 }),
      tablesOfUnknown: () => ({ series: 0, devices: 0, entities: 0, aliases: 1 }),
      reloadFailure: () => reloader.failure()
    })
    compileError = new Error('profile x does not compile')
    await expect(reloader.reload()).rejects.toThrow('does not compile')
    expect(seen).toEqual(['compile'])
    expect(readiness()).toMatchObject({
      ready: true,
      parts: {
        reload: { ok: false, detail: expect.stringContaining('profile x does not compile') as string }
      }
    })
    compileError = undefined
    writeFileSync(file, '{"id": ')
    await expect(reloader.reload()).rejects.toThrow()
    expect(seen).toEqual(['compile'])
    expect(readiness().parts['reload']).toMatchObject({ ok: false })
    writeFileSync(file, nodes(2))
    expect((await reloader.reload()).inventoryVersion).toBe(2)
    expect(readiness().parts['reload']).toBeUndefined()
  })

  it('of a standby is done and kept for when it begins; nothing is mirrored meanwhile', async () => {
    restore()
    isJudging = false
    writeFileSync(file, nodes(2))
    expect(await reloader.reload()).toEqual({ inventoryVersion: 2, nodes: 2, devices: 0 })
    expect(seen).toEqual(['compile', 'threads'])
    writeFileSync(file, nodes(3))
    const later = reloader.reload()
    expect(await reloader.alone(({ inventory }) => Promise.resolve(inventory.nodeCount))).toBe(3)
    await later
  })
})
