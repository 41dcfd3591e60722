import type { Command, Option } from 'commander'
import { readConfig } from './daemon/configuration.ts'

/** What the commands of rules share with the others. */
export interface CommandParts {
  readonly configOption: () => Option
  readonly urlOption: () => Option
  readonly tokenOption: () => Option
  readonly wholeNumber: (least: number, most: number) => (text: string) => number
  readonly say: (line: string) => void
  readonly complain: (line: string) => void
}

/** `svetofor rules …`: what rules would do, and taking them over. */
export function addRulesCommands(rules: Command, parts: CommandParts): void {
  const { configOption, urlOption, tokenOption, wholeNumber, say, complain } = parts
  rules.description('what rules would do, and which ones do it')
  rules
    .command('replay')
    .description('judge stored samples by other rules: lights and alarms gained and lost; nothing is changed')
    .addOption(configOption())
    .requiredOption('--from <time>', 'since when, such as 2026-11-29T08:00:00Z')
    .option('--to <time>', 'up to when; the present where it is left out')
    .option('--rules <files...>', 'rules files in place of those that the configuration names')
    .option(
      '--against <files...>',
      "what to compare with: other rules files, or 'stored' for what the daemon did"
    )
    .option('--warm-up <minutes>', 'judged before, and not compared', wholeNumber(0, 10_080), 60)
    .option(
      '--tolerance <seconds>',
      'with stored: times that are apart by no more are the same',
      wholeNumber(0, 3600),
      5
    )
    .option('--limit <lines>', 'at most so many lines of each list', wholeNumber(1, 1_000_000), 20)
    .option('--json [file]', 'as JSON, all of it; to the file, or in place of the text')
    .addHelpText(
      'after',
      `
Without --against, --rules are compared with the rules of the configuration; without --rules too, those with what the daemon did.
Exit codes: 0 replayed, whatever was found, 1 failed, 2 wrong input.`
    )
    .action(async (options: ReplayFlags) => {
      const { replayCommand } = await import('./daemon/replay/command.ts')
      const { json } = options
      await replayCommand({
        config: await readConfig(options.config),
        from: options.from,
        to: options.to ?? null,
        rules: options.rules ?? [],
        against: options.against ?? [],
        warmUpMinutes: options.warmUp,
        toleranceS: options.tolerance,
        linesMax: options.limit,
        json: json === undefined ? null : json === true ? '-' : json,
        nowMs: Date.now(),
        print: say,
        note: complain
      })
    })

  rules
    .command('promote')
    .description(
      'make the rules in shadow the live ones: in the configuration file, and in the running daemon'
    )
    .addOption(configOption().makeOptionMandatory())
    .addOption(urlOption())
    .addOption(tokenOption())
    .addHelpText(
      'after',
      `
rules.shadow takes the place of rules.files in the configuration file, whose comments stay; the daemon is asked to reload, if it runs.
Exit codes: 0 done, 1 written and the daemon did not reload, 2 wrong input, nothing changed.`
    )
    .action(async ({ config: file, url, token }: { config: string; url: string; token: string }) => {
      const { promoteCommand } = await import('./daemon/shadow/promote.ts')
      process.exitCode = await promoteCommand({
        config: await readConfig(file),
        configFile: file,
        environment: process.env,
        url,
        token,
        print: say,
        printError: complain
      })
    })
}

interface ReplayFlags {
  readonly config?: string
  readonly from: string
  readonly to?: string
  readonly rules?: string[]
  readonly against?: string[]
  readonly warmUp: number
  readonly tolerance: number
  readonly limit: number
  readonly json?: string | true
}
