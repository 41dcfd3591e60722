-- What the alarm engine knew of a resource behind a place in the log: conditions that are on, holds under way, open alarms.
-- Written before the samples of that place, so that a start can take up the states as of the stored position and judge on.
-- A hold that ends adds no place to the log: the later moment stays. Topics are named as in `samples`.
CREATE TABLE resource_states
(
    device String,
    instance String,
    scope LowCardinality(String),
    topic LowCardinality(String),
    partition Int32,
    offset UInt64,
    at DateTime64(3, 'UTC'),
    is_open Bool,
    state String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (device, instance, scope, topic, partition, offset);
