import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, get, type IncomingMessage } from 'node:http'

/**
 * Asks a server one request after the other over one connection, in a process of its own as callers are: what they allocate is not
 * collected with what the server does. Arguments: URL, file of paths (JSON, an array). Its last line is JSON.
 */
export interface Asked {
  /** From sending a request to the last byte of its answer (ms), in the order of the paths. */
  readonly ms: readonly number[]
  readonly statuses: readonly number[]
}

const [url = '', file = ''] = process.argv.slice(2)
const paths = JSON.parse(readFileSync(file, 'utf8')) as string[]
const agent = new Agent({ keepAlive: true, maxSockets: 1 })
const ms = new Float64Array(paths.length)
const statuses = new Uint16Array(paths.length)
for (const [i, path] of paths.entries()) {
  const startedMs = performance.now()
  const [response] = (await once(get(`${url}${path}`, { agent }), 'response')) as [IncomingMessage]
  response.resume()
  await once(response, 'end')
  ms[i] = performance.now() - startedMs
  statuses[i] = response.statusCode ?? 0
}
agent.destroy()
const asked: Asked = { ms: Array.from(ms, value => Math.round(value * 1000) / 1000), statuses: [...statuses] }
process.stdout.write(`${JSON.stringify(asked)}\n`)
