import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'
import type { LocatedYaml, Path, Problem } from './located-yaml.ts'
import { nearest } from './nearest.ts'

/**
 * What is wrong with a part of a YAML document by its TypeBox schema, each with its place and what to do.
 * `value` is the part, `at` its path in the document.
 */
export function schemaProblems(yaml: LocatedYaml, schema: TSchema, value: unknown, at: Path): Problem[] {
  const problems: Problem[] = []
  for (const error of Value.Errors(schema, value)) {
    const path = [...at, ...pointerPath(error.instancePath)]
    const params = error.params as Readonly<Record<string, unknown>>
    // An unknown key is reported by its parent's additionalProperties, with the keys that are known.
    if (error.keyword === 'boolean') continue
    if (error.keyword === 'additionalProperties') {
      const known = knownKeys(schema, error.schemaPath)
      for (const key of strings(params['additionalProperties'])) {
        const near = nearest(key, known)
        const remedy =
          near === undefined ? `remove it; known here: ${known.join(', ')}` : `did you mean "${near}"?`
        problems.push(yaml.problemAt([...path, key], `unknown key "${key}"`, remedy))
      }
    } else if (error.keyword === 'required') {
      for (const key of strings(params['requiredProperties']))
        problems.push(yaml.problemAt(path, `"${key}" is missing`, `add "${key}"`))
    } else if (error.keyword === 'enum') {
      const allowed = strings(params['allowedValues'])
      problems.push(
        yaml.problemAt(path, 'is not one of the allowed values', `use one of: ${allowed.join(', ')}`)
      )
    } else {
      problems.push(yaml.problemAt(path, error.message, 'correct the value'))
    }
  }
  return problems
}

/** `/a/0/b~1c` → ['a', 0, 'b/c'] */
function pointerPath(pointer: string): (string | number)[] {
  if (pointer === '') return []
  return pointer
    .slice(1)
    .split('/')
    .map(step => (/^\d+$/.test(step) ? Number(step) : step.replaceAll('~1', '/').replaceAll('~0', '~')))
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : []
}

/** The property names of the schema that `#/properties/x/items` points to. */
function knownKeys(schema: TSchema, schemaPath: string): string[] {
  let node: unknown = schema
  for (const step of pointerPath(schemaPath.replace(/^#/, ''))) {
    if (typeof node !== 'object' || node === null) return []
    node = (node as Record<string | number, unknown>)[step]
  }
  if (typeof node !== 'object' || node === null) return []
  const properties = (node as { properties?: unknown }).properties
  return typeof properties === 'object' && properties !== null ? Object.keys(properties) : []
}
