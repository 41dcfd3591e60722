import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { packageRoot } from '../../schemas/package-root.ts'
import type { Comparison } from './compare.ts'
import { mutationKinds, type MutationKind } from './mutations.ts'
import { missingPrograms } from './programs.ts'
import { runField, runSimulated, type FieldResult } from './run.ts'
import { readWalks } from './walk.ts'

/** `npm run test:field`: see docs/field.md. Exit codes: 0 all as read off the walks, 1 not, 2 wrong input or a program that is not there. */
const shippedWalks = join(packageRoot, 'test', 'field', 'walks')
const differencesShown = 200

const say = (line: string): void => void process.stdout.write(`${line}\n`)

const seconds = (text: string): number => {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 2 || value > 600)
    throw new InvalidArgumentError('give whole seconds from 2 to 600')
  return value
}

const kindsOf = (text: string): MutationKind[] => {
  if (text === 'none') return []
  const kinds = text.split(',').map(each => each.trim())
  const wrong = kinds.find(kind => !mutationKinds.includes(kind as MutationKind))
  if (wrong !== undefined) throw new InvalidArgumentError(`${wrong} is none of ${mutationKinds.join(', ')}`)
  return kinds as MutationKind[]
}

const program = new Command('field')
  .description('devices played from walks, through Telegraf with the shipped files, Kafka and the daemon')
  .option('--walks <folder...>', 'folders with walks (.snmprec) beside or in place of our own', [
    shippedWalks
  ])
  .option('--only <text>', 'walks whose name holds this text')
  .option('--kinds <list>', `what befalls them, or none: ${mutationKinds.join(', ')}`, kindsOf, [
    ...mutationKinds
  ])
  .option('--interval <seconds>', 'how often everything is polled', seconds, 10)
  .option('--simulated', 'no server and no collector: records as Telegraf makes them, in simulated time')
  .option('--keep', 'keep the folder of the run')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse()
const {
  walks: folders,
  only,
  kinds,
  interval,
  simulated,
  keep
} = program.opts<{
  walks: string[]
  only?: string
  kinds: MutationKind[]
  interval: number
  simulated?: boolean
  keep?: boolean
}>()

const missing = simulated === true ? '' : missingPrograms()
if (missing !== '') {
  say(`\n*** THE FIELD TEST CANNOT RUN. It needs:\n- ${missing}\n`)
  process.exit(2)
}
const walks = folders
  .flatMap(folder => readWalks(folder))
  .filter(({ name }) => only === undefined || name.includes(only))
if (walks.length === 0) {
  say(`no .snmprec in ${folders.join(', ')}`)
  process.exit(2)
}
const run = simulated === true ? runSimulated : runField
const result = await run({ walks, intervalS: interval, kinds, keep: keep === true, say })
if (result === null) process.exit(2)
process.exitCode = report(result) ? 0 : 1

/** Prints what was found; whether all is right. */
function report({ comparisons, lights }: FieldResult): boolean {
  say(
    `\n${'device'.padEnd(44)}${['same', 'wrong', 'missing', 'foreign'].map(text => text.padStart(9)).join('')}  light`
  )
  for (const comparison of comparisons) {
    const counts = [comparison.same, ...countsOf([comparison])]
    const light = lights.find(({ device, kind }) => device === comparison.device && kind === 'healthy')
    const said = light === undefined ? '' : light.wrong.length === 0 ? 'green' : 'NOT GREEN'
    say(`${comparison.device.padEnd(44)}${counts.map(count => String(count).padStart(9)).join('')}  ${said}`)
  }
  const [wrong = 0, absent = 0, foreign = 0] = countsOf(comparisons)
  const same = comparisons.reduce((sum, one) => sum + one.same, 0)
  say(
    `${'all'.padEnd(44)}${[same, wrong, absent, foreign].map(count => String(count).padStart(9)).join('')}\n`
  )
  const differences = comparisons.flatMap(one => one.differences)
  for (const one of differences.slice(0, differencesShown))
    say(
      `${one.what}: ${one.device} ${one.signal} ${one.instance}: read ${one.read ?? '-'}, stored ${one.stored ?? '-'} ${one.from}`
    )
  if (differences.length > differencesShown) say(`… and ${differences.length - differencesShown} more`)
  for (const { device, kind, wrong: lines } of lights)
    for (const line of lines) say(`${device} (${kind}): ${line}`)
  for (const kind of ['healthy', ...mutationKinds] as const) {
    const of = lights.filter(one => one.kind === kind)
    const right = of.filter(one => one.wrong.length === 0)
    if (of.length > 0) say(`${kind.padEnd(27)} ${right.length} of ${of.length} as expected`)
  }
  return differences.length === 0 && lights.every(one => one.wrong.length === 0)
}

function countsOf(comparisons: readonly Comparison[]): number[] {
  const all = comparisons.flatMap(({ differences }) => differences)
  return (['wrong', 'missing', 'foreign'] as const).map(what => all.filter(one => one.what === what).length)
}
