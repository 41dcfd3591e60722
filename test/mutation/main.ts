import { shippedRulesFiles, shippedTestsOf } from '../../rules/shipped.ts'
import { readPack, runMutations, survivorsOf, type MutantOutcome } from './run.ts'

// `npm run rules:mutate`: every mutant of the shipped rules with the test that kills it. Exit code 1 where one survives.

const startedMs = performance.now()
const run = runMutations(shippedRulesFiles.map(file => readPack(file, shippedTestsOf(file))))
const survivors = survivorsOf(run)

const resultOf = ({ killedBy, equivalent }: MutantOutcome): string => {
  if (equivalent !== '') return `equivalent: ${equivalent}`
  return killedBy ?? 'SURVIVED'
}
const widthOf = (texts: readonly string[]): number => Math.max(...texts.map(text => text.length))
const ruleWidth = widthOf(run.outcomes.map(({ rule }) => rule))
const changeWidth = widthOf(run.outcomes.map(({ change }) => change))
console.log(`${'rule'.padEnd(ruleWidth)}  ${'mutation'.padEnd(changeWidth)}  killed by`)
for (const outcome of run.outcomes)
  console.log(
    `${outcome.rule.padEnd(ruleWidth)}  ${outcome.change.padEnd(changeWidth)}  ${resultOf(outcome)}`
  )

const rules = [...new Set(run.outcomes.map(({ rule }) => rule))]
const count = (rule: string, of: readonly MutantOutcome[]): number =>
  of.filter(each => each.rule === rule).length
console.log(`\n${'rule'.padEnd(ruleWidth)}  mutants  survivors`)
for (const rule of rules)
  console.log(
    `${rule.padEnd(ruleWidth)}  ${String(count(rule, run.outcomes)).padStart(7)}  ${String(count(rule, survivors)).padStart(9)}`
  )
const equivalent = run.outcomes.filter(each => each.equivalent !== '').length
const killed = run.outcomes.length - survivors.length - equivalent
console.log(
  `\n${run.outcomes.length} mutants of ${rules.length} rules: ${killed} killed, ${equivalent} equivalent, ${survivors.length} survive (${Math.round(performance.now() - startedMs)} ms)`
)
for (const { rule, change } of survivors) console.log(`SURVIVED ${rule}: ${change}`)
for (const wrong of run.wrongEquivalents) console.log(`NOT EQUIVALENT ${wrong}`)
process.exitCode = survivors.length + run.wrongEquivalents.length === 0 ? 0 : 1
