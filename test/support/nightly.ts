import { spawn } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { packageRoot } from '../../schemas/package-root.ts'

/**
 * `npm run test:nightly`: what takes long and seldom tells anything. It is no part of `npm test`, which has every test already:
 * here random tests are tried far more often, and more of what no test is quick enough for. Ends with 1 at the first failure.
 */
const propertyRounds = 20
const chaosCycles = 20
const chaosSeeds = [1, 2, 3]
const formatsFile = join(packageRoot, '.cache', 'nightly-formats.json')

async function run(args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, args, { cwd: packageRoot, stdio: 'inherit' })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', resolve)
  })
  if (code !== 0) throw new Error(`node ${args.join(' ')} ended with ${code ?? 'a signal'}`)
}

/** Each round draws anew; a failure prints the seed that brings it back. */
async function properties(): Promise<void> {
  for (let round = 1; round <= propertyRounds; round++) {
    console.log(`nightly: random tests, round ${round} of ${propertyRounds}`)
    await run(['node_modules/vitest/vitest.mjs', 'run', '--project', 'property', '--reporter', 'dot'])
  }
}

/** A million generated and mutated records, read by the kernel and by the reference decoder. */
async function formats(): Promise<void> {
  await mkdir(join(packageRoot, '.cache'), { recursive: true })
  await run(['dist/bench/run.js', 'formats', '--runs', '1', '--json', formatsFile])
  const report = JSON.parse(await readFile(formatsFile, 'utf8')) as {
    readonly figures: Readonly<Record<string, number>>
  }
  const differences = report.figures['parity_differences']
  if (differences !== 0)
    throw new Error(
      `The kernel reads ${differences} batches otherwise than the decoder; each is printed above with its seed.`
    )
}

/** Every kind of scenario with some seeds, against the bars; what the demonstration alerts; and a healthy city for days. */
async function scenarios(): Promise<void> {
  const play = (...args: readonly string[]): Promise<void> =>
    run(['--import', 'tsx', 'test/scenarios/main.ts', ...args])
  await play('--seeds', '1-10')
  await play('--demo', '15')
  await play('--demo-live', '15')
  await play('--quiet', '2000')
}

/** Three million names that no inventory knows. */
const flood = (): Promise<void> => run(['--import', 'tsx', 'test/flood/main.ts'])

/** Everything that may break, at random: the figures are in docs/chaos.md. */
async function chaos(): Promise<void> {
  for (const seed of chaosSeeds)
    await run([
      '--import',
      'tsx',
      'test/chaos/main.ts',
      '--cycles',
      String(chaosCycles),
      '--seed',
      String(seed)
    ])
}

const startMs = Date.now()
try {
  await properties()
  await scenarios()
  await formats()
  await flood()
  await chaos()
  console.log(`nightly: all well after ${Math.round((Date.now() - startMs) / 1000)} s`)
} catch (error) {
  console.error(`nightly: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
