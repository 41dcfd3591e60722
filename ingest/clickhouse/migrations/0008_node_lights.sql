-- The latest light of each node, so that a start reads as many rows as there are nodes, not every change there ever was,
-- and so that a light that has stood for years is known when retention has taken the change that made it.
CREATE TABLE node_lights
(
    node String,
    at DateTime64(3, 'UTC'),
    own LowCardinality(String),
    to LowCardinality(String)
)
ENGINE = ReplacingMergeTree(at)
ORDER BY node;

CREATE MATERIALIZED VIEW node_lights_from_changes TO node_lights AS
SELECT node, at, own, to FROM light_changes;

INSERT INTO node_lights SELECT node, at, own, to FROM light_changes;

-- Retention takes whole parts of a month.
ALTER TABLE light_changes MODIFY SETTING ttl_only_drop_parts = 1;

ALTER TABLE alarms MODIFY SETTING ttl_only_drop_parts = 1;

ALTER TABLE incidents MODIFY SETTING ttl_only_drop_parts = 1;
