import { ProblemsError, type Problem } from '../schemas/config/located-yaml.ts'
import { compileRules } from './compile.ts'
import type { CompiledRules } from './compiled.ts'
import type { RulesFile } from './read.ts'
import { readRuleTests, runRuleTest } from './rule-tests.ts'

/**
 * What `svetofor check` says of rules: whether they compile, and whether the tests written in the files
 * (docs/rules.md) hold. The tests run through the same kernel and engine as live samples.
 */
export interface RulesCheck {
  readonly problems: readonly Problem[]
  /** null where the rules do not compile. */
  readonly compiled: CompiledRules | null
  readonly testsRun: number
}

/** Never throws on what is in the files. */
export function checkRules(files: readonly RulesFile[]): RulesCheck {
  let compiled: CompiledRules
  try {
    compiled = compileRules(files)
  } catch (error) {
    if (error instanceof ProblemsError) return { problems: error.problems, compiled: null, testsRun: 0 }
    throw error
  }
  const problems: Problem[] = []
  let testsRun = 0
  for (const file of files)
    for (const test of readRuleTests(file, problems)) {
      testsRun++
      problems.push(...runRuleTest(compiled, test))
    }
  return { problems, compiled, testsRun }
}
