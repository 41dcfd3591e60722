-- By which collector a series was met first, so that a replay of the samples knows whose silence was a collector's. '' where none is
-- named, and for series that were described before.
ALTER TABLE series ADD COLUMN collector LowCardinality(String);
