import type { LocatedYaml, Path, Problem } from '../schemas/config/located-yaml.ts'
import { nearest } from '../schemas/config/nearest.ts'

export type Fields = Readonly<Record<string, unknown>>

/** Reads values of one document, reporting what is wrong with them. */
export interface Reader {
  report(path: Path, message: string, remedy: string): void
  problem(path: Path, message: string, remedy: string): Problem
  fields(value: unknown, path: Path, known: readonly string[]): Fields | undefined
  list(value: unknown, path: Path): readonly unknown[]
  words(value: unknown, path: Path, known?: readonly string[]): readonly string[] | undefined
  word<T extends string>(value: unknown, path: Path, known: readonly T[]): T | undefined
  number(value: unknown, path: Path, min: number, max: number): number | undefined
}

export function createReader(yaml: LocatedYaml, problems: Problem[]): Reader {
  const report = (path: Path, message: string, remedy: string): void => {
    problems.push(yaml.problemAt(path, message, remedy))
  }
  const word = <T extends string>(value: unknown, path: Path, known: readonly T[]): T | undefined => {
    const found = known.find(one => one === value)
    if (found === undefined)
      report(
        path,
        `${shown(value)} is not known here`,
        suggestion(value, known) ?? `give one of ${known.join(', ')}`
      )
    return found
  }
  return {
    report,
    problem: (path, message, remedy) => yaml.problemAt(path, message, remedy),
    fields(value, path, known) {
      if (!isFields(value)) {
        report(
          path,
          `${shown(value)} is not a set of keys`,
          `write ${known.slice(0, 4).join(', ')}, … below it`
        )
        return undefined
      }
      for (const key of Object.keys(value))
        if (!known.includes(key))
          report(
            [...path, key],
            'is not a known key',
            suggestion(key, known) ?? `known here: ${known.join(', ')}`
          )
      return value
    },
    list(value, path) {
      if (Array.isArray(value)) return value as readonly unknown[]
      if (value !== undefined && value !== null)
        report(path, `${shown(value)} is not a list`, 'start each entry with "- "')
      return []
    },
    words(value, path, known) {
      const list: readonly unknown[] = Array.isArray(value) ? (value as readonly unknown[]) : [value]
      const found: string[] = []
      list.forEach((item, index) => {
        const at = Array.isArray(value) ? [...path, index] : path
        if (typeof item === 'number' && known === undefined) found.push(String(item))
        else if (typeof item !== 'string') report(at, `${shown(item)} is not a word`, 'write text')
        else if (known !== undefined && !known.includes(item)) word(item, at, known)
        else found.push(item)
      })
      if (list.length === 0) report(path, 'is empty', 'name at least one, or leave the key out')
      return found.length === list.length && found.length > 0 ? found : undefined
    },
    word,
    number(value, path, min, max) {
      if (typeof value === 'number' && value >= min && value <= max) return value
      report(path, `${shown(value)} is not allowed`, `give a number ${min}..${max}`)
      return undefined
    }
  }
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A remedy where something like the value is known. */
export function suggestion(value: unknown, known: readonly string[]): string | undefined {
  const meant = typeof value === 'string' ? nearest(value, known) : undefined
  return meant === undefined ? undefined : `did you mean ${meant}?`
}

/** A value as a message quotes it. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}
