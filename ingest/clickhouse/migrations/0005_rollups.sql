-- Rollups of the samples, written once an hour from what is stored. A window may be written again when samples came
-- late: the newest version stays. (Materialized views would nearly double what every insert costs.)
CREATE TABLE samples_5m
(
    series UInt64 CODEC(ZSTD(1)),
    time DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    min Float64 CODEC(Delta, ZSTD(1)),
    max Float64 CODEC(Delta, ZSTD(1)),
    sum Float64 CODEC(Delta, ZSTD(1)),
    count UInt32 CODEC(T64, ZSTD(1)),
    last Float64 CODEC(Delta, ZSTD(1)),
    version DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(time)
ORDER BY (series, time)
SETTINGS ttl_only_drop_parts = 1;

CREATE TABLE samples_1h AS samples_5m
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(time)
ORDER BY (series, time)
SETTINGS ttl_only_drop_parts = 1;
