import { programTableBytes, type ProgramMemory } from '../../rules/program.ts'
import { deviceStateBytes, seriesStateBytes } from '../../rules/series-state.ts'
import { threadListBytes } from './lock.ts'
import {
  constantsEnd,
  decimalsAt,
  deskBytes,
  desksMax,
  followersMax,
  formsEnd,
  formsHeap,
  formsUsed,
  literalBytes,
  literalsAt,
  ordersAt,
  pageBytes,
  powersAt
} from './map.ts'
import { clearSharedTable, sharedTableBytes, type SharedTableMemory } from './shared-table.ts'

/**
 * The one memory that the kernel works on, shared by all threads: constants, desks, forms, the state of series and
 * devices, the programs, the table of aliases. Each part is made at its limit and never moves; what is not used yet takes no
 * memory. Behind them the inputs and rows of the desks are taken as tasks need them.
 */
export interface KernelMemory {
  readonly memory: WebAssembly.Memory
  /** Where the parts begin. */
  readonly desks: number
  readonly forms: number
  readonly series: number
  readonly devices: number
  readonly seriesIds: number
  readonly spanSets: number
  readonly nextSpans: number
  readonly programs: ProgramMemory
  readonly aliases: SharedTableMemory
  /** Which alias came after which. */
  readonly followers: number
  /** The threads that have ended (lock.ts). */
  readonly endedThreads: number
}

export interface KernelLimits {
  readonly seriesMax: number
  readonly devicesMax: number
  readonly programsMax: number
  readonly aliasesMax: number
  /** Bytes of all aliases; less where the memory has no room for so many. */
  readonly aliasBytesMax: number
}

const pagesMax = 65536
/** What is left for inputs and rows at least. */
const workBytesMin = 512 * 1024 * 1024
const formsBytes = 8 * 1024 * 1024

/** In the order of their numbers in map.ts. */
const literalTexts = [
  '{"fields":{',
  '},"name":"',
  ',"timestamp":',
  ',"timeMs":',
  ',"signals":{',
  '{"name":"',
  '","timestamp":',
  ',"tags":{',
  '},"values":{',
  '{"host":',
  ',"clock":',
  ',"ns":',
  ',"value":',
  ',"type":',
  'true',
  'false',
  'null'
]

/** Throws RangeError when the limits ask for more than WebAssembly's four gigabytes hold. */
export function createKernelMemory(limits: KernelLimits): KernelMemory {
  const { seriesMax, devicesMax, programsMax, aliasesMax } = limits
  let end = constantsEnd
  const take = (bytes: number): number => {
    const at = Math.ceil(end / 64) * 64
    end = at + bytes
    return at
  }
  const parts = {
    desks: take(desksMax * deskBytes),
    forms: take(formsBytes),
    followers: take(followersMax * 4),
    endedThreads: take(threadListBytes),
    series: take(seriesStateBytes(seriesMax)),
    devices: take(deviceStateBytes(devicesMax)),
    seriesIds: take(seriesMax * 8),
    spanSets: take(seriesMax * 4),
    nextSpans: take(seriesMax * 4)
  }
  const programsAt = take(programTableBytes(programsMax))
  const room = pagesMax * pageBytes - workBytesMin - end - 64 - sharedTableBytes(aliasesMax, 0)
  if (room < aliasesMax)
    throw new RangeError(
      `${seriesMax} series and ${devicesMax} devices need more than the evaluation's memory can hold; lower workers.series_max or workers.devices_max`
    )
  const aliasBytesMax = Math.min(limits.aliasBytesMax, room)
  const aliasesAt = take(sharedTableBytes(aliasesMax, aliasBytesMax))
  const memory = new WebAssembly.Memory({
    initial: Math.ceil(end / pageBytes),
    maximum: pagesMax,
    shared: true
  })
  const kernelMemory: KernelMemory = {
    memory,
    ...parts,
    programs: { memory: memory.buffer, at: programsAt, capacity: programsMax },
    aliases: {
      entriesMax: aliasesMax,
      keyBytesMax: aliasBytesMax,
      memory: memory.buffer,
      at: aliasesAt
    }
  }
  writeConstants(memory.buffer)
  clearForms(kernelMemory)
  return kernelMemory
}

function writeConstants(memory: SharedArrayBuffer): void {
  const view = new DataView(memory)
  for (let k = 0; k < 20; k++) view.setBigUint64(powersAt + k * 8, 10n ** BigInt(k), true)
  for (let k = 0; k < 23; k++) view.setFloat64(decimalsAt + k * 8, 10 ** k, true)
  for (let point = 0; point < 16; point++)
    for (let length = point; length < 16; length++)
      new Uint8Array(memory, ordersAt + (point * 16 + length) * 16, 16).set(orderOf(point, length))
  literalTexts.forEach((text, i) =>
    new Uint8Array(memory, literalsAt + i * literalBytes, literalBytes).set(new TextEncoder().encode(text))
  )
}

/** Where the sixteen digits of a number lie in it; a byte that there is none of is a zero to the kernel. */
function orderOf(point: number, length: number): number[] {
  const digits = Array.from({ length }, (_, i) => i).filter(i => i !== point)
  return [...Array.from({ length: 16 - digits.length }, () => 0xff), ...digits]
}

/** What is taken from it is taken for zeros: all that was used is cleared. */
function clearForms({ memory, forms }: KernelMemory): void {
  const words = new Uint32Array(memory.buffer, forms, formsBytes / 4)
  const used = words[formsUsed / 4]!
  words.fill(0, 0, used === 0 ? formsHeap / 4 : Math.ceil((used - forms) / 4))
  words[formsUsed / 4] = forms + formsHeap
  words[formsEnd / 4] = forms + formsBytes
}

/** Forgets how records are written and whose they are: both may change with the profiles. Only while no task is under way. */
export function forgetRecords(of: KernelMemory): void {
  clearSharedTable(of.aliases)
  forgetFollowers(of)
  clearForms(of)
}

/** Forgets which alias came after which. Only while no task is under way. */
export function forgetFollowers({ memory, followers }: KernelMemory): void {
  new Uint32Array(memory.buffer, followers, followersMax).fill(0)
}

/** The list of the threads that have ended. */
export const endedThreadsOf = ({ memory, endedThreads }: KernelMemory): Int32Array =>
  new Int32Array(memory.buffer, endedThreads, threadListBytes / 4)

/** Takes more of the memory, for as long as the process lives; where it begins. Throws RangeError when none is left. */
export function takeWorkBytes(memory: WebAssembly.Memory, bytes: number): number {
  return memory.grow(Math.ceil(bytes / pageBytes)) * pageBytes
}

/** The memory as it is now: another thread may have made it larger. */
export function bufferReaching(memory: WebAssembly.Memory, end: number): SharedArrayBuffer {
  if (memory.buffer.byteLength < end) memory.grow(0)
  return memory.buffer
}
