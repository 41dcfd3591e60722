/** A small deterministic generator (mulberry32): the same seed gives the same city, faults and noise. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number
  /** Uniform in [low, high). */
  between(low: number, high: number): number
  /** Whole number in [0, count). */
  below(count: number): number
  /** Roughly normal with mean 0 and standard deviation 1, within ±3.5. */
  normal(): number
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  return {
    next,
    between: (low, high) => low + next() * (high - low),
    below: count => Math.floor(next() * count),
    // The sum of four uniforms is near enough to normal for measurement noise, and cheap.
    normal: () => (next() + next() + next() + next() - 2) * 1.732
  }
}
