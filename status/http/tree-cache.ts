import { Readable } from 'node:stream'
import { constants, createGzip } from 'node:zlib'
import { tiers, type Tier } from '../../schemas/words.ts'
import { presentAsked } from './present.ts'
import { createSlice } from '../slices.ts'
import type { StatusView } from '../view.ts'

/**
 * The tree of 50,000 nodes is megabytes of text. It is made at most once per change and `maxAgeMs`, in slices, so
 * that neither many clients nor a mass outage hold up the main thread, and compressed off it.
 */
interface TreeBody {
  readonly eventId: string
  /** In parts, so that megabytes are not copied together at once. */
  readonly plain: readonly Buffer[]
  readonly gzipped: readonly Buffer[]
}

export interface TreeCache {
  body(): Promise<TreeBody>
}

/** What is written at once: about a quarter of a millisecond. */
const sliceNodes = 50

export function createTreeCache(options: {
  readonly view: StatusView
  /** Id of the newest event; while it stays, so does the tree. */
  readonly eventId: () => string
  readonly nowMs: () => number
  /** An answer may be so old (ms) even when something has changed since. */
  readonly maxAgeMs: number
  /** No more nodes than this are sent; whole tiers are left out from below. */
  readonly nodesMax: number
}): TreeCache {
  const { view, nowMs } = options
  let body: { atMs: number; value: TreeBody } | undefined
  let building: Promise<TreeBody> | undefined

  const fresh = (eventId: string, atMs: number): boolean =>
    eventId === options.eventId() ? nowMs() - atMs < 60_000 : nowMs() - atMs < options.maxAgeMs

  /** The deepest tier that can be shown whole, and how many nodes that makes. */
  const fit = (): { total: number; shown: number; deepest: Tier } => {
    const counts = view.nodeCounts()
    const total = counts.reduce((sum, count) => sum + count.nodes, 0)
    let deepest: Tier = 'core'
    let shown = 0
    for (const tier of tiers) {
      const more = counts.reduce((sum, count) => sum + (count.tier === tier ? count.nodes : 0), 0)
      if (shown + more > options.nodesMax) break
      shown += more
      deepest = tier
    }
    return { total, shown, deepest }
  }

  const build = async (): Promise<TreeBody> => {
    // Taken first: what changes while the text is made is told behind it.
    const eventId = options.eventId()
    const atMs = nowMs()
    const { total, shown, deepest } = fit()
    const head = { eventId, complete: shown === total, total, ...presentAsked(view, atMs) }
    const parts = [Buffer.from(JSON.stringify(head).slice(0, -1) + ',"nodes":[')]
    const slice = createSlice()
    let texts: string[] = []
    for (let after: string | undefined; ;) {
      const nodes = view.outline(deepest, after, sliceNodes)
      for (const { id, tier, name, own, effective, sinceMs, maintenance, parents } of nodes)
        texts.push(JSON.stringify({ id, tier, name, own, effective, sinceMs, maintenance, parents }))
      after = nodes.at(-1)?.id
      const isLast = nodes.length < sliceNodes
      if (!isLast && !slice.isOver()) continue
      if (texts.length > 0) parts.push(Buffer.from(`${parts.length > 1 ? ',' : ''}${texts.join(',')}`))
      texts = []
      if (isLast) break
      await slice.end()
    }
    parts.push(Buffer.from(']}'))
    const gzipped = await Readable.from(parts)
      .pipe(createGzip({ level: constants.Z_BEST_SPEED }))
      .toArray()
    const value = { eventId, plain: parts, gzipped: gzipped as Buffer[] }
    body = { atMs, value }
    return value
  }

  return {
    body: async () => {
      if (body !== undefined && fresh(body.value.eventId, body.atMs)) return body.value
      building ??= build().finally(() => {
        building = undefined
      })
      return building
    }
  }
}
