import { open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Marks a data folder as in use by this process. */
export interface FolderLock {
  release(): Promise<void>
}

/**
 * Takes the folder for this process. Throws one sentence when another live process has it; a lock left behind by a
 * process that is gone (kill -9, power) is taken over.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const file = join(folder, 'svetofor.lock')
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const handle = await open(file, 'wx')
      await handle.writeFile(String(process.pid))
      await handle.close()
      return { release: () => rm(file, { force: true }) }
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
      const holder = Number(await readFile(file, 'utf8').catch(() => ''))
      if (isAlive(holder)) break
      await rm(file, { force: true })
    }
  }
  const holder = await readFile(file, 'utf8').catch(() => 'unknown')
  throw new Error(
    `the data folder ${folder} is in use by process ${holder}: stop that one, or choose another folder with --data`
  )
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Another user's process may not be signalled, but it is there.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
