import { setImmediate as nextTurn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'
import { tiers, type Tier } from '../../schemas/words.ts'
import { countNodes, presentAsked } from './present.ts'
import type { StatusView, TreeNode } from '../view.ts'

const compress = promisify(gzip)

/**
 * The tree of 50,000 nodes is megabytes of text. It is made at most once per change and `maxAgeMs`, in slices, so
 * that neither many clients nor a mass outage hold up the main thread, and compressed off it.
 */
interface TreeBody {
  readonly eventId: string
  readonly plain: Buffer
  readonly gzipped: Buffer
}

export interface TreeCache {
  nodes(): readonly TreeNode[]
  body(): Promise<TreeBody>
}

const sliceNodes = 1000

export function createTreeCache(options: {
  readonly view: StatusView
  /** Id of the newest event; while it stays, so does the tree. */
  readonly eventId: () => string
  readonly nowMs: () => number
  /** An answer may be so old (ms) even when something has changed since. */
  readonly maxAgeMs: number
  /** The page gets no more nodes than this; whole tiers are left out from below. */
  readonly nodesMax: number
}): TreeCache {
  const { view, nowMs } = options
  let snapshot: { eventId: string; atMs: number; nodes: readonly TreeNode[]; total: number } | undefined
  let body: { atMs: number; value: TreeBody } | undefined
  let building: Promise<TreeBody> | undefined

  const fresh = (eventId: string, atMs: number): boolean =>
    eventId === options.eventId() ? nowMs() - atMs < 60_000 : nowMs() - atMs < options.maxAgeMs

  const take = (): NonNullable<typeof snapshot> => {
    if (snapshot !== undefined && fresh(snapshot.eventId, snapshot.atMs)) return snapshot
    const eventId = options.eventId()
    const { total, deepest } = view.nodeCounts === undefined ? { total: -1, deepest: undefined } : fit()
    const all = deepest === undefined ? view.tree() : view.tree(deepest)
    const nodes = all.length <= options.nodesMax ? all : upTo(all, options.nodesMax)
    snapshot = { eventId, atMs: nowMs(), nodes, total: total < 0 ? all.length : total }
    return snapshot
  }

  /** The deepest tier that can be shown whole. */
  const fit = (): { total: number; deepest: Tier | undefined } => {
    const counts = countNodes(view)
    const total = counts.reduce((sum, count) => sum + count.nodes, 0)
    if (total <= options.nodesMax) return { total, deepest: undefined }
    let deepest: Tier = 'core'
    let shown = 0
    for (const tier of tiers) {
      for (const count of counts) if (count.tier === tier) shown += count.nodes
      if (shown > options.nodesMax) break
      deepest = tier
    }
    return { total, deepest }
  }

  const build = async (): Promise<TreeBody> => {
    const { eventId, atMs, nodes, total } = take()
    const head = { ...presentAsked(view, atMs), eventId, complete: nodes.length === total, total }
    const parts = [JSON.stringify(head).slice(0, -1) + ',"nodes":[']
    for (let from = 0; from < nodes.length; from += sliceNodes) {
      const slice = nodes.slice(from, from + sliceNodes).map(node => ({
        id: node.id,
        tier: node.tier,
        name: node.name,
        own: node.own,
        effective: node.effective,
        sinceMs: node.sinceMs,
        maintenance: node.maintenance,
        parents: node.parents
      }))
      parts.push((from === 0 ? '' : ',') + JSON.stringify(slice).slice(1, -1))
      await nextTurn()
    }
    parts.push(']}')
    const plain = Buffer.from(parts.join(''))
    const gzipped = await compress(plain, { level: constants.Z_BEST_SPEED })
    const value = { eventId, plain, gzipped }
    body = { atMs, value }
    return value
  }

  return {
    nodes: () => take().nodes,
    body: async () => {
      if (body !== undefined && fresh(body.value.eventId, body.atMs)) return body.value
      building ??= build().finally(() => {
        building = undefined
      })
      return building
    }
  }
}

function upTo(nodes: readonly TreeNode[], nodesMax: number): TreeNode[] {
  const shown: TreeNode[] = []
  for (const tier of tiers) {
    const ofTier = nodes.filter(node => node.tier === tier)
    if (shown.length + ofTier.length > nodesMax) break
    shown.push(...ofTier)
  }
  return shown
}
