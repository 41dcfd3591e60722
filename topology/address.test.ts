import { describe, expect, it } from 'vitest'
import { createAddressIndex, type AddressEntry } from './address-index.ts'
import { fromLatinLayout, normaliseAddress, parseAddress } from './address.ts'
import { generateCity } from '../embedded/simulator/city.ts'

const home = { homeCities: ['Калуга'] }
const context = { homeCities: new Set(['калуга']), towns: new Set(['заречный']) }

const entries = (addresses: readonly string[]): AddressEntry[] =>
  addresses.map((address, i) => ({ address, node: { id: `du-${i + 1}`, tier: 'building' } }))

describe('normaliseAddress', () => {
  it.each([
    [
      'улица тютчева, дом 1 к 2',
      [
        'ул. Тютчева, 1 к 2',
        'Ул Тютчева 1к2',
        'улица тютчева д.1 корп. 2',
        'Тютчева ул., дом 1, корпус 2, кв. 15',
        '248000, г. Калуга, ул. Тютчева, д. 1, кор 2',
        'Калуга, ул Тютчева, 1-к2',
        'ул. Tютчeвa, 1 k 2',
        'Россия, Калужская обл., г Калуга, ул Тютчева, 1 к 2, оф 7'
      ]
    ],
    ['улица 8 марта, дом 15', ['ул. 8 Марта, 15', 'ул 8 марта д15', '8 Марта ул., 15 кв 3']],
    ['улица 50 лет октября, дом 3', ['ул. 50 лет Октября, 3', 'ул 50-летия октября 3']],
    ['улица 1 парковая, дом 7а', ['ул. 1-я Парковая, 7А', 'ул Парковая 1-я 7 а', 'первая парковая ул, 7A']],
    ['пр мира, дом 15/2', ['пр. Мира, 15/2', 'пр Мира 15-2', 'ПР МИРА 15 / 2']],
    ['проспект мира, дом 5', ['пр-т Мира, 5', 'просп. Мира 5', 'пр-кт Мира д 5', 'Мира проспект 5']],
    ['микрорайон 5, дом 7', ['мкр. 5, д. 7', '5 мкрн 7', 'м-н 5 дом 7']],
    ['улица ленина, дом 7 стр 2', ['ул Ленина 7 стр. 2', 'ул. Ленина, 7с2', 'ул. Ленина, д 7, строение 2']],
    [
      'г заречный, улица ленина, дом 5',
      ['г. Заречный, ул. Ленина, 5', 'Заречный, ул Ленина 5', 'Заречный ул Ленина 5']
    ]
  ])('%s', (canonical, variants) => {
    for (const variant of variants) expect(normaliseAddress(variant, context)).toBe(canonical)
  })

  it('keeps a flat apart from the house', () => {
    expect(parseAddress('ул. Ленина, 7 к 1, кв 3').house).toMatchObject({
      number: '7',
      corpus: '1',
      flat: '3'
    })
    expect(parseAddress('Ленина 5 30').house).toMatchObject({ number: '5', flat: '30' })
    expect(parseAddress('Ленина').house).toBeNull()
  })

  it('turns a slip of the keyboard layout', () => {
    expect(fromLatinLayout('Ktybyf 5')).toBe('ленина 5')
  })
})

