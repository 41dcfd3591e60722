-- Mirror of the inventory, replaced whole with each version, so that dashboards can show names and addresses.
CREATE TABLE nodes
(
    id String,
    tier LowCardinality(String),
    name String,
    parents Array(String),
    addresses Array(String),
    subscribers UInt32,
    premises LowCardinality(String),
    maintenance Bool
)
ENGINE = MergeTree
ORDER BY id;

CREATE TABLE devices
(
    id String,
    node String,
    role LowCardinality(String),
    vendor LowCardinality(String),
    model LowCardinality(String),
    identifiers Array(String),
    interval_s UInt32
)
ENGINE = MergeTree
ORDER BY id;
