import { describeGroupsV5 } from '@platformatic/kafka'
import type { SourceOptions } from '../source-options.ts'
import { pauseMs } from '../backoff.ts'
import { reasonOf, UnsuitableBrokerError } from './broker-connection.ts'
import { createCluster } from './cluster.ts'
import { decodeAssignment } from './group-protocol.ts'

/** A process in the consumer group, as its coordinator knows it. */
export interface GroupPeer {
  readonly clientId: string
  readonly host: string
  /** Null for one that has no name of its own. */
  readonly instanceId: string | null
  /** It was given partitions. */
  readonly isActive: boolean
}

/**
 * Who is in the consumer group, asked of its coordinator every few seconds, whatever client the source is made with.
 * Each daemon judges only what it reads: of two that share the work each sees half of the network, and takes the rest for silent.
 * Of daemons that stand by for each other one reads everything.
 */
export interface GroupWatch {
  /** Members as last heard; empty before the first answer. */
  members(): readonly GroupPeer[]
  start(): void
  stop(): void
}

const everyMs = 5000

export function createGroupWatch(options: SourceOptions): GroupWatch {
  const cluster = createCluster(options)
  const stopping = new AbortController()
  let members: readonly GroupPeer[] = []

  const ask = async (): Promise<void> => {
    try {
      const connection = await cluster.coordinator('watch')
      const answer = await connection.call(options.requestTimeoutMs, c =>
        describeGroupsV5.api.async(c, [options.groupId], false)
      )
      members = (answer.groups[0]?.members ?? []).map(member => ({
        clientId: member.clientId,
        host: member.clientHost.replace(/^\//, ''),
        instanceId: member.groupInstanceId ?? null,
        isActive: decodeAssignment(member.memberAssignment).length > 0
      }))
    } catch (error) {
      cluster.forgetCoordinator()
      // One that is so old, or only plays a broker, cannot be asked at all.
      if (error instanceof UnsuitableBrokerError) stopping.abort()
      options.logger.debug({ reason: reasonOf(error) }, 'kafka group could not be described')
    }
  }

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await ask()
      await pauseMs(everyMs, stopping.signal)
    }
  }

  return {
    members: () => members,
    start() {
      // What goes wrong with an answer is caught above, so this ends only when it is stopped.
      run().catch((error: unknown) =>
        options.logger.error({ reason: reasonOf(error) }, 'kafka group is not watched any more')
      )
    },
    stop() {
      stopping.abort()
      cluster.close()
    }
  }
}

/** What is wrong with so many members, in a sentence; empty when there is none but ours. */
export function describePeers(groupId: string, members: readonly GroupPeer[]): string {
  if (members.length < 2) return ''
  const named = members.map(nameOf)
  return (
    `${members.length} members share the group ${groupId} (${named.slice(0, namedMax).join(', ')}), so each sees a part of the network only: ` +
    'let one daemon run in a group, or set kafka.standby for all of them'
  )
}

const nameOf = ({ clientId, host, instanceId }: GroupPeer): string => `${instanceId ?? clientId} at ${host}`

/** Whom one stands by for, in a sentence. */
export function describeActive(members: readonly GroupPeer[]): string {
  const active = members.find(({ isActive }) => isActive)
  return active === undefined
    ? 'a standby: it waits for its group to say who reads'
    : `a standby of ${nameOf(active)}, which is asked instead of it`
}

const namedMax = 5
