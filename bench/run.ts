import { Command, InvalidArgumentError } from 'commander'
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { printFigures, type BenchReport } from './support/figures.ts'
import type { Bench } from './support/stage.ts'

interface Entry {
  readonly about: string
  /** It is not repeated, however many runs are asked for. */
  readonly isSingle?: true
  load(): Promise<Bench>
}

/** Every bench by its name; loaded only when it is asked for. */
const benches: Readonly<Record<string, Entry>> = {
  path: {
    about: 'the whole daemon and its peers over the same topic',
    load: async () => (await import('./suite/path.ts')).path
  },
  packs: {
    about: 'what all shipped rules cost beside those of power, link and optics',
    load: async () => (await import('./suite/packs.ts')).packs
  },
  formats: {
    about: 'the scanners against the reference decoder, and the CPU of each format',
    load: async () => (await import('./suite/formats.ts')).formats
  },
  scale: {
    about: 'memory and CPU with 10,000 to 1,000,000 nodes',
    load: async () => (await import('./suite/scale.ts')).scale
  },
  restart: {
    about: 'how long a restart takes with a million series and 50,000 records a second',
    load: async () => (await import('./suite/restart.ts')).restart
  },
  latency: {
    about: 'from event to light and to storage, under load',
    load: async () => (await import('./suite/latency.ts')).latency
  },
  lookup: {
    about: 'look-ups by address and node, quiet and in a mass outage',
    load: async () => (await import('./suite/lookup.ts')).lookup
  },
  lists: {
    about: 'how long a page of the tree, of nodes or of incidents holds the main thread',
    isSingle: true,
    load: async () => (await import('./suite/lists.ts')).lists
  },
  outage: {
    about: 'how long the light engine takes over half of a million nodes that go dark at once',
    load: async () => (await import('./suite/outage.ts')).outage
  },
  storage: {
    about: 'bytes a sample on disk, by column',
    isSingle: true,
    load: async () => (await import('./suite/storage.ts')).storage
  },
  replay: {
    about: 'a day of 2,000 nodes judged again by two sets of rules',
    isSingle: true,
    load: async () => (await import('./suite/replay.ts')).replay
  },
  soak: {
    about: 'an hour of steady load: memory and pauses',
    isSingle: true,
    load: async () => (await import('./suite/soak.ts')).soak
  },
  guard: {
    about: 'the short form of path for CI, against bench/baseline.json',
    load: async () => (await import('./suite/guard.ts')).guard
  }
}

const wholeNumber = (text: string): number => {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('give a whole number of 1 or more')
  return value
}

interface Flags {
  readonly json?: string
  readonly runs: number
  readonly size?: number
  readonly profile?: string
  readonly alone?: boolean
}

async function main(name: string, flags: Flags): Promise<void> {
  const found = benches[name]
  if (found === undefined) throw new Error(`no bench ${name}; there are ${Object.keys(benches).join(', ')}`)
  if (flags.profile !== undefined) await mkdir(flags.profile, { recursive: true })
  const bench = await found.load()
  const runs = found.isSingle === true ? 1 : flags.runs
  const figures = await bench({
    runs,
    size: flags.size,
    profileDir: flags.profile,
    isAlone: flags.alone === true,
    say: line => console.log(line)
  })
  const report: BenchReport = { bench: name, machine: machine(), runs, figures }
  printFigures(`${name}, median of ${runs}, ${report.machine}`, figures)
  if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify(report, null, 2)}\n`)
}

function machine(): string {
  const cores = cpus()
  return `${cores.length} × ${cores[0]?.model.trim() ?? 'unknown CPU'}, Node ${process.versions.node}, loopback`
}

const list = Object.entries(benches).map(([name, { about }]) => `  ${name.padEnd(8)} ${about}`)
const program = new Command('bench')
  .description('Measures Svetofor beside its peers. Figures are medians.')
  .argument('<name>', 'which bench')
  .option('--json <file>', 'also write the figures to this file')
  .option('--runs <n>', 'how often each measurement is repeated', wholeNumber, 5)
  .option('--size <n>', "in place of the bench's own number of records, nodes or minutes", wholeNumber)
  .option('--alone', 'leave out the peers')
  .option('--profile <folder>', 'leave CPU profiles of the daemon here')
  .addHelpText('after', `\nBenches:\n${list.join('\n')}`)
  .action(main)

program.parseAsync().then(
  // Client libraries may leave sockets open; the figures are out, so nothing is waited for.
  () => process.exit(0),
  (error: unknown) => {
    console.error(error)
    process.exit(1)
  }
)
