import { constants, setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { openSharedState } from '../../workers/memory/shared-state.ts'
import { loadDefinitions, type Definitions } from '../judging/definitions.ts'
import { createShadowJudge, type ShadowJudge } from './judge.ts'
import type { FromShadow, ShadowThreadData, ToShadow } from './messages.ts'

/**
 * The thread's entry. It reads the inventory and the rules by itself, so that the main thread gives up nothing for it but what the
 * messages cost.
 */

/** A summary goes over all that differs: about once a second. */
const summaryEveryMs = 1000

const port = parentPort
if (port === null) throw new Error('this is the entry of a thread')
// On Linux a thread has a priority of its own: where cores are short, those who judge for the live lights come first.
if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_BELOW_NORMAL)

const live = openSharedState((workerData as ShadowThreadData).shared)
let definitions: Definitions | undefined
let config: Extract<ToShadow, { type: 'load' }>['config'] | undefined
let judge: ShadowJudge | undefined
let summaryMs = 0
let nowMs = 0

const answer = (message: FromShadow): void => port.postMessage(message)

async function load(message: Extract<ToShadow, { type: 'load' }>): Promise<void> {
  try {
    const next = await loadDefinitions(message.config, (definitions?.inventory.version ?? 0) + 1)
    ;({ config } = message)
    definitions = next
    // Records went on while the files were read.
    judge?.reload(next, message.isCompared, Math.max(nowMs, message.nowMs))
    answer({ type: 'loaded' })
  } catch (error) {
    answer({ type: 'unloaded', problem: error instanceof Error ? error.message : String(error) })
  }
}

/** Loads are done one by one, in the order they were asked for. */
let loading: Promise<void> = Promise.resolve()

port.on('message', (message: ToShadow) => {
  if ('nowMs' in message) nowMs = Math.max(nowMs, message.nowMs)
  switch (message.type) {
    case 'load':
      loading = loading.then(() => load(message))
      break
    case 'begin':
      if (definitions === undefined || config === undefined) throw new Error('nothing was loaded')
      judge = createShadowJudge({ config, definitions, live, seeds: message.seeds, nowMs: message.nowMs })
      break
    case 'series':
      judge?.series(message.series, message.nowMs)
      answer({ type: 'done', bytes: message.bytes })
      break
    case 'samples':
      if (message.isBehindGap) judge?.missed(message.nowMs)
      judge?.take(
        { ranges: message.ranges, block: message.block, ...(message.gone && { gone: message.gone }) },
        message.nowMs
      )
      answer({ type: 'done', bytes: message.bytes })
      break
    case 'live':
      judge?.live(message.events)
      answer({ type: 'done', bytes: message.bytes })
      break
    case 'tick': {
      judge?.tick(message.nowMs, message.watermarkMs)
      const isTime = Math.abs(message.nowMs - summaryMs) >= summaryEveryMs
      if (isTime) summaryMs = message.nowMs
      answer({
        type: 'ticked',
        summary: (isTime && judge?.summary()) || null,
        sinceMs: judge?.sinceMs() ?? null
      })
      break
    }
    case 'hold':
      judge?.holdSilence(message.held, message.nowMs)
      break
    case 'report':
      answer({ type: 'report', id: message.id, report: judge?.report(message.filter) ?? null })
  }
})
