import { describe, expect, it } from 'vitest'
import { createAddressIndex, type AddressEntry, type FoundAddresses } from './index.ts'

const home = { homeCities: ['Калуга'] }

const entries = (addresses: readonly string[]): AddressEntry[] =>
  addresses.map((address, i) => ({ address, node: { id: `du-${i + 1}`, tier: 'building' } }))

const found = (addresses: readonly string[], query: string): FoundAddresses =>
  createAddressIndex(entries(addresses), home).find(query, 10)

const city = [
  'ул. Тютчева, 5 к 2',
  'ул. Тютчева, 5',
  'ул. Тютчева, 12 к 3',
  'ул. Мира, 8',
  'пр-т Мира, 29 к 2',
  'ул. 8 Марта, 15',
  'ул. 50 лет Октября, 3',
  '1-я Парковая ул., 7А',
  '2-я Парковая ул., 7А',
  'ул. М. Горького, 14',
  'ул. Академика Курчатова, 9',
  'ул. Генерала Карбышева, 9',
  'ул. Большая Покровская, 4',
  'ул. Малая Покровская, 4',
  'мкр. 3, д. 12',
  'мкр. 5, д. 12',
  'ул. Ленина, 15/2',
  'г. Заречный, ул. Ленина, 5',
  'дер. Ивановка, д. 7',
  'СНТ Ромашка, уч. 15',
  'ул. XXII Партсъезда, 4',
  'ул. Шевченко, 16',
  'пл. Розы Люксембург, 1'
]

describe('what callers, operators and records say', () => {
  it.each([
    ['тютчева пять корпус два, интернета нет', 'ул. Тютчева, 5 к 2'],
    ['ул.Тютчева 5к2 кв.14 (Иванов), домофон 8', 'ул. Тютчева, 5 к 2'],
    ['248000, Калужская обл., г. Калуга, ул. Тютчева, д. 5, корп. 2, кв. 14', 'ул. Тютчева, 5 к 2'],
    ['тютчева 12-3-45', 'ул. Тютчева, 12 к 3'],
    ['ул.мира8', 'ул. Мира, 8'],
    ['проспект мира 29к2', 'пр-т Мира, 29 к 2'],
    ['на проспекте мира двадцать девять корпус два', 'пр-т Мира, 29 к 2'],
    ['восьмого марта пятнадцать', 'ул. 8 Марта, 15'],
    ['8-го марта 15', 'ул. 8 Марта, 15'],
    ['пятидесятилетия октября 3', 'ул. 50 лет Октября, 3'],
    ['50-летия Октября д3', 'ул. 50 лет Октября, 3'],
    ['по первой парковой 7а', '1-я Парковая ул., 7А'],
    ['парковая 2-я, дом 7 "А"', '2-я Парковая ул., 7А'],
    ['Максима Горького 14', 'ул. М. Горького, 14'],
    ['им. Горького 14', 'ул. М. Горького, 14'],
    ['ак. Курчатова 9', 'ул. Академика Курчатова, 9'],
    ['ул. ген. Карбышева, 9', 'ул. Генерала Карбышева, 9'],
    ['Курчатова 9 кв 5', 'ул. Академика Курчатова, 9'],
    ['Б. Покровская 4', 'ул. Большая Покровская, 4'],
    ['Бол.Покровская 4', 'ул. Большая Покровская, 4'],
    ['М.Покровская, 4', 'ул. Малая Покровская, 4'],
    ['3 мкр 12', 'мкр. 3, д. 12'],
    ['третий микрорайон дом двенадцать', 'мкр. 3, д. 12'],
    ['в 5 микрорайоне, дом 12', 'мкр. 5, д. 12'],
    ['дом 12, 5-й микрорайон', 'мкр. 5, д. 12'],
    ['ленина 15 дробь 2', 'ул. Ленина, 15/2'],
    ['ленина 15/2-48', 'ул. Ленина, 15/2'],
    ['Заречный Ленина 5', 'г. Заречный, ул. Ленина, 5'],
    ['в Заречном на улице Ленина 5', 'г. Заречный, ул. Ленина, 5'],
    ['Ивановка 7', 'дер. Ивановка, д. 7'],
    ['в деревне Ивановке дом 7', 'дер. Ивановка, д. 7'],
    ['снт ромашка участок 15', 'СНТ Ромашка, уч. 15'],
    ['22 партсъезда 4', 'ул. XXII Партсъезда, 4'],
    ['двадцать второго партсъезда 4', 'ул. XXII Партсъезда, 4'],
    ['ul. Shevchenko, 16', 'ул. Шевченко, 16'],
    ['shev4enko 16', 'ул. Шевченко, 16'],
    ['ulitsa Tyutcheva 5 korp 2', 'ул. Тютчева, 5 к 2'],
    ['ulica Tiutcheva 5k2', 'ул. Тютчева, 5 к 2'],
    ['n.nxtdf 5 r 2', 'ул. Тютчева, 5 к 2'],
    ['гд.Ырумсрутлщ 16', 'ул. Шевченко, 16'],
    ['УЛ. ТЮTЧEBA Д. 5 КОРП. 2', 'ул. Тютчева, 5 к 2'],
    ['люксембург 1', 'пл. Розы Люксембург, 1'],
    ['подъезд 3, кв. 12, ул. Мира, д. 8', 'ул. Мира, 8'],
    ['ул. Мира, д. 8, тел. 8-910-123-45-67', 'ул. Мира, 8'],
    ['ул. Мира 8 2 подъезд 5 этаж', 'ул. Мира, 8'],
    ['ул. Мира, д. 8, л/с 123456, Сидоров Пётр', 'ул. Мира, 8']
  ])('%s', (query, address) => {
    const { exact } = found(city, query)
    expect(exact?.address).toBe(address)
  })

  it.each([
    ['Тючева 5 к 2', 'ул. Тютчева, 5 к 2'],
    ['Партсьезда 22 4', 'ул. XXII Партсъезда, 4'],
    ['Шевчеко 16', 'ул. Шевченко, 16'],
    ['ул. Курчтова 9', 'ул. Академика Курчатова, 9'],
    ['улца Шевченко, квратира 5, д 16', 'ул. Шевченко, 16']
  ])('says that %s was understood', (query, address) => {
    const { exact, understoodAs } = found(city, query)
    expect(exact?.address).toBe(address)
    if (!query.startsWith('улца')) expect(understoodAs).toBe(address)
  })

  it('does not say so of what is only written otherwise', () => {
    for (const query of ['тютчева 5к2', 'ул. Мира, д.8, кв. 4', 'проспект Мира 29 корпус 2'])
      expect(found(city, query).understoodAs).toBeNull()
  })
})

