import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Logger } from 'pino'
import { blockBytes, joinBlocks } from '../../schemas/blocks.ts'
import type { Config } from '../../schemas/config/reading.ts'
import type { ColumnBlock } from '../../schemas/evaluation.ts'
import type { ShadowFilter, ShadowReport, ShadowStanding, ShadowSummary } from '../../status/shadow-view.ts'
import type { SharedMemory } from '../../workers/memory/shared-state.ts'
import { threadExecArgv } from '../../workers/thread-loader.ts'
import { within } from '../process/within.ts'
import type { FromShadow, ToShadow } from './messages.ts'
import type { ShadowTap, ShadowTarget } from './tap.ts'

/**
 * The shadow's thread as the main thread sees it: it is given copies of what was judged, through a queue with a limit. At the limit
 * samples are left out, counted and told of: the live rules wait for nothing.
 */
export interface Shadow {
  /**
   * Goes on by what the configuration names: begins, ends, or takes over other rules and inventory. `isCompared`: neither set of rules
   * is another than before, so what was compared goes on.
   */
  follow(config: Config, isCompared: boolean): void
  standing(): ShadowStanding
  /** As of the last second; undefined while nothing is compared. */
  summary(): ShadowSummary | undefined
  /** Null where the thread did not answer in time. */
  report(filter: ShadowFilter): Promise<ShadowReport | null>
  stop(): Promise<void>
}

export interface ShadowOptions {
  readonly tap: Pick<ShadowTap, 'open' | 'close' | 'seeds'>
  readonly shared: SharedMemory
  readonly nowMs: () => number
  readonly logger: Logger
  /** Bytes that may wait for the thread. */
  readonly queueBytesMax?: number
}

const queueBytesMaxDefault = 64 * 1024 * 1024
const answerMsMax = 5000
/** Reports asked for at once. */
const askedMax = 16
/** About what an alarm and a light take on their way, and a series. */
const alarmBytes = 2000
const lightBytes = 200
const seriesBytes = 100
const tooFarBehind = 'the rules in shadow were too far behind'
const noDifferences = { items: [], total: 0, next: null, byRule: [], byNode: [], forgotten: 0 }

type Phase = 'off' | 'loading' | 'running' | 'failed'

