-- Every sample, once. The key is the sample's natural identity; where records overlap, the one of the highest offset stays.
--
-- Rows of series 0 are no samples: each insert writes one for every partition it brings, with the last offset it covers,
-- so that how far a partition is stored is known in the same part as the samples themselves, atomically.
--
-- The table is partitioned by the day of writing, not of the event: one insert goes to one partition, so it is stored
-- whole or not at all. The index over the whole part lets a query by event time skip the other days.
--
-- Nearly all measured values are decimals of a few places (counters, states, -17.28 dBm), which doubles hide from any
-- codec. They are kept as digits and scale: value = digits / 10^scale; scale 255 holds the bits of any other double.
-- `raw` is what an insert gives, `value` is what a query reads: the very same double.
--
-- The ids of the series of one port are neighbours, so that their times and offsets, which are the same, compress to a
-- fraction: whole bytes under Delta, which ZSTD finds again. docs/adr/0003 has the measurements.
CREATE TABLE samples
(
    series UInt64 CODEC(ZSTD(1)),
    time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(3)),
    raw Float64 EPHEMERAL,
    scale UInt8 DEFAULT multiIf(
        raw = trunc(raw) AND abs(raw) < 9e15, 0,
        NOT abs(raw) < 9e11, 255,
        round(raw * 10) / 10 = raw, 1,
        round(raw * 100) / 100 = raw, 2,
        round(raw * 10000) / 10000 = raw, 4,
        255) CODEC(ZSTD(1)),
    digits Int64 DEFAULT if(
        scale = 255, reinterpretAsInt64(raw),
        toInt64(if(scale = 255, 0., round(raw * transform(scale, [1, 2, 4], [10., 100., 10000.], 1.))))) CODEC(T64, ZSTD(1)),
    value Float64 ALIAS if(scale = 255, reinterpretAsFloat64(digits), digits / transform(scale, [1, 2, 4], [10., 100., 10000.], 1.)),
    topic LowCardinality(String) CODEC(ZSTD(1)),
    partition Int32 CODEC(ZSTD(1)),
    offset UInt64 CODEC(Delta, ZSTD(3)),
    stored_on Date CODEC(ZSTD(1)),
    INDEX times_of_part time TYPE minmax GRANULARITY 1000000
)
ENGINE = ReplacingMergeTree(offset)
PARTITION BY stored_on
PRIMARY KEY (series, time)
ORDER BY (series, time, topic, partition)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1,
    -- What is answered is on disk, and stays there when a merge takes the place of what it read.
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1,
    -- A part of one insert is one file of columns, not one a column: making files is a fifth of an insert.
    min_bytes_for_wide_part = 67108864;
