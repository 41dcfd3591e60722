-- Every sample, once. The key is the sample's natural identity; where records overlap, the one of the highest offset stays.
-- Rows of series 0 are no samples: each insert writes one for every partition it brings, with the last offset it covers,
-- so that how far a partition is stored is known in the same part as the samples themselves, atomically.
-- The table is partitioned by the week of writing, not of the event: one insert goes to one partition, so it is stored whole or not at all.
CREATE TABLE samples
(
    series UInt64 CODEC(ZSTD(1)),
    time DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    value Float64 CODEC(Delta, ZSTD(1)),
    topic LowCardinality(String) CODEC(ZSTD(1)),
    partition Int32 CODEC(ZSTD(1)),
    offset UInt64 CODEC(Delta, ZSTD(1)),
    stored_on Date CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(offset)
PARTITION BY toMonday(stored_on)
PRIMARY KEY (series, time)
ORDER BY (series, time, topic, partition)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;
