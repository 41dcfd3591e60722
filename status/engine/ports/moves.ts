import type { SeriesAssigner } from '../assign.ts'
import type { Absences } from '../readings/absences.ts'
import type { SeriesRegistry } from '../series-registry.ts'
import type { DeviceMoves, PortPlaces } from './places.ts'

export interface PortMovesOptions {
  readonly registry: SeriesRegistry
  readonly places: PortPlaces
  readonly assigner: Pick<SeriesAssigner, 'move'>
  readonly absences: Pick<Absences, 'move' | 'left' | 'judgeAnew'>
}

/**
 * Brings series to the ports they are of by what was learnt of names. A port keeps its alarms where another of its series tells the same;
 * what only a series that has left had raised ends, for nothing speaks for it any more. `nowMs` is left out where the log before the stored
 * position is read again: what is on there is known.
 */
export function movePorts(options: PortMovesOptions, nowMs: number | undefined): void {
  for (const moves of options.places.unsettled()) moveOf(options, moves, nowMs)
}

function moveOf(
  { registry, assigner, absences }: PortMovesOptions,
  { device, moves }: DeviceMoves,
  nowMs: number | undefined
): void {
  const left = moves.map(({ series }) => ({
    instance: registry.instance(series),
    signal: registry.signal(series)
  }))
  const series = moves.map(move => move.series)
  const ports = new Set([...left, ...moves].map(({ instance }) => instance))
  absences.move(series, () =>
    assigner.move(series, () => {
      for (const { series: each, instance } of moves) registry.setInstance(each, instance)
    })
  )
  const told = new Set<string>()
  for (const source of new Set(series.map(each => registry.deviceOf(each))))
    registry.eachOfDevice(source, each => {
      const instance = registry.instance(each)
      if (!ports.has(instance)) return
      told.add(`${registry.signal(each)}/${instance}`)
      // What is beside it may be another, and so its limits and what it is reckoned by.
      absences.judgeAnew(each)
    })
  if (nowMs === undefined) return
  const unspoken = left.filter(({ instance, signal }) => !told.has(`${signal}/${instance}`))
  absences.left(device, unspoken, nowMs)
}
