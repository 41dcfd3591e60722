import { Worker } from 'node:worker_threads'

export interface WatchdogOptions {
  /** The main thread is said to stand still when it has not turned for so long (ms). */
  readonly stalledMs?: number
  /** How often it is looked at (ms). */
  readonly everyMs?: number
  /** Told that it turns again, and for how long it did not (ms). Called on the main thread, so only afterwards. */
  readonly onReturn: (stalledMs: number) => void
}

const stalledMsDefault = 5000
const everyMsDefault = 1000

/**
 * Notices a main thread that does not turn. It can say nothing itself meanwhile, neither by log nor by health check, so a thread of
 * its own writes a line like those of the log to standard output: when it begins, and again every minute while it lasts.
 */
export function startWatchdog(options: WatchdogOptions): { stop(): Promise<void> } {
  const { stalledMs = stalledMsDefault, everyMs = everyMsDefault } = options
  const turned = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(watch, {
    eval: true,
    execArgv: [],
    workerData: { turned, stalledMs, everyMs, pid: process.pid }
  })
  worker.unref()
  let lastMs = performance.now()
  const beat = setInterval(() => {
    const nowMs = performance.now()
    if (nowMs - lastMs > stalledMs) options.onReturn(Math.round(nowMs - lastMs))
    lastMs = nowMs
    Atomics.add(turned, 0, 1)
  }, everyMs / 2)
  beat.unref()
  return {
    async stop() {
      clearInterval(beat)
      await worker.terminate()
    }
  }
}

/** Plain JavaScript, run as it stands here: a worker's file would have another name in the built product. */
const watch = `
const { workerData: { turned, stalledMs, everyMs, pid } } = require('node:worker_threads')
const { writeSync } = require('node:fs')
const repeatMs = 60000
let last = -1
let sinceMs = performance.now()
let saidMs = -Infinity
setInterval(() => {
  const nowMs = performance.now()
  const turns = Atomics.load(turned, 0)
  if (turns !== last) {
    last = turns
    sinceMs = nowMs
    saidMs = -Infinity
    return
  }
  if (nowMs - sinceMs < stalledMs || nowMs - saidMs < repeatMs) return
  saidMs = nowMs
  const line = { level: 50, time: new Date().toISOString(), pid, forS: Math.round((nowMs - sinceMs) / 1000),
    msg: 'the main thread does not turn: nothing is read, answered or said until it does' }
  try {
    writeSync(1, JSON.stringify(line) + '\\n')
  } catch {
    // Nobody reads the log any more.
  }
}, everyMs)
`
