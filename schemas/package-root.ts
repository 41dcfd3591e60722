import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of package.json: assets (profiles, rules, migrations, page) are read from it, run from source or from dist/ alike. */
export const packageRoot: string = (() => {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder)
    if (parent === folder) throw new Error('svetofor: package.json not found above the program; reinstall it')
    folder = parent
  }
  return folder
})()
