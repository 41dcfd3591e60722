import type { House } from './book.ts'

const units =
  'ноль один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать тринадцать четырнадцать пятнадцать шестнадцать семнадцать восемнадцать девятнадцать'.split(
    ' '
  )
const tens = 'двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто'.split(' ')
const hundreds = 'сто двести триста четыреста пятьсот шестьсот семьсот восемьсот девятьсот'.split(' ')

/** "сто двадцать пять"; '' for 0. */
export function spokenNumber(n: number): string {
  const words: string[] = []
  if (n >= 100) words.push(hundreds[Math.floor(n / 100) - 1] ?? '')
  const rest = n % 100
  if (rest >= 20) {
    words.push(tens[Math.floor(rest / 10) - 2] ?? '')
    if (rest % 10 > 0) words.push(units[rest % 10] ?? '')
  } else if (rest > 0) words.push(units[rest] ?? '')
  return words.join(' ')
}

/** A house as it is said: "пять корпус два", "дом двенадцать дробь три". */
export function spokenHouse(house: House, random: () => number): string {
  const digits = random() < 0.3
  const say = (n: string): string => (digits ? n : spokenNumber(Number(n)))
  const kind =
    house.kind === 'владение'
      ? 'владение '
      : house.kind === 'участок'
        ? 'участок '
        : random() < 0.4
          ? 'дом '
          : ''
  const start = house.number === 0 ? '' : `${kind}${say(String(house.number))}`
  return (
    start +
    (house.letter === '' ? '' : ` ${house.letter.toLowerCase()}`) +
    (house.fraction === '' ? '' : ` дробь ${say(house.fraction)}`) +
    (house.corpus === '' ? '' : ` корпус ${say(house.corpus)}`) +
    (house.building === '' ? '' : ` строение ${say(house.building)}`) +
    (house.liter === '' ? '' : ` литер ${house.liter.toLowerCase()}`)
  )
}
