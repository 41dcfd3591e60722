import { startPositions } from '../../ingest/clickhouse/positions.ts'
import type { Dispatcher } from '../../ingest/dispatcher.ts'
import type { PartitionOffset, SourceHandler } from '../../ingest/source.ts'
import type { Config } from '../../schemas/config/reading.ts'
import type { Delivery } from './delivery.ts'
import { createReturnCheck, type ReturnCheckOptions } from './return-check.ts'
import type { Insist } from '../process/insist.ts'
import type { Storage } from './storage.ts'
import type { TroubleLog } from '../process/trouble-log.ts'
import type { WarmUp } from './warm-up.ts'
import type { Watermark } from './watermark.ts'

export interface SourceHandlerOptions extends Pick<ReturnCheckOptions, 'connection' | 'logger' | 'nowMs'> {
  readonly config: Config
  readonly storage: Pick<Storage, 'client' | 'topics'>
  readonly dispatcher: Dispatcher
  readonly delivery: Delivery
  readonly watermark: Watermark
  readonly warmUp: Pick<WarmUp, 'before'>
  /** `checkStored` throws where others have stored what this daemon has not judged. */
  readonly standby: { readonly checkStored: (positions: readonly PartitionOffset[]) => void }
  /** Told of the newest time in each batch, before it is judged (SteadyClock). */
  readonly heard: (recordMs: number) => void
  readonly insist: Insist
  readonly fail: (error: Error) => void
  readonly trouble: TroubleLog
}

/** What the daemon does with what the source brings: partitions, batches, faults. */
export function createSourceHandler(options: SourceHandlerOptions): SourceHandler {
  const { config, storage, dispatcher, delivery, watermark, warmUp, heard, insist, fail, trouble } = options
  const { client, topics } = storage
  const returns = createReturnCheck(options)
  return {
    async assigned(partitions, isCurrent = () => true) {
      watermark.assigned(partitions)
      await delivery.released(partitions)
      const positions = await insist('ask ClickHouse for positions', () =>
        startPositions(client, topics, partitions)
      )
      options.standby.checkStored(positions)
      await returns.check(positions)
      await warmUp.before(positions, isCurrent)
      return positions
    },
    async revoked(partitions, limitMs) {
      await delivery.revoked(partitions, limitMs)
      watermark.revoked(partitions)
    },
    batches(batches) {
      for (const { maxTimestampMs } of batches) heard(maxTimestampMs)
      watermark.offered(batches)
      dispatcher.offer(batches)
    },
    failed(error, isFatal) {
      if (isFatal) fail(error)
      else trouble(`Kafka at ${config.kafka.brokers.join(',')} cannot be read; trying again`, error)
    }
  }
}
