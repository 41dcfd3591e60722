import { randomBytes } from 'node:crypto'
import { chmod, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import { isMap, isNode, isScalar, isSeq, parseDocument, type YAMLMap } from 'yaml'
import type { Config } from '../../schemas/config/reading.ts'
import { loadDefinitions } from '../judging/definitions.ts'
import { WrongInput } from '../process/wrong-input.ts'

/** `svetofor rules promote`: the rules in shadow become the live ones, in the configuration file and in the running daemon. */
export interface PromoteCommand {
  /** As it was read from the file. */
  readonly config: Config
  readonly configFile: string
  /** Variables of the environment: what they set cannot be changed in the file. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The running daemon; it need not be there. */
  readonly url: string
  readonly token: string
  readonly print: (line: string) => void
  readonly printError: (line: string) => void
}

const reloadMsMax = 120_000

/**
 * Gives the exit code: 0 done, 1 where the file is written and the daemon refused to reload. Throws WrongInput and ProblemsError, and
 * changes nothing, for what is wrong with the input.
 */
export async function promoteCommand(command: PromoteCommand): Promise<0 | 1> {
  const { config, configFile, environment, print } = command
  for (const variable of ['SVETOFOR_RULES_FILES', 'SVETOFOR_RULES_SHADOW'])
    if (environment[variable] !== undefined)
      throw new WrongInput(
        `${variable} is set, and counts before the configuration file; set SVETOFOR_RULES_FILES to the files in shadow, empty SVETOFOR_RULES_SHADOW, and restart the daemon`
      )
  if (config.rules.shadow.length === 0)
    throw new WrongInput(`${configFile} names no rules under rules.shadow: there is nothing to promote`)
  // What is wrong with the rules in shadow, or with anything they are judged with, is thrown here.
  const { shadow } = await loadDefinitions(config, 1)
  // Beside what it replaces, also where that is named by a link: a file is renamed within one file system only.
  const file = await realpath(configFile)
  const before = await readFile(file, 'utf8')
  await replaceFile(file, promoted(before, configFile))
  print(
    `${configFile}: ${config.rules.shadow.join(', ')} (${shadow?.rules.length ?? 0} rules with the shipped ones) are the live rules; nothing is in shadow.`
  )
  return reload(command)
}

/**
 * The text of the configuration with `rules.shadow` in the place of `rules.files`, and nothing in shadow. Whatever else it says, its
 * comments too, stays as it is written. Throws WrongInput where its form does not allow that.
 */
export function promoted(text: string, configFile: string): string {
  const document = parseDocument(text)
  const [error] = document.errors
  if (error !== undefined) throw new WrongInput(`${configFile}: ${error.message}`)
  const rules = document.get('rules')
  if (!isMap(rules)) throw new WrongInput(`${configFile} has no section rules`)
  const shadow = placeOf(rules, 'shadow', text)
  if (shadow === undefined || !isSeq(rules.get('shadow', true)))
    throw new WrongInput(`${configFile}: rules.shadow is no list written in place; write its files there`)
  const files = placeOf(rules, 'files', text)
  // Both stand in one map, so what is written of one can stand at the other.
  const list = text.slice(shadow.from, shadow.to)
  const indent = /[^\n]*$/.exec(text.slice(0, shadow.keyFrom))?.[0] ?? ''
  const edits = [
    { from: shadow.from, to: shadow.to, by: ' []' },
    files === undefined
      ? {
          from: shadow.keyFrom,
          to: shadow.keyFrom,
          by: `files:${list}${rules.flow === true ? ', ' : `\n${indent}`}`
        }
      : { from: files.from, to: files.to, by: list }
  ]
  const changed = edits
    .sort((a, b) => b.from - a.from)
    .reduce((whole, { from, to, by }) => whole.slice(0, from) + by + whole.slice(to), text)
  rules.set('files', rules.get('shadow', true))
  rules.set('shadow', document.createNode([]))
  const after = parseDocument(changed)
  if (after.errors.length > 0 || !isDeepStrictEqual(after.toJS(), document.toJS()))
    throw new WrongInput(
      `${configFile}: the section rules is written in a form that cannot be changed safely; move the files by hand`
    )
  return changed
}

interface Place {
  readonly keyFrom: number
  /** Behind the colon, and behind the last that is written of the value. */
  readonly from: number
  readonly to: number
}

function placeOf(map: YAMLMap, name: string, text: string): Place | undefined {
  const pair = map.items.find(({ key }) => isScalar(key) && key.value === name)
  const [key, value] = [pair?.key, pair?.value]
  if (!isScalar(key) || !isNode(value) || !key.range || !value.range) return undefined
  const from = text.indexOf(':', key.range[1]) + 1
  return { keyFrom: key.range[0], from, to: from + text.slice(from, value.range[1]).trimEnd().length }
}

/** All of it or nothing: a file beside it that is written whole takes its place, with its rights. */
async function replaceFile(file: string, text: string): Promise<void> {
  const { mode } = await stat(file)
  const beside = `${file}.${randomBytes(4).toString('hex')}.tmp`
  try {
    const handle = await open(beside, 'wx', mode)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    // What the mask of the process has taken away.
    await chmod(beside, mode & 0o7777)
    await rename(beside, file)
  } catch (error) {
    await rm(beside, { force: true })
    const why = error instanceof Error ? error.message : String(error)
    throw new WrongInput(`${file} cannot be written (${why}); nothing was changed`)
  }
}

async function reload({ url, token, print, printError }: PromoteCommand): Promise<0 | 1> {
  let answer: Response
  try {
    answer = await fetch(new URL('/api/v1/reload', url), {
      method: 'POST',
      headers: token === '' ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(reloadMsMax)
    })
  } catch (error) {
    const { name, cause, message } = error as Error & { cause?: { code?: string; message?: string } }
    const why = name === 'TimeoutError' ? `no answer in ${reloadMsMax / 1000} s` : (cause?.code ?? message)
    print(`No daemon answers at ${url} (${why}): the next start, or reload (SIGHUP), takes them over.`)
    return 0
  }
  const body = await answer.text()
  if (answer.ok) {
    print(`The daemon at ${url} has taken them over.`)
    return 0
  }
  printError(
    `error: the daemon at ${url} did not reload (${answer.status}: ${detailOf(body)}); it judges by the rules it had. Correct that and send it SIGHUP, or POST ${url}/api/v1/reload`
  )
  return 1
}

function detailOf(body: string): string {
  try {
    const { title, detail } = JSON.parse(body) as { title?: unknown; detail?: unknown }
    return [title, detail].filter(part => typeof part === 'string').join('. ')
  } catch {
    return body.slice(0, 200)
  }
}
