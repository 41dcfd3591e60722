import { endsOf, groupsBefore } from './blocks.ts'
import type { Candidate, Candidates, EvaluationResult, NewEntity, NewSeries } from './evaluation.ts'

/**
 * What a worker reports to the main thread, packed into typed arrays. After a start every record brings candidates and every entity
 * is new; making and cloning an object for each cost more than evaluating the records.
 */

const noNames: readonly string[] = []
const candidateWords = 3
/** In place of a row: the two words behind it are the value of the candidate before, which is not that of its row. */
const valueMark = -1
const double = new Float64Array(1)
const doubleWords = new Int32Array(double.buffer)

export const noCandidates: Candidates = { count: 0, words: new Int32Array(0) }
export const noNewSeries: NewSeries = { count: 0, texts: [], words: new Int32Array(0) }

/** Takes candidates in the order of their rows. What it keeps them in is used again for the next task. */
export interface CandidateList {
  add(row: number, series: number, condition: number, on: boolean): void
  /** The candidate added last has this value, and not that of its row: the rate of a counter. */
  measured(value: number): void
  take(): Candidates
  clear(): void
}

export function createCandidateList(): CandidateList {
  let words = new Int32Array(1024 * candidateWords)
  let end = 0
  let count = 0
  const put = (first: number, second: number, third: number): void => {
    if (end === words.length) {
      const grown = new Int32Array(words.length * 2)
      grown.set(words)
      words = grown
    }
    words[end] = first
    words[end + 1] = second
    words[end + 2] = third
    end += candidateWords
  }
  return {
    add(row, series, condition, on) {
      count++
      put(row, series, condition * 2 + (on ? 1 : 0))
    },
    measured(value) {
      double[0] = value
      put(valueMark, doubleWords[0]!, doubleWords[1]!)
    },
    // Copied, because posting a view of a larger buffer clones the whole buffer.
    take: () => (end === 0 ? noCandidates : { count, words: words.slice(0, end) }),
    clear() {
      end = 0
      count = 0
    }
  }
}

/** Calls back with every candidate, in the order of the rows. It is the same object each time: what is kept is copied. */
export function eachCandidate(
  result: Pick<EvaluationResult, 'ranges' | 'block' | 'candidates'>,
  act: (candidate: Candidate) => void
): void {
  const { ranges, block } = result
  const { count, words } = result.candidates
  if (count === 0) return
  const ends = endsOf(block)
  const timesMs = viewOf(block.timeMs)
  const values = viewOf(block.value)
  const offsets = viewOf(block.offset)
  const candidate = {
    topic: '',
    partition: 0,
    offset: 0,
    timeMs: 0,
    series: 0,
    value: 0,
    condition: 0,
    on: false
  }
  let next = 0
  let rowEnd = 0
  let group = 0
  for (let at = 0; at < words.length; at += candidateWords) {
    const row = words[at]!
    while (row >= rowEnd) {
      const range = ranges[next++]
      if (range === undefined) throw new RangeError(`findings: no range has the row ${row} of a candidate`)
      candidate.topic = range.topic
      candidate.partition = range.partition
      rowEnd = range.rowEnd
    }
    if (ends[group]! <= row) group = groupsBefore(ends, row)
    candidate.offset = integerAt(offsets, group)
    candidate.timeMs = integerAt(timesMs, group)
    candidate.value = values.getFloat64(row * 8, true)
    candidate.series = words[at + 1]!
    candidate.condition = words[at + 2]! >> 1
    candidate.on = (words[at + 2]! & 1) === 1
    if (words[at + candidateWords] === valueMark) {
      at += candidateWords
      doubleWords[0] = words[at + 1]!
      doubleWords[1] = words[at + 2]!
      candidate.value = double[0]!
    }
    act(candidate)
  }
}

const viewOf = (column: Uint8Array): DataView =>
  new DataView(column.buffer, column.byteOffset, column.byteLength)

