import { spawnSync } from 'node:child_process'
import type { ProcessFigures } from '../support/process.ts'

/** kcat (librdkafka in C), output thrown away; undefined where it is not installed. */
export function runKcat(broker: string, topic: string, records: number, timeoutMs: number): ProcessFigures | undefined {
  if (spawnSync('kcat', ['-V']).status !== 0) return undefined
  const command = `TIMEFORMAT='%U %S %R'; time kcat -C -q -b "$1" -t "$2" -o beginning -c "$3" >/dev/null`
  const run = spawnSync('bash', ['-c', command, 'kcat', broker, topic, String(records)], {
    encoding: 'utf8',
    timeout: timeoutMs
  })
  const [user, system, real] = run.stderr.trim().split('\n').at(-1)?.split(' ').map(Number) ?? []
  if (run.status !== 0 || real === undefined) throw new Error(`kcat failed: ${run.stderr}`)
  return { records, cpuUs: (user! + system!) * 1e6, wallMs: real * 1000, peakRssMib: 0 }
}
