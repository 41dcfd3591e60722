/** Streets of towns that do not exist, with the forms in which people say their names. Knows nothing of the grammar. */

export type Gender = 'f' | 'm' | 'n'

export interface StreetType {
  readonly name: string
  readonly gender: Gender
  /** Written forms, the full one first. */
  readonly forms: readonly string[]
  /** As said behind "на", "по" or "в". */
  readonly locative: string
  readonly preposition: string
}

export const streetTypes: readonly StreetType[] = [
  { name: 'улица', gender: 'f', forms: ['улица', 'ул.', 'ул'], locative: 'улице', preposition: 'на' },
  {
    name: 'проспект',
    gender: 'm',
    forms: ['проспект', 'пр-т', 'пр-кт', 'просп.'],
    locative: 'проспекте',
    preposition: 'на'
  },
  { name: 'проезд', gender: 'm', forms: ['проезд', 'пр-д', 'пр-зд'], locative: 'проезде', preposition: 'в' },
  {
    name: 'переулок',
    gender: 'm',
    forms: ['переулок', 'пер.', 'пер'],
    locative: 'переулке',
    preposition: 'в'
  },
  { name: 'площадь', gender: 'f', forms: ['площадь', 'пл.', 'пл'], locative: 'площади', preposition: 'на' },
  { name: 'шоссе', gender: 'n', forms: ['шоссе', 'ш.'], locative: 'шоссе', preposition: 'на' },
  {
    name: 'набережная',
    gender: 'f',
    forms: ['набережная', 'наб.', 'наб'],
    locative: 'набережной',
    preposition: 'на'
  },
  {
    name: 'бульвар',
    gender: 'm',
    forms: ['бульвар', 'б-р', 'бул.'],
    locative: 'бульваре',
    preposition: 'на'
  },
  { name: 'аллея', gender: 'f', forms: ['аллея', 'ал.'], locative: 'аллее', preposition: 'на' },
  { name: 'тупик', gender: 'm', forms: ['тупик', 'туп.'], locative: 'тупике', preposition: 'в' },
  {
    name: 'микрорайон',
    gender: 'm',
    forms: ['микрорайон', 'мкр.', 'мкр', 'м-н'],
    locative: 'микрорайоне',
    preposition: 'в'
  },
  {
    name: 'квартал',
    gender: 'm',
    forms: ['квартал', 'кв-л', 'кварт.'],
    locative: 'квартале',
    preposition: 'в'
  },
  { name: 'линия', gender: 'f', forms: ['линия', 'лин.'], locative: 'линии', preposition: 'на' }
]

export interface StreetName {
  /** What tells it from other streets: number and words, without titles. */
  readonly key: string
  readonly full: string
  /** As said in the locative ("на улице Садовой"); the same as `full` for names in the genitive. */
  readonly locative: string
  /** With the number as words, where it has one: "восьмого марта". */
  readonly spoken: string
  /** Without the title or first name, where it has one. */
  readonly short: string
  /** With the first name or size as a letter, where it has one: "Б. Садовая", "М. Горького". */
  readonly initial: string
}

const adjectives =
  'Садов Зелен Полев Лугов Кольцев Парков Берёзов Вишнёв Соснов Рябинов Сиренев Каштанов Заводск Фабричн Школьн Вокзальн Весенн Солнечн Советск Пионерск Комсомольск Первомайск Октябрьск Молодёжн Лесн Речн Степн Северн Южн Восточн Западн Центральн Строительн Железнодорожн Промышленн Пролетарск Коммунистическ Интернациональн Тенист Цветочн Ключев Озёрн Приморск Московск Тверск Смоленск Киевск Харьковск Рижск Волжск Донск Уральск Кавказск Сибирск Балтийск Почтов Торгов Базарн Кузнечн Мельничн Гончарн Кирпичн Песчан Каменн Овражн Родников'.split(
    ' '
  )
const persons =
  'Ленина Пушкина Гагарина Кирова Калинина Чехова Гоголя Некрасова Тургенева Толстого Лермонтова Маяковского Есенина Суворова Кутузова Нахимова Ушакова Чапаева Фрунзе Дзержинского Свердлова Куйбышева Орджоникидзе Ломоносова Менделеева Мичурина Павлова Вавилова Циолковского Королёва Титова Терешковой Комарова Чкалова Жуковского Туполева Ильюшина Радищева Белинского Герцена Чернышевского Добролюбова Писарева Крылова Грибоедова Островского Репина Сурикова Шишкина Левитана Чайковского Глинки Бородина Мусоргского Шевченко Щорса Котовского Лазо Матросова Космодемьянской Гастелло Панфилова Тютчева Фета Блока Бунина Куприна Шолохова Пирогова Боткина Сеченова Мечникова'.split(
    ' '
  )
const titled: readonly (readonly [string, string])[] = [
  ['Академика', 'Курчатова'],
  ['Академика', 'Лихачёва'],
  ['Маршала', 'Жукова'],
  ['Маршала', 'Рокоссовского'],
  ['Генерала', 'Карбышева'],
  ['Генерала', 'Доватора'],
  ['Адмирала', 'Макарова'],
  ['Максима', 'Горького'],
  ['Николая', 'Рубцова'],
  ['Сергея', 'Лазарева'],
  ['Зои', 'Дорониной'],
  ['Ивана', 'Сусанина'],
  ['Степана', 'Разина']
]
const phrases =
  'Победы Мира Труда Свободы Дружбы Революции Космонавтов Строителей Металлургов Энергетиков Машиностроителей Шахтёров Химиков Энтузиастов Металлистов Авиаторов Железнодорожников Розы_Люксембург Карла_Маркса Красной_Армии Красных_Партизан Парижской_Коммуны Карла_Либкнехта Октябрьской_Революции Юных_Ленинцев'
    .split(' ')
    .map(phrase => phrase.replace('_', ' '))
