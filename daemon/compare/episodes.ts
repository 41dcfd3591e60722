import { ruleLabel } from '../../rules/compiled.ts'
import type { Alarm, AlarmTransition } from '../../rules/model.ts'
import type { LocalText, Severity } from '../../schemas/words.ts'

/** One alarm from its raise to its clear. */
export interface AlarmEpisode {
  readonly id: string
  /** What tells alarms apart that can be open at one time. */
  readonly key: string
  readonly node: string
  readonly device: string
  readonly instance: string
  /** Name and qualifier of the rule. */
  readonly rule: string
  readonly text: LocalText
  /** Of the sample that began it (ms). */
  readonly sinceMs: number
  /** When it was raised and changed its severity (ms), in order. */
  readonly steps: readonly { readonly atMs: number; readonly severity: Severity }[]
  /** Null while it is open. */
  readonly clearedAtMs: number | null
}

interface Growing extends AlarmEpisode {
  readonly steps: { atMs: number; severity: Severity }[]
  clearedAtMs: number | null
}

/** Makes episodes of transitions, which come in order. */
export interface Episodes {
  add(transition: AlarmTransition): void
  all(): readonly AlarmEpisode[]
  /** Forgets those of which this holds, unless they are open. */
  forget(isDone: (episode: AlarmEpisode) => boolean): void
}

/** Those of `before` that are open go on. */
export function createEpisodes(before: readonly AlarmEpisode[] = []): Episodes {
  let all: Growing[] = before
    .filter(({ clearedAtMs }) => clearedAtMs === null)
    .map(episode => ({ ...episode, steps: [...episode.steps] }))
  const open = new Map(all.map(episode => [episode.id, episode]))

  const begin = (alarm: Alarm, atMs: number): Growing => {
    const { id, resource, type, qualifier, node, device, instance, text, raisedAtMs, severity } = alarm
    const episode: Growing = {
      id,
      key: `${resource}|${type}|${qualifier}`,
      node,
      device,
      instance,
      rule: ruleLabel(type, qualifier),
      text,
      sinceMs: raisedAtMs,
      steps: [{ atMs, severity }],
      clearedAtMs: null
    }
    all.push(episode)
    open.set(id, episode)
    return episode
  }

  return {
    add({ alarm, change, atMs }) {
      const known = open.get(alarm.id)
      if (known === undefined) {
        // Of an alarm from before the first transition only its end may be told.
        const begun = begin(alarm, change === 'raised' ? atMs : alarm.raisedAtMs)
        if (change !== 'cleared') return
        begun.clearedAtMs = atMs
        open.delete(alarm.id)
      } else if (change === 'cleared') {
        known.clearedAtMs = atMs
        open.delete(alarm.id)
      } else if (known.steps.at(-1)?.severity !== alarm.severity)
        known.steps.push({ atMs, severity: alarm.severity })
    },
    all: () => all,
    forget(isDone) {
      all = all.filter(episode => episode.clearedAtMs === null || !isDone(episode))
    }
  }
}
