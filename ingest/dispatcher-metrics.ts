import { Gauge, type Registry } from 'prom-client'
import type { Dispatcher } from './dispatcher.ts'

/** The queues between Kafka and the workers, read when they are scraped. */
export function createDispatcherMetrics(registry: Registry, dispatcher: Dispatcher): void {
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read())
      }
    })
  }
  gauge('svetofor_dispatcher_queued_bytes', 'Bytes of record batches waiting for a worker.', () =>
    dispatcher.queuedBytes()
  )
  gauge('svetofor_dispatcher_paused_partitions', 'Partitions paused because a queue is full.', () =>
    dispatcher.pausedPartitions()
  )
  gauge('svetofor_dispatcher_tasks_in_flight', 'Tasks in evaluation or delivery.', () =>
    dispatcher.tasksInFlight()
  )
}
