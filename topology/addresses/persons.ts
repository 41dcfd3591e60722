import type { Token } from './tokens.ts'

/** Names of people, which records carry beside the address and which are no part of it. */

const patronymic = /[а-я]{3}(?:ович|евич|овна|евна|ична|инична)(?:а|у|ем|ой|е|ы)?$/

/** Tokens that name somebody: "Сидорова Мария Петровна", "Иванов И. И."; 1 each. */
export function personsIn(tokens: readonly Token[]): Uint8Array {
  const found = new Uint8Array(tokens.length)
  const isWord = (at: number): boolean => {
    const token = tokens[at]
    return token !== undefined && !token.isNumber && token.text.length > 2 && isFreeOfRole(token)
  }
  const isInitial = (at: number): boolean => tokens[at]?.isNumber === false && tokens[at].text.length === 1
  for (let at = 0; at < tokens.length; at++) {
    if (!isWord(at)) continue
    if (patronymic.test(tokens[at]!.text)) {
      found[at] = 1
      for (let k = at - 1; k >= at - 2 && isWord(k) && tokens[k + 1]!.before !== ','; k--) found[k] = 1
      if (isWord(at + 1) && tokens[at + 1]!.before === ' ') found[at + 1] = 1
    } else if (isInitial(at + 1) && isInitial(at + 2) && tokens[at + 2]!.before === '.')
      found.fill(1, at, at + 3)
  }
  return found
}

const isFreeOfRole = ({ role }: Token): boolean => role === undefined || role.isTitle === true
