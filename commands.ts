import { Command, InvalidArgumentError, Option } from 'commander'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readConfig } from './daemon/configuration.ts'
import { createLogger } from './daemon/process/logger.ts'
import { catchSignals, exitFailed, waitForEnd } from './daemon/process/process-end.ts'
import { WrongInput } from './daemon/process/wrong-input.ts'
import { ProblemsError } from './schemas/config/located-yaml.ts'
import { packageRoot } from './schemas/package-root.ts'
import { formats, type Format } from './embedded/simulator/encode-other.ts'
import { languageOf, lookupCommand, lookupExitCodes, lookupManyCommand } from './status/cli-lookup.ts'
import { cityNodesMax, cityNodesMin } from './embedded/simulator/city.ts'
import { addRulesCommands } from './cli-rules.ts'

/**
 * The commands. Each loads its own parts only: who looks up an address does not wait for a database engine.
 * Exit codes: 0 done, 1 failed while running, 2 wrong input (all of it named), 75 of a daemon that another one has replaced; lookup has its own.
 */
const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }
const exitWrongInput = 2

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const complain = (line: string): void => void process.stderr.write(`${line}\n`)

const program = new Command('svetofor')
  .description('Telemetry ingest daemon with a traffic-light status engine for access networks')
  .version(version)
  .showHelpAfterError('(--help says more)')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : exitWrongInput))
  .addHelpText(
    'after',
    `
Examples:
  svetofor demo                                 a whole city on this machine, for a first look
  svetofor check --config svetofor.yaml         is everything written correctly? starts nothing
  svetofor start --config svetofor.yaml         the daemon
  svetofor lookup "ул. Тютчева, 1"              what is wrong at this address?
  svetofor explain du-17                        why is there an alarm, or none, and what would raise one?
  svetofor rules promote --config svetofor.yaml the rules in shadow become the live ones
  svetofor rules replay --from 2026-11-28 --rules trial.yaml   what would these rules have done since then?
  svetofor addresses try --book b.csv --queries q.csv   would last month's calls have found their building?

Every setting of the configuration can be given as an environment variable, such as
SVETOFOR_KAFKA_BROKERS=host1:9092,host2:9092; docs/configuration.md lists them all.`
  )

const configOption = (): Option =>
  new Option('-c, --config <file>', 'configuration file (YAML)').env('SVETOFOR_CONFIG')

const urlOption = (): Option =>
  new Option('-u, --url <url>', 'where the daemon answers').default(
    process.env['SVETOFOR_URL'] ?? 'http://127.0.0.1:8080'
  )
const tokenOption = (): Option =>
  new Option('--token <token>', 'bearer token, where the daemon asks for one').default(
    process.env['SVETOFOR_TOKEN'] ?? ''
  )

program
  .command('start')
  .description('run the daemon; SIGHUP loads inventory, rules and profiles anew, SIGTERM stops in order')
  .addOption(configOption())
  .action(async ({ config: file }: { config?: string }) => {
    const signals = catchSignals()
    const { ended } = signals
    let isRunning = false
    // Until then nothing was read, so nothing is in hand.
    void ended.done.then(() => (isRunning ? undefined : process.exit()))
    const { startDaemon } = await import('./main.ts')
    const { startWatchdog } = await import('./daemon/process/watchdog.ts')
    const config = await readConfig(file)
    const logger = createLogger(config.log)
    const watchdog = startWatchdog({
      onReturn: stalledMs => logger.warn({ stalledMs }, 'the main thread turns again')
    })
    const daemon = await startDaemon({
      config,
      reread: () => readConfig(file),
      logger,
      version,
      onFatal: ended.fail
    })
    isRunning = true
    const { reload } = daemon
    // What is wrong is in the log and in /health/ready.
    signals.onReload(() => void reload().catch(() => undefined))
    await ended.done
    await daemon.stop()
    await watchdog.stop()
  })

