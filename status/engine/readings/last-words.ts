import type { Alarm } from '../../../rules/model.ts'
import { portOfInstance } from '../../../schemas/lanes.ts'
import { signalIds, signals } from '../../../schemas/signals.ts'
import type { Inventory } from '../../../topology/model.ts'
import type { SilenceWatch } from '../silence.ts'

/**
 * Last words (dying gasps): they are said once, and nobody takes them back. They stand until whom they are about is heard again: the
 * device itself, or any device of the node that its port leads to, and is reached over its links, which come back a little later: they were
 * down by that. A word that comes when whom it is about has been heard again is never told.
 */
export interface LastWords {
  /** Takes note of a word that raises a condition; false where it is over already. `series` is left out where it is not known. */
  said(word: LastWord): boolean
  /** Words that are over, of some thousand that are looked at in turn; they are not told again. Call once a second. */
  over(): LastWord[]
  reload(inventory: Inventory): void
}

export interface LastWord {
  /** Id of the inventory. */
  readonly device: string
  readonly instance: string
  readonly signal: number
  /** Event time (ms). */
  readonly timeMs: number
  readonly series?: number
}

/** What was on its way when the power went is not heard again: polls of a collector whose clock is a little ahead, other traps (ms). */
const marginMs = 10_000

/** Words looked at in one call: half a city may lose its power at once, and each takes half a microsecond. */
const lookedAtMax = 5000

export const isLastWord = (signal: number): boolean => signals[signal]?.isLastWord === true

export function createLastWords(
  firstInventory: Inventory,
  silence: Pick<SilenceWatch, 'lastSeenMs'>,
  isCut: (node: number) => boolean,
  open: Iterable<Alarm>
): LastWords {
  let inventory = firstInventory
  /** By whom and about what: one entry a device and port at most. */
  const standing = new Map<string, LastWord>()
  const keep = (word: LastWord): void => {
    standing.set(`${word.device}\0${word.instance}\0${word.signal}`, word)
  }

  /** The devices that a word is about; none where the inventory does not know them any more. */
  const aboutOf = ({ device, instance }: LastWord): readonly number[] => {
    const index = inventory.deviceIndex(device)
    if (index === undefined) return []
    const port = instance === '' ? undefined : inventory.port(index, portOfInstance(instance))
    const peer = port === undefined ? undefined : inventory.nodeIndex(port.peer)
    return peer === undefined ? [index] : inventory.devicesOfNode(peer)
  }
  const heardSince = (word: LastWord): number | undefined =>
    aboutOf(word).find(device => (silence.lastSeenMs(device) ?? 0) > word.timeMs + marginMs)
  const isOver = (word: LastWord): boolean => {
    const device = heardSince(word)
    return device !== undefined && !isCut(inventory.nodeOfDevice(device))
  }

  for (const { device, instance, evidence } of open) {
    const signal = signalIds.get(evidence.signal)
    if (signal !== undefined && isLastWord(signal))
      keep({ device, instance, signal, timeMs: evidence.eventTimeMs })
  }

  return {
    said(word) {
      keep(word)
      return heardSince(word) === undefined
    },
    over() {
      const found: LastWord[] = []
      let left = Math.min(standing.size, lookedAtMax)
      for (const [key, word] of standing) {
        if (left-- === 0) break
        standing.delete(key)
        // Behind those that have not been looked at.
        if (isOver(word)) found.push(word)
        else standing.set(key, word)
      }
      return found
    },
    reload(next) {
      inventory = next
      for (const [key, { device }] of standing)
        if (next.deviceIndex(device) === undefined) standing.delete(key)
    }
  }
}
