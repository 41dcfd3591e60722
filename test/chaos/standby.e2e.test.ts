import { describe, expect, it } from 'vitest'
import { findKafka } from '../../bench/support/kafka.ts'
import { noDifference } from './compare.ts'
import { runChaos } from './run.ts'

// Two daemons on one Kafka and one ClickHouse, of which one stands by: each way in which the other goes, once.
const found = await findKafka({ own: true })
if ('missing' in found) {
  if ((process.env['CI'] ?? '') !== '') throw new Error(found.missing)
  console.warn(`\n*** SKIPPED: ${found.missing}\n`)
}

describe.skipIf('missing' in found)('a standby', () => {
  it('takes over within 10 s, as if there had been one daemon all the time', async () => {
    const lines: string[] = []
    const result = await runChaos({
      cycles: 3,
      seed: 8,
      standby: true,
      kinds: ['take-over', 'leave', 'stop-active'],
      nodes: 60,
      say: line => void lines.push(line)
    })
    const told = `${lines.join('\n')}\n${result.folder ?? ''}`
    expect(result.figures, told).toMatchObject(noDifference)
    expect(result.figures.told.transitions, told).toBeGreaterThan(50)
    expect(result.faults).toEqual({ 'take-over': 1, leave: 1, 'stop-active': 1 })
    // Of two that start at once the slower one may stand down, too.
    expect(result.daemonStoodDown, told).toBeGreaterThan(0)
    expect(result.daemonEndedByItself, told).toBe(0)
    console.info(`ready after ${result.takeOversMs.join(', ')} ms`)
    expect(Math.max(...result.takeOversMs), told).toBeLessThan(10_000)
  }, 300_000)
})
