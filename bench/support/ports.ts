import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below what Linux gives to whoever asks for any port, and to outgoing connections (32768 and up). */
const portMin = 10_000
const portMax = 32_000
const attemptsMax = 100

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}

/**
 * Different ports of 127.0.0.1 that nothing listens at, for servers that must be told theirs before they start. Of the ports
 * that the system gives by itself one could be taken by another server in between.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  for (let attempt = 0; attempt < count * attemptsMax && ports.size < count; attempt++) {
    const port = portMin + Math.floor(Math.random() * (portMax - portMin))
    if (!ports.has(port) && (await isFree(port))) ports.add(port)
  }
  if (ports.size < count)
    throw new Error(`there are no ${count} free ports between ${portMin} and ${portMax}`)
  return [...ports]
}
