import { describe, expect, it } from 'vitest'
import { findKafka } from '../../bench/support/kafka.ts'
import { faultKinds } from './faults.ts'
import { noDifference } from './compare.ts'
import { runChaos } from './run.ts'

// Each kind once, then what happens most often most often; `npm run test:nightly` commits more of them, and docs/chaos.md says what came of it.
const cycles = 20
const seed = 20
const found = await findKafka({ own: true })
if ('missing' in found) {
  if ((process.env['CI'] ?? '') !== '') throw new Error(found.missing)
  console.warn(`\n*** SKIPPED: ${found.missing}\n`)
}

describe.skipIf('missing' in found)('chaos', () => {
  it(`leaves storage, alarms and lights as an undisturbed run does (${cycles} faults)`, async () => {
    const lines: string[] = []
    const result = await runChaos({
      cycles,
      seed,
      kinds: faultKinds,
      nodes: 80,
      say: line => void lines.push(line)
    })
    const told = `${lines.join('\n')}\n${result.folder ?? ''}`
    expect(result.figures, told).toMatchObject(noDifference)
    expect(result.figures.told.transitions, told).toBeGreaterThan(50)
    expect(result.daemonEndedByItself, told).toBe(0)
  }, 900_000)
})
