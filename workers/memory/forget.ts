import { conditionWordsPerSeries, unassigned } from '../../rules/series-state.ts'
import { forgetFollowers } from './kernel-memory.ts'
import { notWhole } from './map.ts'
import type { SharedState } from './shared-state.ts'
import type { Keeping } from './shared-table.ts'

/**
 * Gives the room of devices back: their place, their series and all names that lead to them. Whoever of them is heard again is met anew, and has
 * the same stored ids, which are made of names (learning/series-id.ts). Those that go on keep every index.
 */

/** What is to become of a device: nobody was told of it yet, it is forgotten, or it goes on as one that the inventory does not know or does. */
export const unmet = 0
export const forgotten = 1
export const unknown = 2
export const known = 3

const seriesPerStep = 262_144
/** The device of a series that is free. */
const noDevice = -1
const keepings: readonly Keeping[] = ['forget', 'forget', 'unknown', 'known']

/**
 * `fates` has one of the four for each device there is (shared.devicesEnd()). A device that is unmet goes on where it has series, of which somebody
 * may yet be told. Only while nothing is evaluated, from the first step to the last, and once nobody else knows anything by the indices of those that
 * are forgotten. Programs of forgotten series must keep nothing: what rates and baselines are reckoned from has its own slots.
 */
export function* forgetDevices(shared: SharedState, fates: Uint8Array): Generator<void, void> {
  const { series: state, devices, free } = shared
  const { device: deviceOf } = state
  const seriesEnd = shared.seriesEnd()
  const devicesEnd = shared.devicesEnd()

  for (let series = 0; series < seriesEnd; series++) {
    if (series % seriesPerStep === 0) yield
    const device = deviceOf[series]!
    if (device >= 0 && fates[device] === unmet) fates[device] = unknown
  }
  const ofDevice = (device: number): Keeping => keepings[fates[device]!]!
  // Of an alias that does not say by itself whose it is, nobody knows whose it is. It is learnt anew.
  const ofSeries = (series: number): Keeping =>
    series === notWhole ? 'forget' : keepings[fates[deviceOf[series]!]!]!
  yield* shared.entities.retain(ofSeries)
  yield* shared.aliases.retain(ofSeries)
  forgetFollowers(shared.kernel)
  yield* shared.deviceTable.retain(ofDevice)

  const clear = (from: number, to: number): void => {
    state.program.fill(unassigned, from, to)
    state.lastTimeMs.fill(0, from, to)
    state.busy.fill(0, from, to)
    state.conditionWords.fill(0, from * conditionWordsPerSeries, to * conditionWordsPerSeries)
    deviceOf.fill(noDevice, from, to)
    shared.seriesIds.fill(0, from * 2, to * 2)
    shared.spanSets.fill(0, from, to)
    shared.nextSpans.fill(0, from, to)
    shared.claims.fill(0, from, to)
  }
  free.clear()
  let unknownSeries = 0
  let freeFrom = -1
  for (let series = 0; series <= seriesEnd; series++) {
    if (series % seriesPerStep === 0) yield
    const device = series < seriesEnd ? deviceOf[series]! : noDevice
    const isFree = series < seriesEnd && (device < 0 || fates[device]! <= forgotten)
    if (isFree) {
      if (freeFrom < 0) freeFrom = series
      continue
    }
    if (freeFrom >= 0) {
      clear(freeFrom, series)
      free.addSeries(freeFrom, series - freeFrom)
      freeFrom = -1
    }
    if (device >= 0 && fates[device] === unknown) unknownSeries++
  }
  for (let device = 0; device < devicesEnd; device++) {
    if (fates[device]! > forgotten) continue
    devices.lastSeenMs[device] = 0
    shared.renamed[device] = 0
    if (device < devices.startedMs.length) devices.startedMs[device] = 0
    free.addDevice(device)
  }
  shared.noteForgotten(unknownSeries)
}
