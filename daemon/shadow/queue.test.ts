import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { loadConfig, type Config } from '../../schemas/config/reading.ts'
import type { ColumnBlock, EvaluationResult } from '../../schemas/evaluation.ts'
import { sharedMemoryFor } from '../judging/evaluation.ts'
import { createShadow, type Shadow } from './shadow.ts'
import type { ShadowTarget } from './tap.ts'

const rows = 1000
const block: ColumnBlock = {
  rows,
  groups: rows,
  entity: new Uint8Array(rows * 8),
  timeMs: new Uint8Array(rows * 8),
  offset: new Uint8Array(rows * 8),
  end: new Uint8Array(Uint32Array.from({ length: rows }, (_, i) => i + 1).buffer),
  signal: new Uint8Array(rows * 2),
  value: new Uint8Array(rows * 8)
}
const ranges: EvaluationResult['ranges'] = [
  { topic: 't', partition: 0, firstOffset: 0, lastOffset: 0, records: rows, rowStart: 0, rowEnd: rows }
]

describe('the way to the thread of a shadow', () => {
  let folder: string
  let config: Config
  let shadow: Shadow
  let target: ShadowTarget | undefined
  let begun = 0
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'svetofor-shadow-'))
    const file = join(folder, 'svetofor.yaml')
    writeFileSync(join(folder, 'trial.yaml'), 'rules: []\n')
    config = loadConfig({ file, env: {}, readFile: () => 'rules: { shadow: [trial.yaml] }' })
    begun = 0
    target = undefined
    shadow = createShadow({
      tap: {
        open(to) {
          target = to
          begun++
        },
        close: () => (target = undefined),
        seeds: () => ({ alarms: [], lights: [], isSilenceHeld: false })
      },
      shared: sharedMemoryFor(1000, 1000),
      nowMs: () => 1,
      logger: pino({ enabled: false }),
      queueBytesMax: 10 * rows * 38
    })
  })
  afterEach(async () => {
    await shadow.stop()
    rmSync(folder, { recursive: true })
  })
  const running = async (): Promise<ShadowTarget> => {
    shadow.follow(config, false)
    return vi.waitFor(
      () => {
        if (target === undefined) throw new Error(shadow.standing().detail)
        return target
      },
      { timeout: 20_000 }
    )
  }

  it('has a limit: what does not fit is left out and counted, and who gives it never waits', async () => {
    const to = await running()
    for (let i = 0; i < 25; i++) to.take({ ranges, block }, i)
    expect(shadow.standing()).toMatchObject({ state: 'running', samples: 10 * rows, dropped: 15 * rows })
    // It is judged meanwhile, and then there is room again.
    await vi.waitFor(
      () => {
        to.take({ ranges, block }, 100)
        expect(shadow.standing().samples).toBeGreaterThan(10 * rows)
      },
      { timeout: 10_000 }
    )
    expect(await shadow.report({ limit: 10 })).toMatchObject({ state: 'running', total: 0 })
  })

  it('lets the shadow begin anew where it could not be told what the live rules did', async () => {
    const to = await running()
    expect(begun).toBe(1)
    const lights = Array.from({ length: 3000 }, (_, i) => ({
      node: `n${i}`,
      from: 'green' as const,
      to: 'red' as const,
      atMs: 1
    }))
    to.live({ alarms: [], lights })
    to.live({ alarms: [], lights })
    await vi.waitFor(() => expect(begun).toBe(2), { timeout: 10_000 })
    expect(await shadow.report({ limit: 10 })).toMatchObject({ state: 'running', total: 0 })
  })

  it('ends with rules that have errors, says why, and begins when they are right', async () => {
    writeFileSync(join(folder, 'trial.yaml'), 'rules: 5\n')
    shadow.follow(config, false)
    await vi.waitFor(() => expect(shadow.standing().state).toBe('failed'), { timeout: 20_000 })
    expect(shadow.standing().detail).toContain('trial.yaml')
    expect(await shadow.report({ limit: 10 })).toMatchObject({ state: 'failed', sinceMs: null, total: 0 })
    writeFileSync(join(folder, 'trial.yaml'), 'rules: []\n')
    await running()
    shadow.follow({ ...config, rules: { ...config.rules, shadow: [] } }, false)
    expect(shadow.standing()).toMatchObject({ state: 'off', files: [] })
    expect(target).toBeUndefined()
  })
})