describe('choosing', () => {
  it('never picks between buildings', () => {
    const streets = ['ул. Мира, 5', 'пр-т Мира, 5', 'проезд Мира, 5']
    expect(found(streets, 'Мира 5')).toMatchObject({ outcome: 'list', exact: null, matches: { length: 3 } })
    expect(found(streets, 'пр Мира 5').exact).toBeNull()
    expect(found(streets, 'пр-т Мира 5').exact?.nodeId).toBe('du-2')
    expect(found(['ул. Ленина, 5', 'ул. Ленина, 5 к 30'], 'Ленина 5-30').exact).toBeNull()
    expect(found(['ул. Большая Покровская, 4', 'ул. Малая Покровская, 4'], 'Покровская 4').exact).toBeNull()
    expect(found(['ул. Полевая, 5', 'пер. Полевой, 5'], 'на полевой 5').exact).toBeNull()
  })

  it('takes a building as written before any other reading', () => {
    const addresses = ['ул. Ленина, 5', 'ул. Ленина, 5/2', 'ул. Ленина, 5 к 2', 'ул. Ленина, 5А']
    expect(found(addresses, 'Ленина 5').exact?.nodeId).toBe('du-1')
    expect(found(addresses, 'Ленина 5/2').exact?.nodeId).toBe('du-2')
    expect(found(addresses, 'Ленина 5 корп 2').exact?.nodeId).toBe('du-3')
    expect(found(addresses, 'Ленина 5 a').exact?.nodeId).toBe('du-4')
  })

  it('reads a slash or a dash as corpus or flat where only one building fits', () => {
    expect(found(['ул. Ленина, 5'], 'Ленина 5-30').exact?.nodeId).toBe('du-1')
    expect(found(['ул. Ленина, 15 к 2'], 'Ленина 15/2').exact?.nodeId).toBe('du-1')
    expect(found(['ул. Ленина, 15/2'], 'Ленина 15 к 2').exact?.nodeId).toBe('du-1')
    expect(found(['ул. Ленина, 15'], 'Ленина 15/2')).toMatchObject({
      exact: null,
      matches: [{ nodeId: 'du-1' }]
    })
  })

  it('never takes another house for the one that was said', () => {
    const addresses = ['ул. Тютчева, 1 к 2', 'ул. Тютчева, 3']
    for (const query of [
      'Тютчева 1 к 3',
      'Тютчева 1А',
      'Тютчева 1 стр 2',
      'Тютчева 3 к 1',
      'Тютчева 3Б',
      'Тютчева 7'
    ]) {
      const { exact, outcome, streets } = found(addresses, query)
      expect([query, exact, outcome, streets]).toEqual([query, null, 'no-house', ['ул. Тютчева']])
    }
    expect(found(addresses, 'Тютчева 1')).toMatchObject({
      outcome: 'list',
      exact: null,
      matches: [{ nodeId: 'du-1' }]
    })
    expect(found(addresses, 'пр-т Тютчева 3').exact).toBeNull()
    expect(found(addresses, 'г. Дальний, ул. Тютчева 3').exact).toBeNull()
    expect(found(addresses, '2-я Тютчева 3').exact).toBeNull()
    expect(found(addresses, 'Новая Тютчева 3').exact).toBeNull()
  })

  it('leaves no word of the name out where the house was said first', () => {
    const addresses = ['ул. Садовая, 53', 'ул. Большая Садовая, 53']
    expect(found(addresses, '53 новая садовая').exact).toBeNull()
    expect(found(addresses, 'дом 53 по улице болшьой садовой').exact?.nodeId).toBe('du-2')
    expect(found(addresses, 'дом 53 по Большой Садовой').exact?.nodeId).toBe('du-2')
    expect(found(['ул. Добролюбова, 46'], '46 lj,hjk.,jdf').exact?.nodeId).toBe('du-1')
  })

  it('does not go to a farther street because the nearer has no such house', () => {
    const addresses = ['ул. Лесная, 5', 'пер. Лесной, 7', 'г. Заречный, ул. Лесная, 9']
    expect(found(addresses, 'переулок Лесной 5').exact).toBeNull()
    expect(found(addresses, 'Лесная 9').exact).toBeNull()
    expect(found(addresses, 'Заречный, Лесная 9').exact?.nodeId).toBe('du-3')
  })

  it('takes no other well-known name for a slip', () => {
    for (const query of ['ул. Серова 5', 'ул. Перова 5', 'Комсомольцев 5'])
      expect(found(['ул. Седова, 5', 'ул. Комсомольская, 5'], query).exact).toBeNull()
    expect(found(['ул. Сеченова, 5'], 'ул. Сеченва 5').exact?.nodeId).toBe('du-1')
    expect(found(['ул. Климова, 5', 'ул. Калимова, 5'], 'ул. Клаимова 5').exact).toBeNull()
    expect(found(['ул. Строителей, 5'], 'ул. Строительная 5').exact).toBeNull()
    expect(found(['ул. Садовая, 5', 'пер. Садовый, 7'], 'на Садвой 5').exact?.nodeId).toBe('du-1')
  })

  it('says which streets are spelled alike', () => {
    expect(found(city, 'Шевчук 5')).toMatchObject({ outcome: 'no-street', exact: null })
    expect(found(city, 'Новосибирская 5').exact).toBeNull()
    expect(found(city, 'ъъъ').outcome).toBe('not-understood')
    expect(found(city, '').outcome).toBe('not-understood')
  })

  it('stands at home when no town is written', () => {
    const addresses = ['ул. Ленина, 5', 'г. Заречный, ул. Ленина, 5']
    expect(found(addresses, 'Ленина 5').exact?.nodeId).toBe('du-1')
    expect(found(addresses, 'г. Калуга, Ленина 5').exact?.nodeId).toBe('du-1')
    expect(found(addresses, 'Заречный Ленина 5').exact?.nodeId).toBe('du-2')
    // The only street of that name: nobody says the town of it.
    expect(found(['ул. Мира, 1', 'г. Заречный, ул. Ленина, 5'], 'Ленина 5').exact?.nodeId).toBe('du-2')
  })

  it('goes to no building of home when a town is said that the book has not, before or behind', () => {
    const addresses = ['ул. Ленина, 5', 'ул. Мира, 8', 'пгт Краснополье, ул. Мира, 3']
    for (const query of [
      'г. Тверь, Ленина 5',
      'Тверь, Ленина 5',
      'Ленина 5, г. Тверь',
      'ул. Ленина, д. 5, кв. 12, г. Тверь',
      'Ленина 5 город Тверь',
      'дом 5 улица Ленина город Тверь',
      'Ленина 5, село Ивановка',
      'Ленина 5 Тверь',
      'Ленина 5, Тверь',
      'ул Ленина д 5 кв 12 Тверь Иванов',
      'ktybyf 5 ndthm'
    ])
      expect([query, found(addresses, query).exact]).toEqual([query, null])
    for (const query of [
      'Мира 8 в городе интернета нет',
      'Мира 8, п. 3',
      'Мира 8 город',
      'Мира 8 Королев А.В.',
      'Мира 8 Орлов',
      'Мира 8, маг. Москва',
      'Мира 8 Томск И. П.',
      'Мира 3, пгт Краснополье'
    ])
      expect([query, found(addresses, query).exact?.address]).toEqual([
        query,
        query.includes('3,') ? 'пгт Краснополье, ул. Мира, 3' : 'ул. Мира, 8'
      ])
  })

  it('takes a large town for home where the book has it, or its addresses leave it out', () => {
    expect(found(['г. Тверь, ул. Ленина, 5', 'г. Энск, ул. Мира, 8'], 'Ленина 5 Тверь').exact?.nodeId).toBe(
      'du-1'
    )
    const home = createAddressIndex(entries(['ул. Ленина, 5']), { homeCities: ['Тверь'] })
    expect(home.find('Ленина 5 Тверь', 10).exact?.nodeId).toBe('du-1')
    // A street of that name is no town.
    expect(found(['ул. Тверь, 5', 'ул. Ленина, 5'], '5 Тверь').exact?.nodeId).toBe('du-1')
  })

  it('takes what stands in brackets for a misspelled town where nothing else is said', () => {
    const addresses = ['с. Петрово, д. 33', 'СНТ Ромашка, уч. 35', 'ул. Мира, 33']
    expect(found(addresses, '(Пеьрово) дом 33').exact?.nodeId).toBe('du-1')
    expect(found(addresses, '(Роммашка) участок 35').exact?.nodeId).toBe('du-2')
    expect(found(addresses, '(Иванов) дом 33').exact).toBeNull()
  })

  it('reads the letter of a liter in the other layout', () => {
    const addresses = ['наб. Советская, 35 литБ', 'ул. Советская, 7']
    expect(found(addresses, 'cjdtncrfz ljv 35 kbn,').exact?.nodeId).toBe('du-1')
    expect(found([...addresses, 'ул. Советская, 35'], 'cjdtncrfz ljv 35 kbn,').exact?.nodeId).toBe('du-1')
  })

  it('lists two towns where none is home', () => {
    const addresses = ['г. Заречный, ул. Ленина, 5', 'г. Светлый, ул. Ленина, 5', 'г. Новый, ул. Мира, 5']
    const { exact, matches } = createAddressIndex(entries(addresses), { homeCities: [] }).find('Ленина 5', 10)
    expect(exact).toBeNull()
    expect(matches.map(({ nodeId }) => nodeId)).toEqual(['du-1', 'du-2'])
  })

  it('lists what another reading of the number finds in another town', () => {
    const addresses = [
      'г. Энск, ул. 1-я Парковая, 33 к 1',
      'г. Энск, ул. Мира, 1',
      'г. Энск, ул. Мира, 2',
      'пгт Светлый, ул. 1-я Парковая, 33'
    ]
    const { exact, matches } = createAddressIndex(entries(addresses), { homeCities: [] }).find(
      'улица 1-я Парковая 33/1',
      10
    )
    expect(exact).toBeNull()
    expect(matches.map(({ nodeId }) => nodeId)).toEqual(['du-1', 'du-4'])
  })

  it('knows a town in brackets, and no person for one', () => {
    const addresses = ['ул. Ленина, 5', 'г. Заречный, ул. Ленина, 5', 'с. Петрово, ул. Ленина, 5']
    for (const query of ['ул. Ленина (Заречный), 5', 'Ленина 5, Заречный', '5 ленина заречный'])
      expect([query, found(addresses, query).exact?.nodeId]).toEqual([query, 'du-2'])
    for (const query of ['ул. Ленина, 5 (Петрова)', 'Мария Петровна, Ленина 5', 'Петров А.А. Ленина 5'])
      expect([query, found(addresses, query).exact?.nodeId]).toEqual([query, 'du-1'])
    const home = createAddressIndex(entries(['ул. Ленина, 5', 'г. Заречный, ул. Ленина, 5']), {
      homeCities: ['Санкт-Петербург']
    })
    expect(home.find('Санкт-Петербург, Ленина 5', 5).exact?.nodeId).toBe('du-1')
  })

  it('tells a kind of street from a name that is one, in the book and in what is said, misspelled too', () => {
    const addresses = ['Верхняя Набережная наб, дом 42', 'ул. Нижняя Набережная, 32']
    for (const query of [
      'верхняя набережная 42',
      'наб. Верхняя Набережная, д. 42',
      'Верхняя Набережная наб., 42'
    ])
      expect([query, found(addresses, query).exact?.nodeId]).toEqual([query, 'du-1'])
    for (const query of ['Нижняя Наббережная 32', 'дом 32 по улице нижней наережной'])
      expect([query, found(addresses, query).exact?.nodeId]).toEqual([query, 'du-2'])
  })

  it('names the street whole where its house has a number of its name', () => {
    expect(found(['ул. 8 Марта, 8', 'ул. 8 Марта, 9'], '8 марта 70').streets).toEqual(['ул. 8 Марта'])
  })

  it('takes one street written in several ways for one', () => {
    const addresses = ['ул. М. Горького, 5', 'ул. Максима Горького, 7', 'ул. Горького, 9']
    for (const [query, id] of [
      ['Горького 5', 'du-1'],
      ['М.Горького 7', 'du-2'],
      ['Максима Горького 9', 'du-3']
    ])
      expect([query, found(addresses, query!).exact?.nodeId]).toEqual([query, id])
    const two = ['ул. Н. Островского, 5', 'ул. А. Островского, 5']
    expect(found(two, 'Островского 5').exact).toBeNull()
    expect(found(two, 'Н. Островского 5').exact?.nodeId).toBe('du-1')
    expect(found(two, 'Александра Островского 5').exact?.nodeId).toBe('du-2')
  })

  it('names both nodes of one building and takes none', () => {
    expect(found(['ул. Ленина, 5', 'улица Ленина 5'], 'Ленина 5')).toMatchObject({
      exact: null,
      matches: { length: 2 }
    })
  })

  it('chooses the node that serves two addresses that fit', () => {
    const node = { id: 'du-1', tier: 'building' as const }
    const index = createAddressIndex(
      [
        { address: 'ул. Мира, 5', node },
        { address: 'пр-т Мира, 5', node }
      ],
      home
    )
    expect(index.find('Мира 5', 10).exact?.nodeId).toBe('du-1')
  })

  it('bounds what it is asked and what it answers', () => {
    const index = createAddressIndex(
      entries(Array.from({ length: 300 }, (_, i) => `ул. Ленина, ${i + 1}`)),
      home
    )
    expect(index.find('Ленина', 1000).matches).toHaveLength(50)
    expect(index.find('Ленина', 0).matches).toHaveLength(1)
    for (const query of ['', ' ', ',,,', '5', '\0', '🚦', '-', 'ул.', 'дом', '((((', '"""']) {
      expect(index.find(query, 5).exact).toBeNull()
    }
  })
})
