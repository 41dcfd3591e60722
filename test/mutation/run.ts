import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ProblemsError, formatProblem, type Problem } from '../../schemas/config/located-yaml.ts'
import { packageRoot } from '../../schemas/package-root.ts'
import { compileDrafts } from '../../rules/compile.ts'
import { ruleLabel, type CompiledRules } from '../../rules/compiled.ts'
import { readRulesFiles, type RulesFile } from '../../rules/read.ts'
import type { RuleDraft } from '../../rules/reading/drafts.ts'
import { readRuleTests, runRuleTest } from '../../rules/rule-tests.ts'
import { equivalentMutants } from './equivalent.ts'
import { mutantsOf } from './mutants.ts'

/** A pack of rules with the tests that are shipped with it. */
export interface Pack {
  readonly rules: RulesFile
  readonly tests: RulesFile
}

export interface MutantOutcome {
  readonly rule: string
  readonly change: string
  /** Name of the first test of the pack that fails; null where none does, and the mutant survives. */
  readonly killedBy: string | null
  /** Why nobody could see it; '' for a mutant that must be killed. */
  readonly equivalent: string
}

export interface MutationRun {
  readonly outcomes: readonly MutantOutcome[]
  /** Entries of the list of equivalent mutants that are none: killed, or of no rule. */
  readonly wrongEquivalents: readonly string[]
}

export function readPack(rulesFile: string, testsFile: string): Pack {
  const read = (file: string): RulesFile => ({ file, text: readFileSync(join(packageRoot, file), 'utf8') })
  return { rules: read(rulesFile), tests: read(testsFile) }
}

/**
 * Plays the tests of each pack against each mutant of its rules. Each mutant is compiled with all packs, as the daemon would.
 * Throws where the packs do not compile or a test fails without any mutant.
 */
export function runMutations(packs: readonly Pack[], equivalents = equivalentMutants): MutationRun {
  const problems: Problem[] = []
  const drafts = readRulesFiles(
    packs.map(pack => pack.rules),
    problems
  )
  const unchanged = compileDrafts(drafts, [], problems)
  const outcomes: MutantOutcome[] = []
  const wrongEquivalents = new Set(
    equivalents.map(({ rule, change }) => `${rule}: ${change}: no such mutant`)
  )
  for (const { rules, tests: testsFile } of packs) {
    const tests = readRuleTests(testsFile, problems)
    problems.push(...tests.flatMap(test => runRuleTest(unchanged, test)))
    if (problems.length > 0) throw new ProblemsError(problems)
    for (const draft of drafts.filter(({ writtenAt }) => writtenAt.file === rules.file)) {
      const rule = ruleLabel(draft.name, draft.qualifier)
      for (const mutant of mutantsOf(draft)) {
        const compiled = compileMutant(drafts, draft, mutant.draft, `${rule}: ${mutant.change}`)
        const killedBy =
          compiled === null
            ? 'the compiler'
            : (tests.find(test => runRuleTest(compiled, test).length > 0)?.name ?? null)
        const known = equivalents.find(each => each.rule === rule && each.change === mutant.change)
        if (known !== undefined) {
          wrongEquivalents.delete(`${rule}: ${mutant.change}: no such mutant`)
          if (killedBy !== null) wrongEquivalents.add(`${rule}: ${mutant.change}: killed by "${killedBy}"`)
        }
        outcomes.push({ rule, change: mutant.change, killedBy, equivalent: known?.because ?? '' })
      }
    }
  }
  return { outcomes, wrongEquivalents: [...wrongEquivalents] }
}

/**
 * Mutants are made so that they compile: one that does not says nothing of the tests, and is a fault of the run. Only of a series' one baseline the
 * compiler itself says that two rules differ: null.
 */
function compileMutant(
  drafts: readonly RuleDraft[],
  draft: RuleDraft,
  instead: RuleDraft | null,
  name: string
): CompiledRules | null {
  try {
    return compileDrafts(
      drafts.flatMap(each => (each === draft ? (instead ?? []) : each)),
      instead === null ? [draft] : []
    )
  } catch (error) {
    if (!(error instanceof ProblemsError)) throw error
    if (error.problems.every(({ path }) => path.endsWith('.baseline'))) return null
    throw new Error(`${name} does not compile: ${error.problems.map(formatProblem).join('; ')}`, {
      cause: error
    })
  }
}

/** Mutants that no test kills and nobody has argued away. */
export const survivorsOf = ({ outcomes }: MutationRun): readonly MutantOutcome[] =>
  outcomes.filter(({ killedBy, equivalent }) => killedBy === null && equivalent === '')
