import type { Problem } from '../schemas/config/located-yaml.ts'
import { nearest } from '../schemas/config/nearest.ts'
import { createEntryReader, type Entry } from './addresses/entry.ts'
import { houseKey } from './addresses/house.ts'
import type { InventoryPart } from './compile.ts'
import { problemList, type ProblemList } from './problems.ts'

/**
 * What is allowed in an inventory and still is most likely a mistake: the rest of it works. Each kind is written out up to a limit,
 * and counted beyond.
 */
export function inventoryWarnings(
  parts: readonly InventoryPart[],
  knownOpticClasses: ReadonlySet<string>
): readonly Problem[] {
  const kinds = {
    noStreet: problemList(shownMax),
    noHouse: problemList(shownMax),
    twice: problemList(shownMax)
  }
  const read = createEntryReader()
  const first = new Map<string, { part: InventoryPart; node: number; address: number }>()
  for (const part of parts) {
    const { store, nodes } = part
    for (let node = 0; node < nodes.count; node++) {
      const from = store.addressStart(nodes.first + node)
      for (let at = from; at < store.addressStart(nodes.first + node + 1); at++) {
        const address = at - from
        const text = store.address(at)
        const report = (list: ProblemList, message: string, remedy: string): void =>
          list.add({
            file: part.file,
            ...part.placeOf('node', node, ['addresses', address]),
            message,
            remedy
          })
        const entry = read(text)
        if (entry === null || !hasStreet(entry, text))
          report(
            kinds.noStreet,
            `address "${text}" names no street`,
            'write it as street and house: ул. Мира, 5'
          )
        else if (entry.house === null)
          report(kinds.noHouse, `address "${text}" has no house`, 'add the number of the house')
        else {
          const key = keyOf(entry)
          const known = first.get(key)
          if (known === undefined) first.set(key, { part, node, address })
          else {
            const place = known.part.placeOf('node', known.node, ['addresses', known.address])
            const { nodeIds, nodeText } = known.part.store
            const owner = nodeIds.get(nodeText(known.part.nodes.first + known.node))
            report(
              kinds.twice,
              `address "${text}" is there twice, first at node "${owner}", ${known.part.file}:${place.line}`,
              'whoever asks for it is given a list: leave it at the node that serves it'
            )
          }
        }
      }
    }
  }
  return [...Object.values(kinds).flatMap(listed), ...unknownOpticClasses(parts, knownOpticClasses)]
}

const shownMax = 50

/** A town by itself is no place of a building, a village is. */
function hasStreet({ place }: Entry, text: string): boolean {
  if (place.words.length === 0) return !/(?:^|[\s,])(?:г|гор|город)(?:\.|\s)/i.test(text)
  return place.types.length > 0 || place.words.some(word => !/^\d/.test(word) && word.length > 1)
}

const keyOf = ({ place, house }: Entry): string =>
  [
    place.town,
    place.area,
    place.types.join(' '),
    place.words.join(' '),
    house === null ? '' : houseKey(house)
  ].join('|')

function listed({ shown, count }: ProblemList): Problem[] {
  const last = shown[shown.length - 1]
  if (last === undefined || count === shown.length) return [...shown]
  const message = `and ${count - shown.length} more of the kind are not shown`
  return [...shown, { ...last, path: '', message, remedy: '' }]
}

/** Each class once, where it is met first. */
function* unknownOpticClasses(
  parts: readonly InventoryPart[],
  known: ReadonlySet<string>
): Generator<Problem> {
  const seen = new Set<string>()
  for (const part of parts) {
    const { store, devices } = part
    for (let device = 0; device < devices.count; device++) {
      const from = store.portStart(devices.first + device)
      for (let at = from; at < store.portStart(devices.first + device + 1); at++) {
        const { opticClass } = store.port(at)
        if (opticClass === '' || known.has(opticClass) || seen.has(opticClass)) continue
        seen.add(opticClass)
        const near = nearest(opticClass, [...known])
        yield {
          file: part.file,
          ...part.placeOf('device', device, ['ports', at - from, 'optic_class']),
          message: `optic class "${opticClass}" of port ${store.portKey(at)} of device "${store.deviceId(devices.first + device)}" is in no table of limits; the default holds`,
          remedy: near === undefined ? 'add a row for it, or correct it' : `did you mean "${near}"?`
        }
      }
    }
  }
}