const dated: readonly (readonly [string, string, string])[] = [
  ['8 Марта', 'восьмого марта', '8'],
  ['9 Января', 'девятого января', '9'],
  ['1 Мая', 'первого мая', '1'],
  ['50 лет Октября', 'пятьдесят лет октября', '50'],
  ['40 лет Победы', 'сорок лет победы', '40'],
  ['60-летия СССР', 'шестидесятилетия ссср', '60'],
  ['26 Бакинских Комиссаров', 'двадцать шесть бакинских комиссаров', '26'],
  ['XXII Партсъезда', 'двадцать второго партсъезда', '22'],
  ['III Интернационала', 'третьего интернационала', '3']
]
export const ordinals = {
  f: 'первая вторая третья четвёртая пятая шестая седьмая восьмая девятая десятая'.split(' '),
  m: 'первый второй третий четвёртый пятый шестой седьмой восьмой девятый десятый'.split(' '),
  n: 'первое второе третье четвёртое пятое шестое седьмое восьмое девятое десятое'.split(' ')
} as const
const soft = /(?:[кгхжшщчц])$/
const softN = new Set(['Весенн'])

function adjective(stem: string, gender: Gender, locative: boolean): string {
  const isSoft = softN.has(stem)
  if (gender === 'f') return stem + (locative ? (isSoft ? 'ей' : 'ой') : isSoft ? 'яя' : 'ая')
  if (locative) return stem + (isSoft ? 'ем' : 'ом')
  if (gender === 'n') return stem + (isSoft ? 'ее' : 'ое')
  if (isSoft || soft.test(stem)) return `${stem}ий`
  return stem + (['Полев', 'Лугов', 'Лесн', 'Речн', 'Степн', 'Донск', 'Тверск'].includes(stem) ? 'ой' : 'ый')
}

const plain = (full: string): StreetName => ({
  key: full.toLowerCase(),
  full,
  locative: full,
  spoken: full.toLowerCase(),
  short: full,
  initial: full
})

/** How many names there are for each gender of type before combinations are made up. */
export function namesFor(type: StreetType): StreetName[] {
  const { gender } = type
  const names: StreetName[] = adjectives.map(stem => ({
    ...plain(adjective(stem, gender, false)),
    locative: adjective(stem, gender, true)
  }))
  if (type.name === 'микрорайон' || type.name === 'квартал' || type.name === 'линия') {
    const numbered = ordinals[gender].map((word, i) => ({
      ...plain(`${i + 1}`),
      spoken: word
    }))
    return type.name === 'линия' ? numbered : [...numbered, ...names]
  }
  names.push(...persons.map(plain), ...phrases.map(plain))
  for (const [title, name] of titled) {
    names.push({ ...plain(`${title} ${name}`), short: name, initial: `${title[0] ?? ''}. ${name}` })
  }
  for (const [full, spoken] of dated) names.push({ ...plain(full), spoken })
  for (const stem of ['Парков', 'Садов', 'Лугов', 'Кольцев']) {
    for (let n = 1; n <= 3; n++) {
      const ending = gender === 'f' ? 'я' : gender === 'n' ? 'е' : 'й'
      const word = adjective(stem, gender, false)
      names.push({
        ...plain(`${n}-${ending} ${word}`),
        locative: `${n}-${gender === 'f' ? 'й' : 'м'} ${adjective(stem, gender, true)}`,
        spoken: `${ordinals[gender][n - 1] ?? ''} ${word.toLowerCase()}`
      })
    }
  }
  for (const [stem, size] of [
    ['Покровск', 'Больш'],
    ['Покровск', 'Мал'],
    ['Садов', 'Больш'],
    ['Набережн', 'Верхн'],
    ['Набережн', 'Нижн']
  ] as const) {
    if (gender !== 'f') continue
    const sizeWord = size + (/Верхн|Нижн/.test(size) ? 'яя' : 'ая')
    const word = adjective(stem, gender, false)
    names.push({
      ...plain(`${sizeWord} ${word}`),
      locative: `${size}${/Верхн|Нижн/.test(size) ? 'ей' : 'ой'} ${adjective(stem, gender, true)}`,
      initial: `${size[0] ?? ''}. ${word}`
    })
  }
  return names
}

/** Names that are made up, for books of more streets than there are names. */
export function inventedName(random: () => number): StreetName {
  const parts = [
    'бра',
    'ве',
    'гор',
    'до',
    'жел',
    'за',
    'ка',
    'лю',
    'мо',
    'ни',
    'пе',
    'ро',
    'сту',
    'та',
    'фи',
    'хо'
  ]
  const pick = (): string => parts[Math.floor(random() * parts.length)] ?? ''
  const stem = pick() + pick() + pick() + (random() < 0.5 ? pick() : '')
  const end = ['нова', 'лева', 'рина', 'шкина', 'ского'][Math.floor(random() * 5)] ?? ''
  const word = stem + end
  return plain(word.charAt(0).toUpperCase() + word.slice(1))
}
