import { isSilentTrouble } from './evidence.ts'
import { firstParent, none, type LightState } from './state.ts'
import { isLinkCut } from './ways.ts'

/**
 * Services beside the network, such as cable TV, come to the nodes of one place over one feed: an amplifier, a line. Where
 * several of them lose the service one after the other, and have no other trouble, it is the feed, and one incident: at the node
 * that lost it first.
 */

/** How far apart neighbours on one feed may be seen to lose a service (ms): two polls and their hold. */
const feedWindowMs = 180_000

/** The neighbour whose loss of the same service explains this node's, or none. */
export function feedCause(state: LightState, node: number): number {
  const service = state.alarmsOf.get(node)?.service
  if (service === undefined || !isServiceOnly(state, node)) return none
  const nodes = state.servicesLost.get(firstParent(state, node))
  if (nodes === undefined || nodes.size < 2) return none
  const others = [...nodes]
    .filter(([other]) => state.alarmsOf.get(other)?.service?.name === service.name)
    .filter(([other]) => isServiceOnly(state, other))
    .sort(([a, aMs], [b, bMs]) => aMs - bMs || a - b)
  let at = others.findIndex(([other]) => other === node)
  while (at > 0 && others[at]![1] - others[at - 1]![1] <= feedWindowMs) at--
  const head = others[at]?.[0] ?? none
  return head === node ? none : head
}

const isServiceOnly = (state: LightState, node: number): boolean =>
  !isLinkCut(state, node) && !isSilentTrouble(state, node) && !state.collectorsOf.has(node)
