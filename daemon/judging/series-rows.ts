import type { SeriesRows } from '../../ingest/clickhouse/series-rows.ts'
import type { StoredEntity } from '../../status/engine/series-descriptions.ts'
import { entityOf } from '../../workers/learning/series-id.ts'

/** What the engine describes of new series as the rows that are stored of them; `seriesIds` as workers name them. */
export function seriesRowsOf(described: readonly StoredEntity[], seriesIds: Uint32Array): SeriesRows[] {
  return described.map(
    ({ deviceId, identifiers, instance, nodeId, portNames, tier, profile, collector, first, signals }) => ({
      device: deviceId === '' ? (identifiers[0] ?? '') : deviceId,
      instance,
      node: nodeId,
      tier,
      profile,
      collector,
      identifiers,
      portNames,
      entity: entityOf(seriesIds, first, signals[0]!),
      signals
    })
  )
}
