-- Names of the port that an instance numbers (ifName, ifDescr), as they were told last, so that a replay of the samples knows which port of
-- the inventory they are of. Empty where none were told, and for series that were described before.
ALTER TABLE series ADD COLUMN port_names Array(String);