/** A 64-bit integer of the column, exact up to 2^53. */
const integerAt = (column: DataView, index: number): number =>
  column.getUint32(index * 8, true) + column.getInt32(index * 8 + 4, true) * 4294967296

/** One list of several, for blocks that are put behind one another. */
export function joinCandidates(parts: readonly Pick<EvaluationResult, 'block' | 'candidates'>[]): Candidates {
  const count = parts.reduce((sum, { candidates }) => sum + candidates.count, 0)
  const words = new Int32Array(parts.reduce((sum, { candidates }) => sum + candidates.words.length, 0))
  let end = 0
  let rows = 0
  for (const { block, candidates } of parts) {
    words.set(candidates.words, end)
    for (let at = end; at < end + candidates.words.length; at += candidateWords)
      if (words[at] !== valueMark) words[at]! += rows
    end += candidates.words.length
    rows += block.rows
  }
  return { count, words }
}

// An entity is packed as these words: device; the numbers of three texts (collector, instance, profile); how many identifiers, series and
// names there are; then the identifiers, the series, the signals and the names.
const entityHeadWords = 7

export function packNewSeries(entities: readonly NewEntity[]): NewSeries {
  if (entities.length === 0) return noNewSeries
  const texts: string[] = []
  const numbers = new Map<string, number>()
  const numberOf = (text: string): number => {
    let number = numbers.get(text)
    if (number === undefined) {
      number = texts.push(text) - 1
      numbers.set(text, number)
    }
    return number
  }
  let count = 0
  let length = 0
  for (const { identifiers, series, names = noNames } of entities) {
    count += series.length
    length += entityHeadWords + identifiers.length + series.length * 2 + names.length
  }
  const words = new Int32Array(length)
  let at = 0
  for (const entity of entities) {
    const { identifiers, collector, instance, profile, device, series, signals, names = noNames } = entity
    words[at++] = device
    words[at++] = numberOf(collector)
    words[at++] = numberOf(instance)
    words[at++] = numberOf(profile)
    words[at++] = identifiers.length
    words[at++] = series.length
    words[at++] = names.length
    for (let i = 0; i < identifiers.length; i++) words[at++] = numberOf(identifiers[i]!)
    for (let i = 0; i < series.length; i++) words[at++] = series[i]!
    for (let i = 0; i < signals.length; i++) words[at++] = signals[i]!
    for (let i = 0; i < names.length; i++) words[at++] = numberOf(names[i]!)
  }
  return { count, texts, words }
}

/** An array, which for a handful of numbers is made faster than a view of them. */
function numbersOf(words: Int32Array, from: number, to: number): number[] {
  const numbers: number[] = []
  for (let at = from; at < to; at++) numbers.push(words[at]!)
  return numbers
}

/** The entities of new series, in the order they were met. */
export function* newEntities({ texts, words }: NewSeries): Generator<NewEntity> {
  for (let at = 0; at < words.length;) {
    const identifiersAt = at + entityHeadWords
    const seriesAt = identifiersAt + words[at + 4]!
    const signalsAt = seriesAt + words[at + 5]!
    const namesAt = signalsAt + words[at + 5]!
    const end = namesAt + words[at + 6]!
    yield {
      device: words[at]!,
      collector: texts[words[at + 1]!]!,
      instance: texts[words[at + 2]!]!,
      profile: texts[words[at + 3]!]!,
      identifiers: numbersOf(words, identifiersAt, seriesAt).map(number => texts[number]!),
      series: numbersOf(words, seriesAt, signalsAt),
      signals: numbersOf(words, signalsAt, namesAt),
      names: end === namesAt ? noNames : numbersOf(words, namesAt, end).map(number => texts[number]!)
    }
    at = end
  }
}

/** Joins several into one. An entity that several of them have met is in the result as often. */
export function joinNewSeries(parts: readonly NewSeries[]): NewSeries {
  return packNewSeries(parts.flatMap(part => [...newEntities(part)]))
}
