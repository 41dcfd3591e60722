import { createDecoder, type DecodePolicy } from '../schemas/records/decode.ts'
import { compileProfiles } from '../schemas/records/profile.ts'
import { createEvaluator, type Evaluator, type EvaluatorLimits } from './evaluate.ts'
import { openSharedState, type SharedMemory } from './memory/shared-state.ts'

/** All an evaluator is made of, as plain data: it is handed to worker threads as it is. */
export interface EvaluatorSetup {
  readonly profiles: readonly { readonly file: string; readonly text: string }[]
  readonly policy: DecodePolicy
  readonly limits: EvaluatorLimits
  readonly shared: SharedMemory
  /** For tests of the pool: a value that contains the marker fails its worker in this way. */
  readonly faults?: readonly FaultAsked[]
}

export type Fault = 'exit' | 'hang' | 'throw'

export interface FaultAsked {
  readonly marker: string
  readonly how: Fault
  /** Four zeros: then it fails once only, when the task with the marker has been judged and has not answered. */
  readonly onceJudged?: SharedArrayBuffer
}

/** Made from the same data in each thread. */
export function setUpEvaluator(setup: EvaluatorSetup): Evaluator {
  const profiles = compileProfiles(setup.profiles)
  const faults = (setup.faults ?? []).map(fault => ({ ...fault, marker: Buffer.from(fault.marker) }))
  const met = new Set<(typeof faults)[number]>()
  return createEvaluator({
    measurements: profiles.measurements,
    scanning: { profiles, policy: setup.policy },
    decoder: createDecoder(profiles, setup.policy),
    shared: openSharedState(setup.shared),
    limits: setup.limits,
    ...(faults.length === 0
      ? {}
      : {
          beforeRecord(bytes, valueAt, valueLength) {
            const value = Buffer.from(bytes.slice(valueAt, valueAt + valueLength))
            for (const fault of faults) {
              if (!value.includes(fault.marker)) continue
              if (fault.onceJudged === undefined) fail(fault.how)
              else met.add(fault)
            }
          },
          afterJudgement() {
            for (const { how, onceJudged } of met)
              if (Atomics.exchange(new Int32Array(onceJudged!), 0, 1) === 0) fail(how)
            met.clear()
          }
        })
  })
}

function fail(how: Fault): void {
  if (how === 'throw') throw new Error('a fault was asked for')
  if (how === 'exit') process.exit(70)
  for (;;);
}