program
  .command('check')
  .description('validate configuration, inventory, profiles and rules; start nothing')
  .addOption(configOption())
  .option('--strict', 'warnings are errors')
  .option('--online', 'ask Kafka, ClickHouse and Alertmanager too whether they are there')
  .option(
    '--sample <file>',
    'captured records, one a line: which profile takes each, and what becomes of every field'
  )
  .addHelpText(
    'after',
    '\nExit codes: 0 correct, warnings or not, 2 wrong input; with --strict also where there are warnings,\n' +
      'with --sample where a record is not read wholly; 1 where a server is not as it should be (--online).'
  )
  .action(
    async ({
      config: file,
      strict,
      online,
      sample
    }: {
      config?: string
      strict?: boolean
      online?: boolean
      sample?: string
    }) => {
      const config = await readConfig(file)
      if (sample !== undefined) {
        const { checkSample } = await import('./daemon/judging/check-sample.ts')
        if ((await checkSample(config, sample, Date.now(), say)) > 0) process.exitCode = exitWrongInput
        return
      }
      const { checkCommand } = await import('./daemon/judging/check.ts')
      const warnings = await checkCommand(config, file ?? 'the configuration', say)
      if (strict === true && warnings > 0) process.exitCode = exitWrongInput
      if (online !== true) return
      const { checkServers } = await import('./daemon/check-servers.ts')
      if ((await checkServers(config, say)) > 0) process.exitCode ||= 1
    }
  )

program
  .command('migrate')
  .description('create the ClickHouse database and its tables, or bring them up to date')
  .addOption(configOption())
  .action(async ({ config: file }: { config?: string }) => {
    const config = await readConfig(file)
    const { prepareDatabase } = await import('./daemon/delivery/database.ts')
    const applied = await prepareDatabase(config)
    say(applied.length === 0 ? 'The database is up to date.' : `Applied: ${applied.join(', ')}.`)
  })

program
  .command('lookup')
  .description('ask a running daemon what is wrong at an address')
  .argument(
    '[address]',
    'street and house, as people write it; or the id or name of a node, a device, an incident'
  )
  .option('--csv <file>', 'many at once: CSV with a column query; the answer is CSV')
  .addOption(urlOption())
  .addOption(tokenOption())
  .addOption(new Option('-l, --language <language>', 'language of the answer').choices(['ru', 'en']))
  .option('--json', 'the answer as JSON')
  // 2 would say that the light is red.
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : lookupExitCodes.noAnswer))
  .addHelpText(
    'after',
    '\nExit codes: 0 green, 1 yellow, 2 red, 3 grey, 4 no single building, 5 no answer; with --csv 0 answered, 5 no answer.'
  )
  .action(
    async (
      address: string | undefined,
      options: { url: string; token: string; language?: 'ru' | 'en'; json?: boolean; csv?: string }
    ) => {
      if ((address === undefined) === (options.csv === undefined)) {
        complain("error: give an address, or '--csv <file>' with many")
        process.exitCode = lookupExitCodes.noAnswer
        return
      }
      if (address === undefined) {
        const csv = readFileSync(options.csv ?? '', 'utf8')
        process.exitCode = await lookupManyCommand({ ...options, csv, print: say, printError: complain })
        return
      }
      process.exitCode = await lookupCommand({
        address,
        url: options.url,
        token: options.token,
        language: options.language ?? languageOf(process.env['LANG']),
        json: options.json === true,
        colour: process.stdout.isTTY,
        nowMs: Date.now(),
        print: say,
        printError: complain
      })
    }
  )

program
  .command('explain')
  .description('ask a running daemon why the rules of a node raised or did not, and what would raise them')
  .argument('<node>', 'id of a node')
  .option('--device <id>', 'only of this device')
  .option('--instance <port>', 'only of this port')
  .option('--rule <name>', 'only this rule, such as optics.rx/low')
  .option('-a, --all', 'those that are quiet, too')
  .addOption(urlOption())
  .addOption(tokenOption())
  .addOption(new Option('-l, --language <language>', 'language of the answer').choices(['ru', 'en']))
  .option('--json', 'the answer as JSON')
  .addHelpText('after', '\nExit codes: 0 answered, 4 no such node, 5 no answer.')
  .action(async (node: string, options: ExplainFlags) => {
    const { explainCommand } = await import('./status/cli-explain.ts')
    const { device, instance, rule } = options
    process.exitCode = await explainCommand({
      node,
      url: options.url,
      token: options.token,
      language: options.language ?? languageOf(process.env['LANG']),
      json: options.json === true,
      all: options.all === true,
      only: {
        ...(device === undefined ? {} : { device }),
        ...(instance === undefined ? {} : { instance }),
        ...(rule === undefined ? {} : { rule })
      },
      print: say,
      printError: complain
    })
  })

