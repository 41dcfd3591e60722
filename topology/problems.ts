import { ProblemsError, type Problem } from '../schemas/config/located-yaml.ts'

/** How many problems are written out in full; the rest are counted in one last line. */
const problemsShownMax = 100

/** Gathers problems up to a limit and counts the rest. */
export interface ProblemList {
  readonly shown: readonly Problem[]
  readonly count: number
  add(problem: Problem): void
  addCounted(problems: readonly Problem[], count: number): void
}

export function problemList(shownMax = problemsShownMax): ProblemList {
  const shown: Problem[] = []
  let count = 0
  return {
    shown,
    get count() {
      return count
    },
    add(problem) {
      count++
      if (shown.length < shownMax) shown.push(problem)
    },
    addCounted(problems, total) {
      count += total
      for (const problem of problems) if (shown.length < shownMax) shown.push(problem)
    }
  }
}

/** Throws every problem of the list at once, with a last line for those not shown. */
export function throwProblems(list: ProblemList): void {
  if (list.count === 0) return
  const rest = list.count - list.shown.length
  const last = list.shown[list.shown.length - 1]
  throw new ProblemsError(
    rest === 0 || last === undefined
      ? list.shown
      : [
          ...list.shown,
          {
            file: last.file,
            line: last.line,
            column: last.column,
            path: '',
            message: `and ${rest} more problems are not shown`,
            remedy: 'correct those above and check again'
          }
        ]
  )
}
