import { pickFrom, type Street } from './book.ts'

/** What stands around an address: the town before or behind it, and what records and callers add. */

type Random = () => number

export function townText(street: Street, spoken: boolean, random: Random): string {
  const town = street.town!
  if (spoken)
    return pickFrom(
      [`${town.name} `, `в ${town.locative} `, `город ${town.name} `].slice(0, town.mark === 'г.' ? 3 : 2),
      random
    ).toLowerCase()
  return pickFrom(
    [
      `${town.mark} ${town.name}, `,
      `(${town.name}) `,
      `${town.mark}${town.mark.endsWith('.') ? '' : ' '}${town.name}, `,
      `${town.name}, `,
      `${town.name} `,
      `248012, Россия, Энская обл., ${town.mark} ${town.name}, `
    ],
    random
  )
}

export const spokenTails = [
  '',
  '',
  ' интернета нет',
  ' квартира сорок два',
  ' третий подъезд',
  ' не работает интернет',
  ' кв 17',
  ' нет света',
  ' в квартире семь',
  ' в пятой квартире',
  ' в третьем подъезде',
  ' с утра не работает телевизор',
  ' с 10 утра нет интернета',
  ' у нас интернет пропал'
]

export function tail(random: Random): string {
  const n = (max: number): number => 1 + Math.floor(random() * max)
  return pickFrom(
    [
      `, кв. ${n(200)}`,
      ` кв.${n(200)}`,
      ` кв ${n(90)} (Иванов)`,
      `, квартира ${n(300)}, подъезд ${n(6)}, этаж ${n(9)}`,
      `, ${n(6)} подъезд`,
      ` ${n(5)} под. ${n(9)} эт. кв.${n(200)}`,
      `, домофон ${n(99)}К`,
      `, кв. ${n(99)}, код ${n(9999)}`,
      `, тел. +7 (9${10 + n(80)}) ${100 + n(800)}-${10 + n(80)}-${10 + n(80)}`,
      ` 8-9${10 + n(80)}-${100 + n(800)}-${10 + n(80)}-${10 + n(80)}`,
      ` (Петрова А.С.)`,
      ` (магазин "Продукты")`,
      `, оф. ${n(40)}`,
      `, офис ${n(400)}, ООО "Ромашка"`,
      `, пом. ${n(20)}`,
      `; л/с ${100000 + n(800000)}`,
      `, кв. ${n(99)}, Сидоров Пётр Иванович`,
      `, кв.${n(200)}, п.${n(6)}, эт.${n(9)}, к.${n(99)}К${1000 + n(8000)}`,
      ` кв${n(99)} п${n(6)} эт${n(9)} код ${n(99)}в${100 + n(800)}`,
      ` в ${n(6)} подъезде`,
      ` в квартире ${n(99)}`,
      `, вход со двора`,
      `, Смирнова А. В., не работает интернет с ${1 + n(11)} утра`,
      `, кв. ${n(99)}, инн 7701${100000 + n(800000)}`
    ],
    random
  )
}

/** Names of people and shops that records begin with. */
export function head(random: Random): string {
  return pickFrom(
    [
      'Сидорова Мария Петровна, ',
      'Кузнецов И.И. ',
      'магазин "Продукты", ',
      'ООО "Вектор", ',
      'Адрес: ',
      'офис, '
    ],
    random
  )
}

/** A town behind the address. */
export function townBehind({ town }: Street, random: Random): string {
  return pickFrom(
    [`, ${town!.name}`, `, ${town!.mark} ${town!.name}`, ` (${town!.name})`, ` ${town!.name}`],
    random
  )
}
