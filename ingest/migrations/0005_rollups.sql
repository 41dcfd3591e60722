-- Rollups of the samples, filled by materialized views where the configuration asks for them.
CREATE TABLE samples_5m
(
    series UInt64 CODEC(ZSTD(1)),
    time DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    min SimpleAggregateFunction(min, Float64) CODEC(Delta, ZSTD(1)),
    max SimpleAggregateFunction(max, Float64) CODEC(Delta, ZSTD(1)),
    sum SimpleAggregateFunction(sum, Float64) CODEC(Delta, ZSTD(1)),
    count SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (series, time)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;

CREATE TABLE samples_1h AS samples_5m
ENGINE = AggregatingMergeTree
PARTITION BY toYear(time)
ORDER BY (series, time)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;
