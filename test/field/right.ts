import type { Severity } from '../../schemas/words.ts'
import type { Mutation } from './mutations.ts'

/** What a node shows, as the API and the daemon in simulated time both tell it. */
export interface ShownNode {
  readonly effective: string
  readonly alarms: readonly {
    readonly type: string
    readonly severity: Severity
    readonly text: { readonly ru: string }
  }[]
}

/** What a node shows against what is right of it; empty when all is. */
export function differences(
  node: ShownNode | undefined,
  right: Pick<Mutation, 'light' | 'alarms'>
): string[] {
  if (node === undefined) return ['the node is not known']
  const wrong: string[] = []
  if (node.effective !== right.light) wrong.push(`the light is ${node.effective}, not ${right.light}`)
  const told = node.alarms.map(({ type, severity, text }) => `${type} (${severity}): ${text.ru}`)
  const wanted = right.alarms.map(({ type, severity, ru }) => `${type} (${severity}): ${ru}`)
  wrong.push(...wanted.filter(line => !told.includes(line)).map(line => `not told: ${line}`))
  wrong.push(...told.filter(line => !wanted.includes(line)).map(line => `told: ${line}`))
  return wrong
}
