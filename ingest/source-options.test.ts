import pino from 'pino'
import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { createBackoff, pauseMs } from './backoff.ts'
import { createSourceMetrics } from './metrics.ts'
import { parseBroker, sourceOptions } from './source-options.ts'

const logger = pino({ level: 'silent' })

describe('source options', () => {
  it('have defaults that hold together', () => {
    const options = sourceOptions({ brokers: ['a:1'], groupId: 'g', topics: ['t'], logger })
    expect(options.heartbeatIntervalMs * 3).toBeLessThanOrEqual(options.sessionTimeoutMs)
    expect(sourceOptions({ ...options, sessionTimeoutMs: 6000, heartbeatIntervalMs: 2000 }).isolation).toBe(
      'read_committed'
    )
  })

  it('refuse what cannot work', () => {
    const good = { brokers: ['a:1'], groupId: 'g', topics: ['t'], logger }
    expect(() => sourceOptions({ ...good, brokers: [] })).toThrow(/broker/)
    expect(() => sourceOptions({ ...good, topics: [] })).toThrow(/topic/)
    expect(() => sourceOptions({ ...good, sessionTimeoutMs: 6000, heartbeatIntervalMs: 5000 })).toThrow(
      /heartbeat/
    )
  })

  it('read broker addresses', () => {
    expect(parseBroker('kafka-1.example:9093')).toEqual({ host: 'kafka-1.example', port: 9093 })
    expect(parseBroker('[::1]:9092')).toEqual({ host: '::1', port: 9092 })
    expect(parseBroker('kafka')).toEqual({ host: 'kafka', port: 9092 })
    for (const wrong of ['', 'a:b', 'a:70000', '::1:9092', 'a:0'])
      expect(() => parseBroker(wrong), wrong).toThrow(/host:port/)
  })
})

describe('backoff', () => {
  it('doubles up to its limit, with jitter below it, and starts over', () => {
    const highest = createBackoff(100, 1000, () => 1)
    expect([1, 2, 3, 4, 5, 6].map(() => highest.next())).toEqual([100, 200, 400, 800, 1000, 1000])
    highest.reset()
    expect(highest.next()).toBe(100)
    expect(createBackoff(100, 1000, () => 0).next()).toBe(50)
  })

  it('is cut short by its signal', async () => {
    const controller = new AbortController()
    const paused = pauseMs(60_000, controller.signal)
    controller.abort()
    await paused
    await pauseMs(60_000, controller.signal)
    expect(controller.signal.aborted).toBe(true)
  })
})

describe('source metrics', () => {
  it('count what is handed over and bound the partitions they list', async () => {
    const registry = new Registry()
    const metrics = createSourceMetrics(registry, {
      source: () => ({
        name: 'test',
        start: () => Promise.resolve(),
        pause: () => undefined,
        resume: () => undefined,
        commit: () => Promise.resolve(),
        highWatermarks: () =>
          [0, 1, 2].map(partition => ({ topic: 't', partition, highWatermark: 10 * (partition + 1) })),
        connected: () => true,
        stop: () => Promise.resolve()
      }),
      position: (_topic, partition) => (partition === 2 ? null : 5),
      lagPartitionsMax: 1
    })
    const bytes = new Uint8Array(7)
    metrics.handedOver([
      { topic: 't', partition: 0, firstOffset: 0, lastOffset: 1, count: 2, maxTimestampMs: 0, bytes }
    ])
    metrics.commit(true)
    metrics.fetchError('leader')
    metrics.throttled(1500)
    const text = await registry.metrics()
    expect(text).toContain('svetofor_source_records_total 2')
    expect(text).toContain('svetofor_source_bytes_total 7')
    expect(text).toContain('svetofor_source_fetch_errors_total{kind="leader"} 1')
    expect(text).toContain('svetofor_source_throttled_seconds_total 1.5')
    expect(text).toContain('svetofor_source_connected 1')
    expect(text).toContain('svetofor_source_lag_records{topic="t",partition="0"} 5')
    expect(text).not.toContain('partition="1"')
    expect(text).toContain('svetofor_source_lag_total_records 20')
  })
})
