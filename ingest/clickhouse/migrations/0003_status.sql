-- History of lights, alarms and incidents. Keys are made of the transition itself, so that a replay writes the same rows again and they collapse.
CREATE TABLE light_changes
(
    node String,
    at DateTime64(3, 'UTC'),
    from LowCardinality(String),
    to LowCardinality(String),
    own LowCardinality(String),
    cause_by LowCardinality(String),
    cause_node String,
    cause_alarm String,
    cause_kind LowCardinality(String)
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (node, at, to, own);

CREATE TABLE alarms
(
    id String,
    change LowCardinality(String),
    at DateTime64(3, 'UTC'),
    node String,
    device String,
    instance String,
    resource String,
    type LowCardinality(String),
    qualifier LowCardinality(String),
    kind LowCardinality(String),
    severity LowCardinality(String),
    is_cleared Bool,
    raised_at DateTime64(3, 'UTC'),
    cleared_at Nullable(DateTime64(3, 'UTC')),
    text_ru String,
    text_en String,
    rule LowCardinality(String),
    signal LowCardinality(String),
    value Float64,
    limit_value Nullable(Float64),
    value_name LowCardinality(Nullable(String)),
    event_time DateTime64(3, 'UTC'),
    topic LowCardinality(Nullable(String)),
    partition Nullable(Int32),
    offset Nullable(UInt64)
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(raised_at)
ORDER BY (node, raised_at, id, at, change);

CREATE TABLE incidents
(
    id String,
    change LowCardinality(String),
    at DateTime64(3, 'UTC'),
    root String,
    kind LowCardinality(String),
    light LowCardinality(String),
    severity LowCardinality(String),
    opened_at DateTime64(3, 'UTC'),
    closed_at Nullable(DateTime64(3, 'UTC')),
    alarms Array(String),
    affected_nodes UInt32,
    affected_addresses UInt32,
    affected_subscribers UInt32,
    maintenance Bool
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(opened_at)
ORDER BY (root, opened_at, id, at, change);
