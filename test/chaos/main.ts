import { Command, InvalidArgumentError } from 'commander'
import { faultKinds, standbyKinds, type FaultKind } from './faults.ts'
import { runChaos, type ChaosResult } from './run.ts'

/** `npm run chaos`: see docs/chaos.md. Exit codes: 0 as the undisturbed run, 1 with differences or not finished, 2 wrong input. */
const whole =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text)
    if (!Number.isInteger(value) || value < min || value > max)
      throw new InvalidArgumentError(`give a whole number from ${min} to ${max}`)
    return value
  }

const kindsOf = (text: string): FaultKind[] => {
  const kinds = text.split(',').map(each => each.trim())
  const known = [...new Set([...faultKinds, ...standbyKinds])]
  const wrong = kinds.find(kind => !known.includes(kind as FaultKind))
  if (wrong !== undefined) throw new InvalidArgumentError(`${wrong} is none of ${known.join(', ')}`)
  return kinds as FaultKind[]
}

const say = (line: string): void => void process.stdout.write(`${line}\n`)

function table({ figures, faults, ...rest }: ChaosResult): void {
  const { told } = figures
  const row = (name: string, value: number | string): void => say(`${name.padEnd(42)}${value}`)
  row(
    'faults',
    Object.entries(faults)
      .map(([kind, times]) => `${kind} ${times}`)
      .join(', ') || 'none'
  )
  row('starts of the daemon', rest.daemonStarts)
  row('ended by itself', rest.daemonEndedByItself)
  if (rest.takeOversMs.length > 0) {
    row('ended because another had taken over', rest.daemonStoodDown)
    row('take-overs, ready after (s)', rest.takeOversMs.map(ms => (ms / 1000).toFixed(1)).join(', '))
  }
  row('records, samples', `${told.records}, ${told.samples}`)
  row('samples lost', figures.samplesLost)
  row('samples twice (without FINAL, with)', `${figures.samplesTwice}, ${figures.samplesTwiceFinal}`)
  row('signals whose values do not add up', figures.signalsOff)
  row('alarm transitions of the undisturbed run', told.transitions)
  row('  missing, foreign', `${figures.transitionsMissing}, ${figures.transitionsForeign}`)
  row('  other by records that came late', told.transitionsLate)
  row('records later than is waited for', `${told.recordsLate} of ${told.recordsTimed} that are known`)
  if (told.recordsLate > 0) row('  the latest, after its event', `${told.latestMs} ms`)
  row('open alarms missing, foreign', `${figures.openMissing}, ${figures.openForeign}`)
  row('lights wrong', figures.lightsWrong)
  row('time', `${rest.seconds} s`)
}

const program = new Command('chaos')
  .description('breaks a running daemon at random and compares it with an undisturbed run over the same log')
  .option('--cycles <count>', 'how many faults; 0 for none', whole(0, 100_000), 20)
  .option(
    '--seed <number>',
    'the same seed is the same network and the same faults',
    whole(0, 2 ** 31),
    Date.now() % 100_000
  )
  .option('--standby', 'two daemons, of which one stands by for the other')
  .option(
    '--kinds <list>',
    `faults, separated by commas: ${faultKinds.join(', ')}; with --standby ${standbyKinds.join(', ')}`,
    kindsOf
  )
  .option('--nodes <count>', 'size of the network, two devices a node', whole(2, 1_000), 150)
  .option('--minutes <count>', 'no further fault is begun after so many', whole(1, 10_000))
  .option('--keep', 'keep the folder of a run without differences, too')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse()
const { cycles, seed, kinds, nodes, minutes, keep, standby } = program.opts<{
  cycles: number
  seed: number
  kinds?: FaultKind[]
  standby?: boolean
  nodes: number
  minutes?: number
  keep?: boolean
}>()
// Whoever is started ends with this process, but not when it is ended by a signal that nobody heeds.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
say(`chaos: ${cycles} cycles, seed ${seed}, ${nodes} nodes`)
try {
  const result = await runChaos({
    cycles,
    seed,
    kinds: kinds ?? (standby === true ? standbyKinds : faultKinds),
    nodes,
    standby: standby === true,
    say,
    keep: keep === true,
    ...(minutes === undefined ? {} : { minutesMax: minutes })
  })
  table(result)
  if (result.isSame) say('The same as the undisturbed run.')
  else
    say(
      `DIFFERENT from the undisturbed run: ${result.folder ?? ''}/differences.txt; again with --seed ${seed}`
    )
  process.exitCode = result.isSame ? 0 : 1
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
