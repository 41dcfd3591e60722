import { readFileSync } from 'node:fs'
import { ProblemsError } from '../schemas/config/located-yaml.ts'
import { inspectConfig, type Config } from '../schemas/config/reading.ts'

/** With a wrong configuration the files it names are looked into as well: whoever mends it learns all at once. */
export async function readConfig(file: string | undefined): Promise<Config> {
  const { config, problems } = inspectConfig({
    env: process.env,
    readFile: path => readFileSync(path, 'utf8'),
    ...(file === undefined ? {} : { file })
  })
  if (problems.length === 0) return config
  const { definitionProblems } = await import('./judging/definitions.ts')
  throw new ProblemsError([...problems, ...(await definitionProblems(config))])
}
