import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startTestClickHouse } from '../support/clickhouse.ts'
import { startKafkaOrSkip } from '../support/kafka.ts'
import { compare, type Comparison } from './compare.ts'
import { casesOf, type MutationCase, type MutationKind } from './mutations.ts'
import { devicesOf, type FieldDevice } from './network.ts'
import { differences } from './right.ts'
import { lastOf, playSimulated } from './simulated.ts'
import { openStage, type Stage } from './stage.ts'
import type { Walk } from './walk.ts'

export interface FieldOptions {
  readonly walks: readonly Walk[]
  readonly intervalS: number
  readonly kinds: readonly MutationKind[]
  /** Keeps the folder with every file that was rendered. */
  readonly keep: boolean
  readonly say: (line: string) => void
}

export interface LightOutcome {
  readonly device: string
  readonly kind: MutationKind | 'healthy'
  /** What is not as it should be; empty when all is. */
  readonly wrong: readonly string[]
}

export interface FieldResult {
  readonly devices: readonly FieldDevice[]
  readonly comparisons: readonly Comparison[]
  readonly lights: readonly LightOutcome[]
}

/** Polls after which every count of samples in the shipped rules has been met. */
const pollsToJudge = 6
/** Readings are looked at every 20 s, and have a rhythm after four looks. */
const rhythmMs = 120_000
/** Nothing that a mutation brings takes longer: 15 s on battery, an absent reading after ten polls of its device. */
const mutationMsMax = 180_000
/** What is right must stay so: another alarm may come later. */
const staysMs = 20_000

/** The same in simulated time, without any server: docs/field.md. */
export async function runSimulated({ walks, kinds, say }: FieldOptions): Promise<FieldResult> {
  const devices = devicesOf(walks)
  say(`${devices.length} devices of ${walks.length} walks, in simulated time`)
  const healthy = await playSimulated(devices.map(device => ({ device })))
  const comparisons = devices.map(device => compare(device, lastOf(healthy, device)))
  const lights: LightOutcome[] = devices.map(device => ({
    device: device.id,
    kind: 'healthy',
    wrong: differences(healthy.node(device.node), { light: 'green', alarms: [] })
  }))
  await healthy.close()
  const cases = casesOf(devices, kinds)
  const befallen = await playSimulated(
    cases.map(({ device, mutation }) => ({ device, later: mutation.walk }))
  )
  for (const { device, mutation } of cases)
    lights.push({
      device: device.id,
      kind: mutation.kind,
      wrong: differences(befallen.node(device.node), mutation)
    })
  await befallen.close()
  return { devices, comparisons, lights }
}

/** Null where there is no Kafka. */
export async function runField(options: FieldOptions): Promise<FieldResult | null> {
  const kafka = await startKafkaOrSkip()
  if (kafka === null) return null
  const folder = await mkdtemp(join(tmpdir(), 'svetofor-field-'))
  const clickhouse = await startTestClickHouse()
  const devices = devicesOf(options.walks)
  const { intervalS, say } = options
  const common = { folder, brokers: kafka.brokers, clickhouse, intervalS }
  try {
    say(`${devices.length} devices of ${options.walks.length} walks`)
    const healthy = await openStage({ ...common, name: 'healthy', devices, later: [] })
    const comparisons: Comparison[] = []
    const lights: LightOutcome[] = []
    try {
      await healthy.polls(pollsToJudge)
      const stored = await healthy.stored()
      for (const device of devices) {
        comparisons.push(
          compare(
            device,
            stored.filter(one => one.device === device.id)
          )
        )
        lights.push({
          device: device.id,
          kind: 'healthy',
          wrong: differences(await healthy.node(device.node), { light: 'green', alarms: [] })
        })
      }
    } finally {
      await healthy.stop()
    }
    if (options.kinds.length > 0) lights.push(...(await runMutations(options, common, devices)))
    return { devices, comparisons, lights }
  } finally {
    await clickhouse.stop()
    await kafka.stop()
    if (options.keep) say(`kept: ${folder}`)
    else await rm(folder, { recursive: true, force: true })
  }
}

async function runMutations(
  { kinds, say, intervalS }: FieldOptions,
  common: Pick<Parameters<typeof openStage>[0], 'folder' | 'brokers' | 'clickhouse' | 'intervalS'>,
  devices: readonly FieldDevice[]
): Promise<LightOutcome[]> {
  const cases = casesOf(devices, kinds)
  say(`${cases.length} devices that something befalls`)
  const stage = await openStage({
    ...common,
    name: 'befallen',
    devices: cases.map(({ device }) => device),
    later: cases.flatMap(({ mutation }) => mutation.walk ?? [])
  })
  try {
    await Promise.all([stage.polls(pollsToJudge), delay(rhythmMs)])
    const outcomes: LightOutcome[] = []
    const ready: MutationCase[] = []
    for (const each of cases) {
      const { device, mutation } = each
      const before = differences(await stage.node(device.node), { light: 'green', alarms: [] })
      if (before.length === 0) ready.push(each)
      else
        outcomes.push({
          device: device.id,
          kind: mutation.kind,
          wrong: before.map(line => `before: ${line}`)
        })
    }
    for (const { device, mutation } of ready) stage.play(device.id, mutation.walk)
    const left = new Set(ready)
    const deadlineMs = Date.now() + mutationMsMax
    await delay(3 * intervalS * 1000)
    while (left.size > 0 && Date.now() < deadlineMs) {
      for (const each of left) if ((await wrongOf(stage, each)).length === 0) left.delete(each)
      await delay(1000)
    }
    await delay(staysMs)
    for (const each of ready)
      outcomes.push({
        device: each.device.id,
        kind: each.mutation.kind,
        wrong: await wrongOf(stage, each)
      })
    return outcomes
  } finally {
    await stage.stop()
  }
}

async function wrongOf(stage: Stage, { device, mutation }: MutationCase): Promise<string[]> {
  const wrong = differences(await stage.node(device.node), mutation)
  // Where nothing is to be told, nothing may have been told for a moment either.
  if (mutation.alarms.length === 0)
    wrong.push(...(await stage.everRaised(device.id)).map(type => `${type} was raised`))
  return wrong
}
