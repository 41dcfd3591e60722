import { createRequire } from 'node:module'
import { dirname, extname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * Node options for a thread whose entry is of the same kind as `moduleUrl`: none for compiled JavaScript; run from
 * source, the thread needs a TypeScript loader of its own. `--import tsx` registers on the main thread only, so the
 * thread registers it by tsx's API.
 */
export function threadExecArgv(moduleUrl: string): string[] {
  if (extname(moduleUrl) !== '.ts') return []
  // require() would resolve the CommonJS form of the API, which cannot register in a thread.
  const tsx = dirname(createRequire(moduleUrl).resolve('tsx/package.json'))
  const api = pathToFileURL(join(tsx, 'dist', 'esm', 'api', 'index.mjs')).href
  const source = `import { register } from ${JSON.stringify(api)}; register()`
  return ['--import', `data:text/javascript,${encodeURIComponent(source)}`]
}
