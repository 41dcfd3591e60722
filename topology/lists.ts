/** Lists of numbers, one an owner, in one array: those of owner i are `list[start[i] … start[i + 1] - 1]`. */
export interface Lists {
  readonly start: Int32Array
  readonly list: Int32Array
}

/** From "parents of each" to "children of each", children in the order of the inventory. */
export function invert(lists: Lists, count: number): Lists {
  const start = new Int32Array(count + 1)
  for (const target of lists.list) start[target + 1]!++
  for (let i = 0; i < count; i++) start[i + 1]! += start[i]!
  const next = start.slice()
  const list = new Int32Array(lists.list.length)
  for (let i = 0; i < count; i++) {
    for (let e = lists.start[i]!; e < lists.start[i + 1]!; e++) list[next[lists.list[e]!]!++] = i
  }
  return { start, list }
}

/** From "owner of each" to "those of each owner", in order. */
export function group(ownerOf: Int32Array, owners: number): Lists {
  const start = new Int32Array(owners + 1)
  for (const owner of ownerOf) start[owner + 1]!++
  for (let i = 0; i < owners; i++) start[i + 1]! += start[i]!
  const next = start.slice()
  const list = new Int32Array(ownerOf.length)
  for (let k = 0; k < ownerOf.length; k++) list[next[ownerOf[k]!]!++] = k
  return { start, list }
}
