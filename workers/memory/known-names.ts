/**
 * The names by which the inventory knows its devices, for every thread: who is met for the first time and is none of them may take a part
 * of the room only (shared-table.ts, shared-state.ts), so that names without end leave the rest to those.
 *
 * Of a name 32 bits are kept, in a cell that other 32 bits of it choose: one name in a billion is taken for known that is not, and
 * no known one is missed. There are two lists: the next one is written beside the one in force.
 */
export interface KnownNames {
  /** Whether one of them is a name of a device of the inventory, upper and lower case alike. Of an inventory without names, all are. */
  has(names: readonly string[]): boolean
  /** Writes down the next list, a stretch of it a step. With more names than there is room for, all names are as good as known. */
  prepare(names: Iterable<string>, count: number): Generator<void>
  /** The list that was written down comes into force. */
  use(): void
}

export interface KnownNamesMemory {
  readonly memory: SharedArrayBuffer
  /** Cells of one list, a power of two. */
  readonly cellsMax: number
}

/** A device is told of by an address, a name, and what a vendor adds. */
const namesPerDevice = 4
const namesPerStep = 20_000
/** The list in force, 0 for none; cells of the first and of the second. */
const headerWords = 3

/** What is not used takes no memory. */
export function createKnownNamesMemory(devicesMax: number): KnownNamesMemory {
  const cellsMax = cellsFor(devicesMax * namesPerDevice)
  return { cellsMax, memory: new SharedArrayBuffer((headerWords + 2 * cellsMax) * 4) }
}

/** Half of them stay empty. */
const cellsFor = (names: number): number => 2 ** Math.ceil(Math.log2(Math.max(8, names) * 2))

export function openKnownNames({ memory, cellsMax }: KnownNamesMemory): KnownNames {
  const header = new Int32Array(memory, 0, headerWords)
  const lists = [0, 1].map(list => new Int32Array(memory, (headerWords + list * cellsMax) * 4, cellsMax))
  let prepared = 0
  let place = 0
  let kept = 0

  const take = (name: string): void => {
    let even = 0x9e3779b9
    let odd = 0x7f4a7c15
    for (let i = 0; i < name.length; i++) {
      const unit = name.charCodeAt(i)
      even = Math.imul(even ^ unit, 0x9e3779b1)
      odd = Math.imul(odd ^ unit, 0x5f356495)
    }
    even = Math.imul(even ^ (even >>> 16), 0x85ebca6b) ^ Math.imul(odd ^ (odd >>> 13), 0xc2b2ae35)
    odd = Math.imul(odd ^ (odd >>> 16), 0x85ebca6b) ^ Math.imul(even ^ (even >>> 13), 0xc2b2ae35)
    place = even >>> 0
    // An empty cell is 0.
    kept = odd === 0 ? 1 : odd
  }

  /** The cell that holds the name in hand, or the empty one where it would be. */
  const cellOf = (cells: Int32Array, count: number): number => {
    const mask = count - 1
    let cell = place & mask
    while (cells[cell] !== 0 && cells[cell] !== kept) cell = (cell + 1) & mask
    return cell
  }

  return {
    has(names) {
      const list = Atomics.load(header, 0)
      if (list === 0) return true
      const cells = lists[list - 1]!
      const count = header[list]!
      return names.some(name => {
        take(name.toLowerCase())
        return cells[cellOf(cells, count)] !== 0
      })
    },
    *prepare(names, count) {
      const list = 3 - Math.max(1, Atomics.load(header, 0))
      const wanted = cellsFor(count)
      if (count === 0 || wanted > cellsMax) {
        prepared = 0
        return
      }
      const cells = lists[list - 1]!
      cells.fill(0, 0, Math.max(header[list]!, wanted))
      header[list] = wanted
      let done = 0
      for (const name of names) {
        take(name.toLowerCase())
        cells[cellOf(cells, wanted)] = kept
        if (++done % namesPerStep === 0) yield
      }
      prepared = list
    },
    use: () => void Atomics.store(header, 0, prepared)
  }
}
