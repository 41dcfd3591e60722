-- What each series is: written when a series is first met and whenever its place in the inventory changes.
CREATE TABLE series
(
    id UInt64,
    device String,
    signal LowCardinality(String),
    instance String,
    node String,
    tier LowCardinality(String),
    unit LowCardinality(String),
    profile LowCardinality(String),
    identifiers Array(String),
    updated_at DateTime64(3, 'UTC'),
    INDEX by_device device TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_node node TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(updated_at)
ORDER BY id;

-- Samples with names, for people. Restrict it by time; for one device, samples_of_device reads far less.
CREATE VIEW samples_named AS
SELECT s.time AS time, d.device AS device, d.signal AS signal, d.instance AS instance, s.value AS value, d.unit AS unit,
       d.node AS node, d.tier AS tier, d.profile AS profile, s.series AS series, s.topic AS topic, s.partition AS partition, s.offset AS offset
FROM samples AS s
INNER JOIN (SELECT * FROM series FINAL) AS d ON d.id = s.series
WHERE s.series != 0;

-- SELECT * FROM samples_of_device(device = 'sw-17') WHERE signal = 'optics.rx_dbm' AND time > now() - INTERVAL 1 DAY
CREATE VIEW samples_of_device AS
SELECT s.time AS time, d.device AS device, d.signal AS signal, d.instance AS instance, s.value AS value, d.unit AS unit,
       d.node AS node, s.series AS series, s.topic AS topic, s.partition AS partition, s.offset AS offset
FROM (SELECT series, time, value, topic, partition, offset FROM samples WHERE series IN (SELECT id FROM series WHERE device = {device:String})) AS s
INNER JOIN (SELECT * FROM series FINAL WHERE device = {device:String}) AS d ON d.id = s.series;
