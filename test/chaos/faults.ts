import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '../../embedded/simulator/random.ts'
import type { Stage } from './stage.ts'

/** Longer than the session that the daemon has with its group (stage.ts), and than the time a rebalance may take. */
const beyondSessionMs = 9_000

/** Each fault breaks something, waits its time, and puts it right again; the daemon runs, or is starting, when it is done. */
const faults = {
  /** kill -9, and up again by the service manager. */
  'kill-daemon': async (stage, random) => {
    await stage.daemon.end('SIGKILL')
    await delay(random.between(0, 1_500))
    await stage.daemon.start()
  },
  /** kill -9 twice: the second while it starts. */
  'kill-starting': async (stage, random) => {
    await stage.daemon.end('SIGKILL')
    await stage.daemon.start()
    await delay(random.between(100, 4_000))
    await stage.daemon.end(random.next() < 0.5 ? 'SIGKILL' : 'SIGTERM')
    await stage.daemon.start()
  },
  /** An orderly restart. */
  'restart-daemon': async (stage, random) => {
    await stage.daemon.end('SIGTERM')
    await delay(random.between(0, 1_500))
    await stage.daemon.start()
  },
  /** A daemon that stands still until its group has given it up, and then goes on as if nothing were. */
  'stop-daemon': async stage => {
    await stage.daemon.signal('SIGSTOP')
    await delay(beyondSessionMs)
    await stage.daemon.signal('SIGCONT')
  },
  /** Inventory, rules and profiles loaded anew, by signal. */
  reload: async (stage, random) => {
    for (let times = 1 + random.below(3); times > 0; times--) {
      await stage.daemon.signal('SIGHUP')
      await delay(random.between(0, 300))
    }
  },
  'kill-clickhouse': async (stage, random) => {
    await stage.clickhouse.kill9()
    await delay(random.between(0, 3_000))
    await stage.clickhouse.start()
  },
  'restart-broker': async (stage, random) => {
    await stage.broker.kill9()
    await delay(random.between(0, 2_000))
    await stage.broker.start()
  },
  /** The same while the daemon is not there either, so that it never sees that the broker was away. */
  'broker-unseen': async (stage, random) => {
    await stage.daemon.end('SIGKILL')
    await stage.broker.kill9()
    await delay(random.between(0, 2_000))
    await stage.broker.start()
    await stage.daemon.start()
  },
  /** Another member joins the group and goes again: half of the partitions go away and come back. */
  'hand-over': async (stage, random) => {
    const leave = await stage.joinGroup()
    await delay(random.between(500, 3_000))
    await leave()
  },
  /** The same while ClickHouse stands still, so that what is in hand cannot be stored in time. */
  'slow-hand-over': async (stage, random) => {
    stage.clickhouse.signal('SIGSTOP')
    await delay(random.between(200, 1_000))
    const joining = stage.joinGroup()
    await delay(beyondSessionMs)
    stage.clickhouse.signal('SIGCONT')
    await (
      await joining
    )()
  }
} satisfies Record<string, Act>

/** What befalls one of two daemons of which the other stands by, until that one has taken over. */
const standbyFaults = {
  /** kill -9. */
  'take-over': async (stage, random) => {
    await stage.daemon.standsBy()
    await stage.daemon.end('SIGKILL')
    await stage.daemon.takenOver()
    await delay(random.between(0, 1_500))
    await stage.daemon.start()
  },
  /** An orderly stop. */
  leave: async (stage, random) => {
    await stage.daemon.standsBy()
    await stage.daemon.end('SIGTERM')
    await stage.daemon.takenOver()
    await delay(random.between(0, 1_500))
    await stage.daemon.start()
  },
  /** One that stands still, and goes on as if nothing were when the other has taken over. */
  'stop-active': async (stage, random) => {
    await stage.daemon.standsBy()
    await stage.daemon.signal('SIGSTOP')
    await stage.daemon.takenOver()
    await delay(random.between(0, 3_000))
    await stage.daemon.signal('SIGCONT')
  }
} satisfies Record<string, Act>

type Act = (stage: Stage, random: Random) => Promise<void>

export type FaultKind = keyof typeof faults | keyof typeof standbyFaults

export const faultKinds = Object.keys(faults) as FaultKind[]

/** Of two daemons: the member of the group that hands over is of another kind than they. */
export const standbyKinds = [
  ...Object.keys(standbyFaults),
  ...faultKinds.filter(kind => !kind.endsWith('hand-over') && kind !== 'stop-daemon')
] as FaultKind[]

/** What a cycle is taken from where nobody says otherwise: what happens most, most often. */
const weights: Readonly<Record<FaultKind, number>> = {
  'kill-daemon': 6,
  'kill-starting': 2,
  'restart-daemon': 6,
  'stop-daemon': 1,
  reload: 2,
  'kill-clickhouse': 3,
  'restart-broker': 1,
  'broker-unseen': 1,
  'hand-over': 2,
  'slow-hand-over': 1,
  'take-over': 6,
  leave: 3,
  'stop-active': 3
}

export function pickFault(kinds: readonly FaultKind[], random: Random): FaultKind {
  let at = random.next() * kinds.reduce((sum, kind) => sum + weights[kind], 0)
  for (const kind of kinds) {
    at -= weights[kind]
    if (at < 0) return kind
  }
  return kinds[0]!
}

/** One fault after the other, without end: each kind once in some order, then by weight. */
export function* faultsInTurn(kinds: readonly FaultKind[], random: Random): Generator<FaultKind, never> {
  const left = [...kinds]
  while (left.length > 0) yield left.splice(random.below(left.length), 1)[0]!
  for (;;) yield pickFault(kinds, random)
}

export const commitFault = (kind: FaultKind, stage: Stage, random: Random): Promise<void> =>
  ({ ...faults, ...standbyFaults })[kind](stage, random)
