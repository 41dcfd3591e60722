import type { TaskRange } from '../schemas/evaluation.ts'

/** With nothing read for this long, event time has come to the present. */
const backlogForgottenMs = 2000

/** How far event time has come: while a backlog is read, behind the clock by as much as its records are. */
export interface Watermark {
  /** These records go into evaluation now. */
  evaluating(ranges: readonly TaskRange[], nowMs: number): void
  atMs(nowMs: number): number
}

export function createWatermark(): Watermark {
  let behindMs = 0
  let knownAtMs = 0
  return {
    evaluating(ranges, nowMs) {
      const newestMs = ranges.reduce((newest, range) => Math.max(newest, range.maxTimestampMs ?? 0), 0)
      knownAtMs = nowMs
      behindMs = newestMs === 0 ? 0 : Math.max(0, nowMs - newestMs)
    },
    atMs: nowMs => (nowMs - knownAtMs < backlogForgottenMs ? nowMs - behindMs : nowMs)
  }
}
