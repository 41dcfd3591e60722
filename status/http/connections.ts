import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Keeps at most so many connections: a new one takes the place of the one that has been idle longest. So whoever opens a
 * thousand connections and says nothing shuts out nobody, health checks least of all. Only when a request is at work on every one
 * of them the new one is refused.
 */
export function limitConnections(server: Server, connectionsMax: number): void {
  /** Connections without a request at work, the longest idle first. */
  const idle = new Set<Socket>()
  const all = new Set<Socket>()

  server.on('connection', (socket: Socket) => {
    if (all.size >= connectionsMax) {
      const [longest] = idle
      if (longest === undefined) {
        socket.destroy()
        return
      }
      forget(longest)
      longest.destroy()
    }
    all.add(socket)
    idle.add(socket)
    socket.once('close', () => forget(socket))
  })
  const forget = (socket: Socket): void => {
    idle.delete(socket)
    all.delete(socket)
  }
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request
    idle.delete(socket)
    response.once('close', () => {
      if (all.has(socket)) idle.add(socket)
    })
  })
}
