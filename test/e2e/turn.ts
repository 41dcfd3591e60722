import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { packageRoot } from '../../schemas/package-root.ts'

/**
 * Files of tests that measure stand side by side where they wait, and take turns where they measure: whoever has the turn has the
 * machine but for what the others left running. The lock is a file with the process id of its holder; that of a process
 * which is gone holds nobody up.
 */
const file = join(packageRoot, '.cache', 'measuring.lock')
const waitMsMax = 240_000

/** Does something while no other file of tests has the turn. Throws after four minutes of waiting for it. */
export async function inTurn<T>(act: () => Promise<T>): Promise<T> {
  await mkdir(join(packageRoot, '.cache'), { recursive: true })
  const untilMs = Date.now() + waitMsMax
  while (!(await take())) {
    if (Date.now() > untilMs) throw new Error(`Waited ${waitMsMax} ms for the turn to measure (${file})`)
    await delay(100)
  }
  try {
    return await act()
  } finally {
    await rm(file, { force: true })
  }
}

async function take(): Promise<boolean> {
  try {
    await writeFile(file, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const holder = Number(await readFile(file, 'utf8').catch(() => '0'))
  // Empty while it is being written.
  if (holder > 0 && !isAlive(holder)) await rm(file, { force: true })
  return false
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