describe('createAddressIndex', () => {
  const found = (addresses: readonly string[], query: string) =>
    createAddressIndex(entries(addresses), home).find(query, 10)

  it('never picks between buildings', () => {
    const streets = ['ул. Мира, 5', 'пр-т Мира, 5', 'проезд Мира, 5']
    expect(found(streets, 'Мира 5')).toMatchObject({ exact: null, matches: { length: 3 } })
    expect(found(streets, 'пр Мира 5').exact).toBeNull()
    expect(found(streets, 'пр-т Мира 5').exact?.nodeId).toBe('du-2')
    expect(found(['ул. Ленина, 5', 'ул. Ленина, 5 к 30'], 'Ленина 5-30').exact).toBeNull()
    expect(found(['ул. Большая Покровская, 4', 'ул. Малая Покровская, 4'], 'Покровская 4').exact).toBeNull()
  })

  it('takes a building as written before any other reading', () => {
    const addresses = ['ул. Ленина, 5', 'ул. Ленина, 5/2', 'ул. Ленина, 5 к 2', 'ул. Ленина, 5А']
    expect(found(addresses, 'Ленина 5').exact?.nodeId).toBe('du-1')
    expect(found(addresses, 'Ленина 5/2').exact?.nodeId).toBe('du-2')
    expect(found(addresses, 'Ленина 5 корп 2').exact?.nodeId).toBe('du-3')
    expect(found(addresses, 'Ленина 5 a').exact?.nodeId).toBe('du-4')
  })

  it('reads a slash as corpus or flat where only one building fits', () => {
    expect(found(['ул. Ленина, 5'], 'Ленина 5-30').exact?.nodeId).toBe('du-1')
    expect(found(['ул. Ленина, 15 к 2'], 'Ленина 15/2').exact?.nodeId).toBe('du-1')
    expect(found(['ул. Ленина, 15/2'], 'Ленина 15 к 2').exact?.nodeId).toBe('du-1')
  })

  it('offers, but does not take, what is only near', () => {
    for (const query of [
      'Тютчева 1',
      'Тючева 1 к 2',
      'Тют 1 к 2',
      'пр-т Тютчева 1 к 2',
      'Тютчева 1 к 3',
      'Тютчева'
    ]) {
      const { exact, matches } = found(['ул. Тютчева, 1 к 2'], query)
      expect([query, exact, matches[0]?.nodeId]).toEqual([query, null, 'du-1'])
    }
    expect(found(['ул. Ленина, 1А'], 'Ленина 1 литер А')).toMatchObject({
      exact: null,
      matches: [{ nodeId: 'du-1' }]
    })
  })

  it('lets names be shortened, and tells shortened ones apart', () => {
    expect(found(['ул. М. Горького, 5'], 'Горького 5').exact).not.toBeNull()
    expect(found(['ул. М. Горького, 5'], 'Максима Горького 5').exact).not.toBeNull()
    expect(found(['ул. Горького, 5'], 'М. Горького, 5').exact).not.toBeNull()
    expect(found(['ул. Академика Павлова, 5'], 'Павлова 5').exact).not.toBeNull()
    const both = ['ул. Большая Покровская, 4', 'ул. Малая Покровская, 4']
    expect(found(both, 'Б. Покровская 4').exact?.nodeId).toBe('du-1')
    expect(found(both, 'М. Покровская 4').exact?.nodeId).toBe('du-2')
    expect(found(['пер. Лесной, 4'], 'п. Лесной 4').exact).not.toBeNull()
  })

  it('keeps numbered streets apart', () => {
    expect(found(['ул. 1-я Парковая, 4', 'ул. 2-я Парковая, 4'], 'Парковая 4').exact).toBeNull()
    expect(found(['ул. 1-я Парковая, 4', 'ул. 2-я Парковая, 4'], '2 парковая 4').exact?.nodeId).toBe('du-2')
  })

  it('stands at home when no town is written', () => {
    const addresses = ['ул. Ленина, 5', 'г. Заречный, ул. Ленина, 5']
    expect(found(addresses, 'Ленина 5').exact?.nodeId).toBe('du-1')
    expect(found(addresses, 'г. Калуга, Ленина 5').exact?.nodeId).toBe('du-1')
    expect(found(addresses, 'Заречный Ленина 5').exact?.nodeId).toBe('du-2')
    expect(found(['г. Заречный, ул. Ленина, 5'], 'Ленина 5')).toMatchObject({
      exact: null,
      matches: [{ nodeId: 'du-1' }]
    })
  })

  it('names both nodes of one building and takes none', () => {
    const index = createAddressIndex(entries(['ул. Ленина, 5', 'улица Ленина 5']), home)
    expect(index.find('Ленина 5', 10)).toMatchObject({ exact: null, matches: { length: 2 } })
  })

  it('understands a query typed in the Latin layout or with Latin letters', () => {
    expect(found(['ул. Ленина, 5'], 'ktybyf 5').exact?.nodeId).toBe('du-1')
    expect(found(['ул. Ленина, 5А'], 'Ленина 5A').exact?.nodeId).toBe('du-1')
  })

  it('bounds what it is asked and what it answers', () => {
    const index = createAddressIndex(
      entries(Array.from({ length: 300 }, (_, i) => `ул. Ленина, ${i + 1}`)),
      home
    )
    expect(index.find('Ленина', 1000).matches).toHaveLength(50)
    expect(index.find('Ленина', 0).matches).toHaveLength(1)
    expect(index.find(`Ленина 5 ${'я'.repeat(100_000)}`, 5).matches.length).toBeLessThanOrEqual(5)
    for (const query of ['', ' ', ',,,', '5', '\0', '🚦', '-', 'ул.']) {
      expect(index.find(query, 5).exact).toBeNull()
    }
  })

  it('finds every building of a city by its own address', () => {
    const city = generateCity({ nodes: 3000, seed: 11 })
    const list = city.nodes.flatMap(node => node.addresses.map(address => ({ address, node })))
    const index = createAddressIndex(list, { homeCities: [] })
    expect(index.size).toBe(list.length)
    const missed = list.filter(({ address, node }) => index.find(address, 5).exact?.nodeId !== node.id)
    expect(missed.map(({ address }) => address)).toEqual([])
  })
})
