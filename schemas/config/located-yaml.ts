import {
  LineCounter,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  parseDocument,
  type Node as YamlNode
} from 'yaml'

/** One thing wrong in a file: where it stands, what it is, and what to do. */
export interface Problem {
  readonly file: string
  /** 0 where the place has no lines: an environment variable. */
  readonly line: number
  readonly column: number
  /** Path inside the document, such as `rules[3].raise.above`. */
  readonly path: string
  readonly message: string
  readonly remedy: string
}

export type Path = readonly (string | number)[]

/** A parsed YAML document that still knows where each value stands. */
export interface LocatedYaml {
  readonly file: string
  readonly value: unknown
  readonly problems: readonly Problem[]
  /** A problem at the value (or the nearest parent that exists) of this path. */
  problemAt(path: Path, message: string, remedy: string): Problem
}

export class ProblemsError extends Error {
  readonly problems: readonly Problem[]
  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'))
    this.name = 'ProblemsError'
    this.problems = problems
  }
}

/** `file:line:column: path: message; remedy` — the form editors and compilers use. */
export function formatProblem(p: Problem): string {
  const at = p.path === '' ? '' : `${p.path}: `
  const remedy = p.remedy === '' ? '' : `; ${p.remedy}`
  const place = p.line === 0 ? p.file : `${p.file}:${p.line}:${p.column}`
  return `${place}: ${at}${p.message}${remedy}`
}

/** Where a thing is written. */
export type FilePlace = Pick<Problem, 'file' | 'line' | 'column'>

/** `file:line`, for what is shown to people. */
export const placeText = ({ file, line }: Pick<FilePlace, 'file' | 'line'>): string => `${file}:${line}`

export function pathText(path: Path): string {
  let text = ''
  for (const step of path) text += typeof step === 'number' ? `[${step}]` : text === '' ? step : `.${step}`
  return text
}

export function parseLocatedYaml(file: string, text: string): LocatedYaml {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    maxAliasCount: 100
  } as never)
  const problem = (position: number, path: Path, message: string, remedy: string): Problem => {
    const { line, col } = lines.linePos(position)
    return { file, line: Math.max(line, 1), column: Math.max(col, 1), path: pathText(path), message, remedy }
  }
  const problems = document.errors.map(error =>
    problem(error.pos[0], [], `not valid YAML: ${error.message}`, 'correct the syntax here')
  )
  const positionOf = (path: Path): number => {
    let node: unknown = document.contents
    let position = rangeStart(node) ?? 0
    for (const step of path) {
      let next: unknown
      if (isMap(node)) {
        const pair = node.items.find(item => isScalar(item.key) && String(item.key.value) === String(step))
        if (isPair(pair)) {
          position = rangeStart(pair.key) ?? position
          next = pair.value
        }
      } else if (isSeq(node)) {
        next = node.items[Number(step)]
      }
      if (next === undefined || next === null) return position
      if (!isMap(node)) position = rangeStart(next) ?? position
      node = next
    }
    return position
  }
  return {
    file,
    value: problems.length > 0 ? undefined : document.toJS(),
    problems,
    problemAt: (path, message, remedy) => problem(positionOf(path), path, message, remedy)
  }
}

function rangeStart(node: unknown): number | undefined {
  return isNode(node) ? ((node as YamlNode).range?.[0] ?? undefined) : undefined
}
