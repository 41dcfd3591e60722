import { programTableOver } from '../rules/program.ts'
import { createDecoder, type DecodePolicy } from '../schemas/decode.ts'
import { compileProfiles } from '../schemas/profile.ts'
import { createEvaluator, type Evaluator, type EvaluatorLimits } from './evaluate.ts'
import { openSharedState, type SharedMemory } from './shared-state.ts'

/** All an evaluator is made of, as plain data: it is handed to worker threads as it is. */
export interface EvaluatorSetup {
  readonly profiles: readonly { readonly file: string; readonly text: string }[]
  readonly policy: DecodePolicy
  readonly limits: EvaluatorLimits
  readonly shared: SharedMemory
  readonly programs: { readonly memory: SharedArrayBuffer | ArrayBuffer; readonly capacity: number }
  /** For tests of the pool: a value that contains the marker fails its worker in this way. */
  readonly faults?: readonly { readonly marker: string; readonly how: Fault }[]
}

export type Fault = 'exit' | 'hang' | 'throw'

/** Made from the same data in each thread. `mark` is told of every record before it is looked at. */
export function setUpEvaluator(setup: EvaluatorSetup, mark: (offset: number) => void): Evaluator {
  const profiles = compileProfiles(setup.profiles)
  const faults = (setup.faults ?? []).map(({ marker, how }) => ({ marker: Buffer.from(marker), how }))
  return createEvaluator({
    measurements: profiles.measurements,
    scanning: { profiles, policy: setup.policy },
    decoder: createDecoder(profiles, setup.policy),
    shared: openSharedState(setup.shared),
    programs: programTableOver(setup.programs.memory, setup.programs.capacity),
    limits: setup.limits,
    beforeRecord(bytes, valueAt, valueLength, offset) {
      mark(offset)
      if (faults.length === 0) return
      const value = Buffer.from(bytes.subarray(valueAt, valueAt + valueLength))
      for (const { marker, how } of faults) if (value.includes(marker)) fail(how)
    }
  })
}

function fail(how: Fault): void {
  if (how === 'throw') throw new Error('a fault was asked for')
  if (how === 'exit') process.exit(70)
  for (;;);
}
