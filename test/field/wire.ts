import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'

/**
 * The wire between the collector and the simulated devices. Each device has an address of its own on loopback, as it has in a
 * network; all of them are answered by one snmpsim, which tells devices apart by the community. So on the way in the
 * community `public` becomes the name of the recording that the device plays at present, and on the way back it is `public`
 * again. Pulling a plug, or letting a device play another recording, takes effect with the next packet.
 */
export interface Wire {
  /** Another recording for this address, or null: the device does not answer any more. */
  play(address: string, recording: string | null): void
  /** Requests that were passed on. */
  requests(): number
  close(): Promise<void>
}

/** As long as `public`: the lengths inside a packet stay. */
export const recordingName = /^[a-z0-9]{6}$/
const community = Buffer.from('public')
/** Requests of one address that may be under way; the oldest is forgotten beyond. */
const pendingMax = 256

export async function connectWire(options: {
  readonly addresses: readonly string[]
  readonly port: number
  readonly agentPort: number
}): Promise<Wire> {
  const playing = new Map<string, string | null>()
  let requests = 0
  const sockets: Socket[] = []
  for (const address of options.addresses) {
    const outside = createSocket('udp4')
    const inside = createSocket('udp4')
    sockets.push(outside, inside)
    const askers = new Map<number, RemoteInfo>()
    outside.on('message', (message, from) => {
      const recording = playing.get(address) ?? null
      const at = communityAt(message)
      const id = requestId(message)
      if (recording === null || at < 0 || id === undefined) return
      Buffer.from(recording).copy(message, at)
      const [oldest] = askers.keys()
      if (askers.size >= pendingMax && oldest !== undefined) askers.delete(oldest)
      askers.set(id, from)
      requests++
      inside.send(message, options.agentPort, '127.0.0.1')
    })
    inside.on('message', message => {
      const at = communityAt(message)
      const id = requestId(message)
      const asker = id === undefined ? undefined : askers.get(id)
      if (at < 0 || id === undefined || asker === undefined) return
      askers.delete(id)
      community.copy(message, at)
      outside.send(message, asker.port, asker.address)
    })
    inside.bind(0, '127.0.0.1')
    outside.bind(options.port, address)
    await Promise.all([once(inside, 'listening'), once(outside, 'listening')])
  }
  return {
    play(address, recording) {
      if (recording !== null && !recordingName.test(recording))
        throw new Error(`${recording} is no name of a recording`)
      playing.set(address, recording)
    },
    requests: () => requests,
    async close() {
      await Promise.all(sockets.map(socket => new Promise<void>(resolve => socket.close(() => resolve()))))
    }
  }
}

/** Where the community stands in a message of SNMP version 1 or 2c: SEQUENCE, INTEGER version, OCTET STRING of six bytes; -1 for anything else. */
function communityAt(message: Buffer): number {
  const version = contentAt(message, 0)
  if (version < 0 || message[version] !== 2) return -1
  const at = version + 2 + (message[version + 1] ?? 0)
  return message[at] === 4 && message[at + 1] === community.length ? at + 2 : -1
}

/** The number by which an answer belongs to its request. */
function requestId(message: Buffer): number | undefined {
  const at = communityAt(message)
  if (at < 0) return undefined
  const id = contentAt(message, at + community.length)
  const length = message[id + 1] ?? 0
  if (id < 0 || message[id] !== 2 || length < 1 || length > 4) return undefined
  return message.readIntBE(id + 2, length)
}

/** Where the content of a BER value begins that stands at `at`; -1 where it is none. */
function contentAt(message: Buffer, at: number): number {
  const length = message[at + 1]
  if (length === undefined) return -1
  const begin = length < 0x80 ? at + 2 : at + 2 + (length & 0x7f)
  return begin < message.length ? begin : -1
}
