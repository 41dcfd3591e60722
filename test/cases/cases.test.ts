import { describe, expect, it } from 'vitest'
import { playCase, readCases, readKnownWrong } from '../support/field-cases.ts'

/** Each case comes out right, or stands in known-wrong.json; one that turns right must be taken off that list. */
describe('cases from the field', () => {
  const knownWrong = readKnownWrong()
  const cases = readCases()

  it('names known cases only as known wrong', () => {
    const ids = cases.filter(({ elsewhere }) => elsewhere === undefined).map(({ id }) => id)
    expect([...knownWrong.keys()].filter(id => !ids.includes(id))).toEqual([])
  })

  for (const read of cases) {
    const { id, elsewhere } = read
    if (elsewhere !== undefined) {
      it.skip(`${id}: ${elsewhere}`, () => undefined)
      continue
    }
    it(knownWrong.has(id) ? `${id} is still wrong` : id, async () => {
      const { wrong } = await playCase(read)
      if (knownWrong.has(id)) expect(wrong, 'it is right now: take it off known-wrong.json').not.toEqual([])
      else expect(wrong).toEqual([])
    })
  }
})
