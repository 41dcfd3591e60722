import { isSame } from './bytes'
import { followersMax, tableLevel, tableCellsMin } from '../memory/map'

/**
 * The look-up of the table of aliases: the same hash and the same walk as find() of workers/memory/shared-table.ts, which is
 * where keys are inserted, and says why things lie as they do.
 */

export const entryMask: u32 = 0xffffff

let headerAt: usize = 0
let cellsAt: usize = 0
export let entriesAt: usize = 0
export let keysAt: usize = 0
let followersAt: usize = 0

export function openTable(header: usize, cells: usize, entries: usize, keys: usize, followers: usize): void {
  headerAt = header
  cellsAt = cells
  entriesAt = entries
  keysAt = keys
  followersAt = followers
}

/** From this level on the table of aliases has 32,768 keys and more, which no core keeps near. */
const largeLevel: u32 = 5

export function isLarge(): bool {
  return load<u32>(headerAt + tableLevel) >= largeLevel
}

/** The one to three bytes before `to` that no whole word is left for, filled up with zeros. */
function lastWord(at: usize, to: usize): u32 {
  return load<u32>(to - 4) >> (32 - (((to - at) as u32) << 3))
}

/** Multiply and shift a word at a time, in two lanes that do not wait for one another, then a full avalanche. */
export function mix(from: usize, to: usize): u32 {
  let even: u32 = 0x9e3779b9 ^ ((to - from) as u32)
  let odd: u32 = 0x7f4a7c15
  let at = from
  for (; at + 8 <= to; at += 8) {
    even = (even ^ load<u32>(at)) * 0x85ebca6b
    even ^= even >> 15
    odd = (odd ^ load<u32>(at + 4)) * 0x85ebca6b
    odd ^= odd >> 15
  }
  if (at + 4 <= to) {
    even = (even ^ load<u32>(at)) * 0x85ebca6b
    even ^= even >> 15
    at += 4
  }
  if (at < to) odd ^= lastWord(at, to)
  let hash: u32 = (odd * 0xc2b2ae35) ^ even
  hash = (hash ^ (hash >> 16)) * 0xc2b2ae35
  hash = (hash ^ (hash >> 13)) * 0x27d4eb2f
  return hash ^ (hash >> 16)
}

/** Where the cells of a level begin: each level has twice those of the one before. */
function cellsOf(level: u32): usize {
  return cellsAt + ((tableCellsMin * 4 * ((1 << level) - 1)) as usize)
}

/** Where the word of a hash stands when nothing was in its way. */
export function firstCell(hash: u32): usize {
  const level = load<u32>(headerAt + tableLevel)
  return cellsOf(level) + (((hash & ((tableCellsMin << level) - 1)) as usize) << 2)
}

function isKey(entry: usize, from: usize, to: usize): bool {
  return (
    load<u32>(entry + 8) == ((to - from) as u32) &&
    isSame(keysAt + ((load<u32>(entry + 4) as usize) << 2), from, to - from)
  )
}

/** Where the entry of this number is; they count from 1. */
function entryAt(number: u32): usize {
  return entriesAt + (((number - 1) as usize) << 4)
}

/** Number of the entry of the key [from..to), 0 where it has none. There are four bytes before `to`. */
function find(from: usize, to: usize): u32 {
  const hash = mix(from, to)
  const level = load<u32>(headerAt + tableLevel)
  const cells = cellsOf(level)
  const mask: u32 = (tableCellsMin << level) - 1
  const tag = hash & ~entryMask
  let cell = hash & mask
  let word = load<u32>(cells + ((cell as usize) << 2))
  while (word != 0) {
    if ((word & ~entryMask) == tag) {
      const number = word & entryMask
      const entry = entryAt(number)
      if (load<u32>(entry) == hash && isKey(entry, from, to)) return number
    }
    cell = (cell + 1) & mask
    word = load<u32>(cells + ((cell as usize) << 2))
  }
  return 0
}

/** Value of the key [from..to), or -1. There are four bytes before `to`. */
export function valueOf(from: usize, to: usize): i32 {
  const number = find(from, to)
  return number == 0 ? -1 : load<i32>(entryAt(number) + 12)
}

/**
 * The same, tried first with the entry that came after the one before the last time, because collectors poll in the same order
 * again and again: a key that it guesses is compared and not hashed. `last` is where the number of the entry before is kept.
 */
export function valueOfNext(last: usize, from: usize, to: usize): i32 {
  const follower = followersAt + ((load<u32>(last) as usize) << 2)
  const guess = load<u32>(follower)
  if (guess != 0) {
    const entry = entryAt(guess)
    if (isKey(entry, from, to)) {
      store<u32>(last, guess)
      return load<i32>(entry + 12)
    }
  }
  const number = find(from, to)
  if (number == 0) return -1
  if (number < (followersMax as u32)) {
    store<u32>(follower, number)
    store<u32>(last, number)
  }
  return load<i32>(entryAt(number) + 12)
}
