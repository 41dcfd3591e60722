import { createHash, timingSafeEqual } from 'node:crypto'

/** Longest time that is looked back on (ms), and wrong tokens within it that one address may send. */
export const tokenTries = { max: 20, perMs: 60_000, addressesMax: 10_000 } as const

export type TokenVerdict = 'known' | 'wrong' | 'too-many-tries'

export interface TokenCheck {
  /** `address` is where the request comes from; `authorization` the header as it came. */
  check(authorization: string | undefined, address: string): TokenVerdict
}

export interface TokenCheckOptions {
  readonly tokens: readonly string[]
  readonly nowMs: () => number
  /** Called once when an address has used up its tries. */
  readonly onTooMany: (address: string) => void
}

/**
 * Checks the `Authorization` header against the configured tokens. Every token is compared, in constant time and over hashes of
 * equal length, so that the time taken says nothing about any of them. An address that sends wrong ones is refused after some
 * tries, right ones too: but for tokens that were in use before, so that nobody behind a proxy is locked out by a neighbour.
 */
export function createTokenCheck({ tokens, nowMs, onTooMany }: TokenCheckOptions): TokenCheck {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest()
  const known = tokens.map(hash)
  const inUse = new Set<number>()
  /** Wrong tries by address, oldest first. */
  const tries = new Map<string, { count: number; readonly sinceMs: number }>()

  const indexOf = (authorization: string | undefined): number => {
    const given = hash(/^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? '')
    let index = -1
    known.forEach((token, at) => {
      if (timingSafeEqual(token, given)) index = at
    })
    return index
  }

  const triesOf = (address: string): { count: number; readonly sinceMs: number } | undefined => {
    const found = tries.get(address)
    if (found === undefined || nowMs() - found.sinceMs < tokenTries.perMs) return found
    tries.delete(address)
    return undefined
  }

  return {
    check(authorization, address) {
      const index = indexOf(authorization)
      const before = triesOf(address)
      if (before !== undefined && before.count >= tokenTries.max && !inUse.has(index)) return 'too-many-tries'
      if (index >= 0) {
        inUse.add(index)
        return 'known'
      }
      // A page that has no token yet asks without one: that is no try.
      if (authorization === undefined) return 'wrong'
      if (before === undefined) {
        const [oldest] = tries.keys()
        if (tries.size >= tokenTries.addressesMax && oldest !== undefined) tries.delete(oldest)
        tries.set(address, { count: 1, sinceMs: nowMs() })
      } else if (++before.count === tokenTries.max) onTooMany(address)
      return 'wrong'
    }
  }
}

/** Whether a listening host is reachable from this machine only. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase()
  return bare === 'localhost' || bare === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(bare)
}

/** The host of a Host header without its port; '' when there is none. */
export function hostOf(header: string | undefined): string {
  const text = (header ?? '').trim().toLowerCase()
  return text.startsWith('[') ? text.slice(0, text.indexOf(']') + 1) : (text.split(':', 1)[0] ?? '')
}
