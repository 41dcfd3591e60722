import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import type { ProcessFigures } from '../support/process.ts'

const run = promisify(execFile)

/** kcat (librdkafka in C), output thrown away; undefined where it is not installed. */
export async function runKcat(
  broker: string,
  topic: string,
  records: number,
  timeoutMs: number
): Promise<ProcessFigures | undefined> {
  if (spawnSync('kcat', ['-V']).status !== 0) return undefined
  const command = `TIMEFORMAT='%U %S %R'; time kcat -C -q -b "$1" -t "$2" -o beginning -c "$3" >/dev/null`
  const { stderr } = await run('bash', ['-c', command, 'kcat', broker, topic, String(records)], {
    timeout: timeoutMs
  })
  const [user = NaN, system = NaN, real = NaN] =
    stderr.trim().split('\n').at(-1)?.split(' ').map(Number) ?? []
  return { records, cpuUs: (user + system) * 1e6, wallMs: real * 1000, peakRssMib: 0 }
}
