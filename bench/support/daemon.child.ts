import { pino } from 'pino'
import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { startDaemon } from '../../main.ts'
import { loadConfig } from '../../schemas/config.ts'
import { peakRssMib } from './process.ts'

/**
 * The whole daemon in a process of its own, for benches. Argument: its configuration file. Over IPC it says
 * `ready`, and answers `figures` with what it used since the last `reset`.
 */
export interface DaemonFigures {
  readonly cpuUs: number
  readonly peakRssMib: number
  readonly loopDelayMsP99: number
  readonly loopDelayMsMax: number
}

const [file = ''] = process.argv.slice(2)
const config = loadConfig({ file, env: process.env, readFile: path => readFileSync(path, 'utf8') })
const logger = pino({ level: config.log.level })
const delay = monitorEventLoopDelay({ resolution: 5 })
delay.enable()
let cpu = process.cpuUsage()

const daemon = await startDaemon({
  config,
  logger,
  version: 'bench',
  onFatal: error => {
    console.error(error)
    process.exit(1)
  }
})

process.on('message', message => {
  if (message === 'reset') {
    cpu = process.cpuUsage()
    delay.reset()
    process.send?.({ reset: true })
  } else if (message === 'figures') {
    const used = process.cpuUsage(cpu)
    const figures: DaemonFigures = {
      cpuUs: used.user + used.system,
      peakRssMib: peakRssMib('self'),
      loopDelayMsP99: delay.percentile(99) / 1e6,
      loopDelayMsMax: delay.max / 1e6
    }
    process.send?.({ figures })
  } else if (message === 'stop') {
    void daemon.stop().finally(() => process.exit(0))
  }
})
process.on('disconnect', () => process.exit(0))
process.send?.({ ready: daemon.url })
