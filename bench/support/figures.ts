/** Figures of a bench: plain numbers by key, the unit at the end of the key. */
export type Figures = Record<string, number>

export interface BenchReport {
  readonly bench: string
  readonly machine: string
  readonly runs: number
  readonly figures: Figures
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return NaN
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** The median of every key over several runs; keys missing in some runs count where they are. */
export function medians(runs: readonly Figures[]): Figures {
  const keys = new Set(runs.flatMap(run => Object.keys(run)))
  return Object.fromEntries(
    [...keys].map(key => [key, median(runs.map(run => run[key]).filter(value => value !== undefined))])
  )
}

/** p in 0..1 of unsorted samples, by the nearest rank. */
export function percentile(samples: Float64Array | readonly number[], p: number): number {
  const sorted = Float64Array.from(samples).sort()
  if (sorted.length === 0) return NaN
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(p * sorted.length) - 1))]!
}

const significant = (value: number): string =>
  Number.isInteger(value) ? value.toLocaleString('en') : value.toPrecision(value >= 1000 ? 6 : 3)

export function printFigures(title: string, figures: Figures): void {
  console.log(`\n${title}`)
  const width = Math.max(...Object.keys(figures).map(key => key.length))
  for (const [key, value] of Object.entries(figures))
    console.log(`  ${key.padEnd(width)}  ${significant(value)}`)
}