interface ExplainFlags {
  readonly url: string
  readonly token: string
  readonly language?: 'ru' | 'en'
  readonly json?: boolean
  readonly all?: boolean
  readonly device?: string
  readonly instance?: string
  readonly rule?: string
}

addRulesCommands(program.command('rules'), {
  configOption,
  urlOption,
  tokenOption,
  wholeNumber,
  say,
  complain
})

program
  .command('addresses')
  .description('how well addresses are found, as callers say them')
  .addCommand(
    new Command('try')
      .description("look last month's calls up in a book of addresses; needs no daemon")
      .requiredOption('--book <file>', 'CSV with the columns id,address')
      .requiredOption(
        '--queries <file>',
        'CSV with the columns query,expect: an id, several joined by |, or none'
      )
      .option('--json <file>', 'write the outcome of every query there')
      .option('--home <towns>', 'towns that people leave out, separated by commas', '')
      .addHelpText(
        'after',
        '\nExit codes: 0 done, whatever was found, 2 wrong input. Without --home, the town that most queries name and the book does not.'
      )
      .action(async (options: { book: string; queries: string; json?: string; home: string }) => {
        const { tryCommand } = await import('./status/cli-addresses.ts')
        await tryCommand({
          bookFile: options.book,
          queriesFile: options.queries,
          jsonFile: options.json ?? null,
          homeCities: options.home.split(',').filter(town => town.trim() !== ''),
          print: say
        })
      })
  )

const deadLetters = program
  .command('dead-letters')
  .description('records that could not be read or of which nothing was stored: look at them, send them again')
const letterCommand = (name: string, description: string): typeof program =>
  deadLetters
    .command(name)
    .description(description)
    .addOption(configOption())
    .option('--reason <reason>', 'only of this reason, such as no_reading')
    .option('--topic <name>', 'only of records from this topic')
interface LetterOptions {
  readonly config?: string
  readonly reason?: string
  readonly topic?: string
}
const letterQuery = async ({ config, reason, topic }: LetterOptions) => ({
  config: await readConfig(config),
  ...(reason === undefined ? {} : { reason }),
  ...(topic === undefined ? {} : { topic }),
  print: say
})
letterCommand('list', 'one line each, the newest last')
  .option('--limit <count>', 'at most so many lines', wholeNumber(1, 1_000_000), 100)
  .action(async (options: LetterOptions & { limit: number }) => {
    const { listDeadLetters } = await import('./daemon/dead-letters.ts')
    await listDeadLetters({ ...(await letterQuery(options)), limit: options.limit })
  })
letterCommand('show', 'all there is of one')
  .argument('<record>', 'topic:partition:offset, as the list has it')
  .action(async (record: string, options: LetterOptions) => {
    const { showDeadLetter } = await import('./daemon/dead-letters.ts')
    await showDeadLetter(await letterQuery(options), record)
  })
letterCommand('replay', 'send records to their topics again, once each, after what was wrong is mended')
  .argument('[records...]', 'topic:partition:offset; without any, --reason, --topic or --all says which')
  .option('--all', 'every one that was not sent again yet')
  .action(async (records: string[], options: LetterOptions & { all?: boolean }) => {
    if (records.length === 0 && options.all !== true && (options.reason ?? options.topic) === undefined)
      program.error('error: name records, or give --reason, --topic or --all')
    const { replayCommand } = await import('./daemon/dead-letters.ts')
    await replayCommand(await letterQuery(options), records)
  })