export function createShadow(options: ShadowOptions): Shadow {
  const { tap, shared, nowMs, logger, queueBytesMax = queueBytesMaxDefault } = options
  let worker: Worker | undefined
  let phase: Phase = 'off'
  let detail = ''
  let files: readonly string[] = []
  let sinceMs: number | null = null
  let samples = 0
  let dropped = 0
  let isDropping = false
  let isTicking = false
  /** Why the shadow has lost what it cannot do without: once the queue is empty it begins anew. Empty where it has not. */
  let lost = ''
  let queuedBytes = 0
  let summary: ShadowSummary | undefined
  let nextId = 0
  let ending: Promise<unknown> = Promise.resolve()
  const asked = new Map<number, (report: ReportOrNull) => void>()

  const send = (message: ToShadow, transfer: ArrayBuffer[] = []): void => {
    if ('bytes' in message) queuedBytes += message.bytes
    worker?.postMessage(message, transfer)
  }
  const hasRoom = (bytes: number): boolean =>
    lost === '' && (queuedBytes === 0 || queuedBytes + bytes <= queueBytesMax)

  const target: ShadowTarget = {
    series(series, atMs) {
      const bytes = series.count * seriesBytes
      if (hasRoom(bytes)) send({ type: 'series', series, nowMs: atMs, bytes })
      else lost = tooFarBehind
    },
    take({ ranges, block, gone }, atMs) {
      const bytes = blockBytes(block)
      if (!hasRoom(bytes)) {
        dropped += block.rows
        if (!isDropping)
          logger.warn('the rules in shadow are behind: samples are left out, the live rules go on')
        isDropping = true
        return
      }
      // The block's memory is used again as soon as its rows are stored.
      const copy = joinBlocks([block])
      samples += copy.rows
      send(
        { type: 'samples', ranges, block: copy, gone, isBehindGap: isDropping, nowMs: atMs, bytes },
        buffersOf(copy)
      )
      isDropping = false
    },
    tick(atMs, watermarkMs) {
      if (isTicking) return
      isTicking = true
      send({ type: 'tick', nowMs: atMs, watermarkMs })
    },
    holdSilence: (held, atMs) => send({ type: 'hold', held, nowMs: atMs }),
    forgotten() {
      lost = 'devices that the inventory does not know were forgotten'
      beginAnew()
    },
    live(events) {
      const bytes = events.alarms.length * alarmBytes + events.lights.length * lightBytes
      if (hasRoom(bytes)) send({ type: 'live', events, bytes })
      else lost = tooFarBehind
    }
  }

  const begin = (): void => {
    lost = ''
    isDropping = false
    summary = undefined
    sinceMs = nowMs()
    send({ type: 'begin', seeds: tap.seeds(), nowMs: sinceMs })
    tap.open(target)
  }

  const beginAnew = (): void => {
    if (lost === '' || queuedBytes > 0) return
    logger.warn(`${lost}: what the rules in shadow do otherwise is compared anew`)
    begin()
  }

  const end = (next: Phase, why: string): void => {
    const ended = worker
    tap.close()
    worker = undefined
    phase = next
    detail = why
    sinceMs = null
    summary = undefined
    queuedBytes = 0
    isTicking = false
    for (const answer of asked.values()) answer(null)
    asked.clear()
    // What it was at work at is of no use to anybody.
    ending = ended?.terminate().catch(() => undefined) ?? ending
  }

  const fail = (of: Worker, why: string): void => {
    if (of !== worker) return
    logger.error({ problem: why }, 'the rules in shadow are not judged any more; the live rules go on')
    end('failed', why)
  }

  const hear = (message: FromShadow): void => {
    switch (message.type) {
      case 'loaded':
        detail = ''
        if (phase === 'loading') {
          phase = 'running'
          begin()
          logger.info({ files }, 'rules are judged in shadow')
        }
        break
      case 'unloaded':
        logger.error({ problem: message.problem }, 'the rules in shadow could not be loaded')
        if (phase === 'loading') end('failed', message.problem)
        else detail = message.problem
        break
      case 'done':
        queuedBytes -= message.bytes
        beginAnew()
        break
      case 'ticked':
        isTicking = false
        summary = message.summary ?? summary
        sinceMs = message.sinceMs
        break
      case 'report':
        asked.get(message.id)?.(message.report)
        asked.delete(message.id)
    }
  }

  const start = (): void => {
    const extension = extname(import.meta.url)
    const started = new Worker(new URL(`./shadow.worker${extension}`, import.meta.url), {
      workerData: { shared },
      execArgv: threadExecArgv(import.meta.url)
    })
    worker = started
    phase = 'loading'
    samples = 0
    dropped = 0
    started.on('message', (message: FromShadow) => {
      if (started === worker) hear(message)
    })
    started.on('error', error => fail(started, error instanceof Error ? error.message : String(error)))
    started.on('exit', code => fail(started, `its thread ended with code ${code}`))
  }

  const standing = (): ShadowStanding => ({
    state: phase === 'loading' ? 'starting' : phase,
    detail,
    files,
    sinceMs,
    samples,
    dropped
  })

  return {
    follow(config, isCompared) {
      const { rules } = config
      files = rules.shadow
      if (files.length === 0) {
        end('off', '')
        return
      }
      if (worker === undefined) start()
      const shadowed = { ...config, rules: { ...rules, files: rules.shadow, shadow: [] } }
      send({ type: 'load', config: shadowed, isCompared, nowMs: nowMs() })
    },
    standing,
    summary: () => summary,
    async report(filter) {
      if (phase !== 'running') return { ...standing(), ...noDifferences }
      if (asked.size >= askedMax) return null
      const id = nextId++
      const answered = new Promise<ReportOrNull>(resolve => asked.set(id, resolve))
      send({ type: 'report', id, filter })
      const report = await within(answerMsMax, answered)
      asked.delete(id)
      if (report === undefined) return null
      return { ...standing(), ...(report ?? noDifferences) }
    },
    async stop() {
      end('off', '')
      await ending
    }
  }
}

type ReportOrNull = Extract<FromShadow, { type: 'report' }>['report']

const buffersOf = (block: ColumnBlock): ArrayBuffer[] =>
  [block.entity, block.timeMs, block.offset, block.end, block.signal, block.value].map(
    ({ buffer }) => buffer as ArrayBuffer
  )
