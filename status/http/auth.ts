import { createHash, timingSafeEqual } from 'node:crypto'

/**
 * Returns a check of the `Authorization` header against the configured tokens. Every token is compared, in
 * constant time and over hashes of equal length, so that the time taken says nothing about any of them.
 */
export function createTokenCheck(tokens: readonly string[]): (authorization: string | undefined) => boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest()
  const known = tokens.map(hash)
  return authorization => {
    const given = hash(/^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? '')
    let same = false
    for (const token of known) same = timingSafeEqual(token, given) || same
    return same
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