program
  .command('demo')
  .description(
    'run a simulated city on this machine: embedded Kafka and ClickHouse, faults, lights, the page'
  )
  .option('--data <folder>', 'where the data is kept over restarts', 'data')
  .option('--nodes <count>', 'size of the city', wholeNumber(cityNodesMin, 100_000), 2000)
  .option('--seed <number>', 'another seed is another city', wholeNumber(0, 2 ** 31), 1)
  .option('--port <port>', 'port of the page', wholeNumber(0, 65_535), 8080)
  .option('--interval <seconds>', 'how often every device is polled', wholeNumber(1, 3600), 10)
  .option('--scenario <name>', 'what breaks, and when: a shipped scenario or a file', 'demo')
  .action(
    async (options: {
      data: string
      nodes: number
      seed: number
      port: number
      interval: number
      scenario: string
    }) => {
      say(`Svetofor ${version}: a city of ${options.nodes} nodes on this machine`)
      const ended = waitForEnd()
      const { startDemo } = await import('./demo.ts')
      const demo = await startDemo({
        dataDir: options.data,
        nodes: options.nodes,
        seed: options.seed,
        port: options.port,
        intervalS: options.interval,
        scenario: options.scenario,
        version,
        print: say,
        onFatal: ended.fail
      })
      await ended.done
      say('\n  stopping in order')
      await demo.stop()
    }
  )

program
  .command('simulate')
  .description("send a simulated city's telemetry to Kafka")
  .option('--brokers <list>', 'brokers, host:port separated by commas', '127.0.0.1:9092')
  .option('--topic <name>', 'topic to send to', 'telemetry')
  .option('--nodes <count>', 'size of the city', wholeNumber(cityNodesMin, cityNodesMax), 500)
  .option('--seed <number>', 'another seed is another city', wholeNumber(0, 2 ** 31), 1)
  .option(
    '--rate <records>',
    'records a second; 0 polls every device once a minute',
    wholeNumber(0, 1_000_000),
    0
  )
  .addOption(new Option('--format <name>', 'format of the records').choices([...formats]).default('telegraf'))
  .option('--scenario <name>', 'what breaks, and when: quiet, demo, or a file', 'quiet')
  .option('--count <records>', 'stop after this many records', wholeNumber(0, Number.MAX_SAFE_INTEGER), 0)
  .option('--duration <seconds>', 'stop after this long', wholeNumber(0, 86_400 * 365), 0)
  .option('--full-ports', 'report every access port as well')
  .option('--flat-out', 'do not wait for the clock; needs --count or --duration')
  .option('--inventory <file>', "write the city's inventory there first, for the daemon to use")
  .option('--inventory-only', 'write the inventory and send nothing')
  .action(async (options: SimulateOptions) => {
    if (options.inventoryOnly === true && options.inventory === undefined)
      program.error("error: option '--inventory-only' needs '--inventory <file>' to write to")
    if (options.flatOut === true && options.count === 0 && options.duration === 0)
      program.error("error: option '--flat-out' needs an end: give '--count' or '--duration'")
    const ended = waitForEnd()
    const stopping = new AbortController()
    void ended.done.then(() => stopping.abort())
    const { simulateCommand } = await import('./embedded/simulator/command.ts')
    await simulateCommand(
      {
        ...options,
        brokers: options.brokers.split(','),
        durationMs: options.duration * 1000,
        fullPorts: options.fullPorts === true,
        flatOut: options.flatOut === true,
        inventory: options.inventory ?? null,
        inventoryOnly: options.inventoryOnly === true
      },
      { say, signal: stopping.signal }
    )
  })

interface SimulateOptions {
  readonly brokers: string
  readonly topic: string
  readonly nodes: number
  readonly seed: number
  readonly rate: number
  readonly format: Format
  readonly scenario: string
  readonly count: number
  readonly duration: number
  readonly fullPorts?: boolean
  readonly flatOut?: boolean
  readonly inventory?: string
  readonly inventoryOnly?: boolean
}

try {
  await program.parseAsync()
  // Whatever a library still keeps open must not keep the program.
  process.exit()
} catch (error) {
  for (const line of problemLines(error)) complain(line)
  process.exit(error instanceof ProblemsError || error instanceof WrongInput ? exitWrongInput : exitFailed)
}

function problemLines(error: unknown): string[] {
  if (error instanceof ProblemsError) return [error.message]
  return [`svetofor: ${error instanceof Error ? error.message : String(error)}`]
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return text => {
    const value = Number(text)
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(`give a whole number from ${min} to ${max}.`)
    }
    return value
  }
}
