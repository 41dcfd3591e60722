import { baselineParts } from './baselines.ts'

/** Baselines as they are stored and taken up again: those of many series, packed. */
export interface BaselineRows {
  readonly count: number
  /** Stored id of each series. */
  readonly ids: BigUint64Array
  /** By row, `baselineParts` each: what is known of a slot (baselines.ts). */
  readonly numbers: Float64Array
  /** By row: conditions of changes that were on or being counted, as text; left out where there were none. */
  readonly conditions: ReadonlyMap<number, string>
}

export interface BaselineRowsBuilder extends BaselineRows {
  add(id: bigint, numbers: ArrayLike<number>, conditions: string): void
}

export function createBaselineRows(capacity: number): BaselineRowsBuilder {
  const ids = new BigUint64Array(capacity)
  const numbers = new Float64Array(capacity * baselineParts)
  const conditions = new Map<number, string>()
  let count = 0
  return {
    get count() {
      return count
    },
    ids,
    numbers,
    conditions,
    add(id, of, text) {
      ids[count] = id
      numbers.set(of, count * baselineParts)
      if (text !== '') conditions.set(count, text)
      count++
    }
  }
}

/** The row of a series in rows that are in the order of their ids; -1 where there is none. */
export function rowOfSeries({ ids, count }: BaselineRows, id: bigint): number {
  let from = 0
  let to = count
  while (from < to) {
    const middle = (from + to) >> 1
    if (ids[middle]! < id) from = middle + 1
    else to = middle
  }
  return from < count && ids[from] === id ? from : -1
}
