import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../../schemas/package-root.ts'

const watchdogFile = join(packageRoot, 'daemon', 'process', 'watchdog.ts')

/**
 * A process that turns for a while, then stands still for `stallMs`, then says what it was told. Its limit is a second:
 * a busy machine makes any process wait for some hundred milliseconds.
 */
async function runStalled(stallMs: number): Promise<string[]> {
  const program = `
    import { startWatchdog } from ${JSON.stringify(watchdogFile)}
    const told = []
    const dog = startWatchdog({ stalledMs: 1000, everyMs: 50, onReturn: ms => told.push(ms) })
    setTimeout(() => {
      const end = performance.now() + ${stallMs}
      while (performance.now() < end);
      setTimeout(async () => {
        console.log(JSON.stringify({ told }))
        await dog.stop()
      }, 200)
    }, 500)
  `
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program], {
    cwd: packageRoot,
    stdio: ['ignore', 'pipe', 'inherit']
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await once(child, 'close')
  return output.trim().split('\n')
}

describe('the watchdog', () => {
  it('says from a thread of its own that the main thread stands still, and the main thread for how long it did', async () => {
    const [said, told] = await runStalled(3000)
    expect(JSON.parse(said ?? '')).toMatchObject({
      level: 50,
      msg: expect.stringMatching(/^the main thread does not turn/) as string
    })
    const { told: stalls } = JSON.parse(told ?? '') as { told: number[] }
    expect(stalls).toHaveLength(1)
    expect(stalls[0]).toBeGreaterThanOrEqual(2900)
  })

  it('says nothing while it turns', async () => {
    expect(await runStalled(50)).toEqual(['{"told":[]}'])
  })
})
