import type { createRandom } from '../../embedded/simulator/random.ts'
import { typedInLatin } from '../../topology/addresses/transliteration.ts'

/** Addresses as callers and operators give them: what a look-up costs most is what is not written as the book has it. */

type Random = ReturnType<typeof createRandom>

const latin: Readonly<Record<string, string>> = Object.fromEntries(
  [...'абвгдеёжзийклмнопрстуфхцчшщъыьэюя'].map((letter, i) => [
    letter,
    'a b v g d e yo zh z i y k l m n o p r s t u f kh ts ch sh shch  y  e yu ya'.split(' ')[i] ?? ''
  ])
)

const ways: readonly ((address: string, random: Random) => string)[] = [
  address => address,
  address => address.toLowerCase().replace(/[.,]/g, ''),
  address => `${address}, кв. 14 (Иванов), домофон 8`,
  address => `здравствуйте ${address.toLowerCase()} интернета нет`,
  // One letter of the longest word left out, or doubled.
  (address, random) => slip(address, random, ''),
  (address, random) => slip(address, random, '$&$&'),
  address => [...address.toLowerCase()].map(letter => latin[letter] ?? letter).join(''),
  address => typedInLatin(address)
]

/** One of the ways of saying an address, each as often as the others. */
export const saidBy = (address: string, random: Random): string =>
  ways[random.below(ways.length)]!(address, random)

function slip(address: string, random: Random, instead: string): string {
  const word = address.split(/[^а-яё]+/i).sort((a, b) => b.length - a.length)[0] ?? ''
  if (word.length < 5) return address
  const at = 1 + random.below(word.length - 2)
  return address.replace(word, word.slice(0, at) + word.slice(at).replace(/^./, instead))
}
