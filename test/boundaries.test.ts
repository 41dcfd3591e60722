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
  embedded: ['rules', 'topology', 'schemas']
}

/** rules/ and topology/ do no I/O and read no clock. */
const pureFolders = ['rules', 'topology']
const ioModules = /^node:(fs|net|http|https|dgram|child_process|worker_threads|timers|cluster|tls|dns)/
const ambientCalls =
  /\b(Date\.now|new Date\(\)|performance\.now|setTimeout|setInterval|Math\.random|process\.)/

const sources = (folder: string): string[] =>
  readdirSync(join(packageRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts') && !name.endsWith('.test.ts') && !name.includes('node_modules'))
    .map(name => join(folder, name))

const importsOf = (file: string): string[] =>
  [...readFileSync(join(packageRoot, file), 'utf8').matchAll(/(?:from|import\(|import)\s*'([^']+)'/g)].map(
    m => m[1]!
  )

describe('boundaries', () => {
  for (const [folder, targets] of Object.entries(allowed)) {
    it(`${folder}/ imports only ${['itself', ...targets].join(', ')}`, () => {
      const wrong = sources(folder).flatMap(file =>
        importsOf(file)
          .filter(name => name.startsWith('.'))
          .map(name => normalize(join(dirname(file), name)))
          .filter(target => ![folder, ...targets].includes(target.split(sep)[0]!))
          .map(target => `${file} imports ${relative('.', target)}`)
      )
      expect(wrong).toEqual([])
    })
  }

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
