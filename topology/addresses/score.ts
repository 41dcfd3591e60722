import type { FoundAddresses } from './index.ts'

/**
 * How an answer stands to what was meant. `chosen`: the right building alone. `first`: it leads the list. `listed`: it is
 * in the list, or all are where several were meant. `none`: none was meant, and none was chosen. `missed`: not found, or
 * not all. `another`: another building was chosen alone, which must never be.
 */
export type Verdict = 'chosen' | 'first' | 'listed' | 'none' | 'missed' | 'another'

/** `meant`: ids of one building, of several, or of none. */
export function verdictOf(found: FoundAddresses, meant: readonly string[]): Verdict {
  const listed = found.matches.map(({ nodeId }) => nodeId)
  const chosen = found.exact?.nodeId
  if (meant.length === 0) return chosen === undefined ? 'none' : 'another'
  if (meant.length > 1) {
    if (chosen !== undefined) return meant.includes(chosen) ? 'missed' : 'another'
    return meant.every(id => listed.includes(id)) ? 'listed' : 'missed'
  }
  if (chosen !== undefined) return chosen === meant[0] ? 'chosen' : 'another'
  if (listed[0] === meant[0]) return 'first'
  return listed.includes(meant[0]!) ? 'listed' : 'missed'
}

export interface Tally {
  readonly one: number
  readonly chosen: number
  readonly first: number
  readonly several: number
  readonly allListed: number
  readonly none: number
  readonly noneChosen: number
  readonly another: number
}

export function tallyOf(
  answers: readonly { readonly verdict: Verdict; readonly meant: readonly string[] }[]
): Tally {
  const count = (least: number, most: number, verdict?: Verdict): number =>
    answers.filter(
      answer =>
        answer.meant.length >= least &&
        answer.meant.length <= most &&
        (verdict === undefined || answer.verdict === verdict)
    ).length
  return {
    one: count(1, 1),
    chosen: count(1, 1, 'chosen'),
    first: count(1, 1, 'first'),
    several: count(2, Infinity),
    allListed: count(2, Infinity, 'listed'),
    none: count(0, 0),
    noneChosen: count(0, 0, 'none'),
    another: count(0, Infinity, 'another')
  }
}
