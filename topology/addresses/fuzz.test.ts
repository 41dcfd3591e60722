import { describe, expect, it } from 'vitest'
import { generateCity } from '../../embedded/simulator/city.ts'
import { createRandom } from '../../embedded/simulator/random.ts'
import { addressOutcomes, createAddressIndex } from './index.ts'

const texts = 10_000
const bytesMax = 100_000
const msMax = 5

describe('bad input', () => {
  const { nodes } = generateCity({ nodes: 5000, seed: 1 })
  const known = nodes.flatMap(node => node.addresses.map(address => ({ address, node })))
  const index = createAddressIndex(known, { homeCities: [] })
  const random = createRandom(77)
  const alphabet = [
    ...'абвгдежзийклмнопрстуфхцчшщъыьэюяё ulkdABC0123456789  ,.;:/\\-№"«»()[]{}<>|#@!?*%$^&~`\u0000\u0001\u0007\t\n\r\u001b\u200b\u202e\ufeff🚦𝔄é中'
  ]
  const noise = (length: number): string =>
    Array.from({ length }, () => alphabet[random.below(alphabet.length)]).join('')
  const addressOf = (): string => known[random.below(known.length)]!.address
  const fuzzed = (): string => {
    const address = addressOf()
    switch (random.below(5)) {
      case 0:
        return noise(1 + random.below(200))
      case 1: {
        const at = random.below(address.length)
        return address.slice(0, at) + noise(1 + random.below(4)) + address.slice(at + random.below(3))
      }
      case 2:
        return `${noise(random.below(20))}${address}${noise(random.below(60))}`
      case 3:
        return `${addressOf()} ${address}`.split('').reverse().join('')
      default:
        return Array.from(
          { length: 1 + random.below(12) },
          () => addressOf().split(' ')[random.below(2)]
        ).join(' ')
    }
  }

  it('answers 10,000 fuzzed texts, or says that it does not understand, each quickly', () => {
    const slow: { text: string; ms: number }[] = []
    for (let i = 0; i < texts; i++) {
      const text = fuzzed()
      // A pause of the process is not the look-up's: what was slow is asked again.
      let ms = Infinity
      for (let tries = 0; tries < 10 && ms > msMax; tries++) {
        const startMs = performance.now()
        const { outcome } = index.find(text, 10)
        ms = Math.min(ms, performance.now() - startMs)
        expect(addressOutcomes).toContain(outcome)
      }
      if (ms > msMax) slow.push({ text, ms })
    }
    expect(slow).toEqual([])
  })

  it.each([
    ['noise', () => noise(bytesMax)],
    ['one letter', () => 'а'.repeat(bytesMax)],
    ['one digit', () => '1'.repeat(bytesMax)],
    ['one word', () => 'улица '.repeat(bytesMax / 6)],
    ['addresses', () => Array.from({ length: 4000 }, addressOf).join(' ')],
    ['brackets', () => '(«'.repeat(bytesMax / 2)],
    ['control characters', () => '\u0000\u001b\u0007'.repeat(bytesMax / 3)]
  ])('answers a text of 100 kB: %s', (_, make) => {
    const text = make()
    let ms = Infinity
    for (let tries = 0; tries < 4; tries++) {
      const startMs = performance.now()
      expect(addressOutcomes).toContain(index.find(text, 10).outcome)
      ms = Math.min(ms, performance.now() - startMs)
    }
    expect(ms).toBeLessThan(msMax)
  })
})
