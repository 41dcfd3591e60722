import { playCase, readCases, readKnownWrong } from '../support/field-cases.ts'

// Prints what became of every case of test/cases/: `npm run test:cases`, or with names of cases behind `--`.

const wanted = process.argv.slice(2)
const knownWrong = readKnownWrong()
let unexpected = 0
for (const read of readCases().filter(({ id }) => wanted.length === 0 || wanted.includes(id))) {
  const { id, wrong, elsewhere } = await playCase(read)
  const known = knownWrong.get(id)
  const isRight = wrong.length === 0
  const verdict =
    elsewhere !== '' ? 'not here' : isRight ? 'right' : known === undefined ? 'WRONG' : 'known wrong'
  console.log(`${verdict.padEnd(12)} ${id.padEnd(34)} ${elsewhere}`.trimEnd())
  if (wanted.length > 0 || verdict === 'WRONG')
    for (const line of wrong) console.log(`${' '.repeat(13)}${line}`)
  if (verdict === 'WRONG') unexpected++
  if (isRight && known !== undefined) {
    console.log(`${' '.repeat(13)}is right now: take it off test/cases/known-wrong.json`)
    unexpected++
  }
}
process.exitCode = unexpected === 0 ? 0 : 1
