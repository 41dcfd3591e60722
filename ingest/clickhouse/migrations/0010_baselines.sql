-- What is usual for a series (rules/measures/baselines.ts) as of its last sample, stored every few minutes behind the samples it was learnt from.
-- Of two rows of a series the later one counts; a start learns on from there with the samples of the log behind it.
CREATE TABLE baselines
(
    series UInt64,
    at DateTime64(3, 'UTC'),
    learnt_to DateTime64(3, 'UTC'),
    last Float64,
    fast Float64,
    slow Float64,
    slower Float64,
    learnt_ms Float64,
    samples UInt32,
    conditions String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(at)
ORDER BY series;
