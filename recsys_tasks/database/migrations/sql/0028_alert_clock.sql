-- A failed run's alert is raised by the machine's clock; of a simulated shop this says when by the shop's own.
-- Null for alerts of before.
ALTER TABLE recsys.alert_rows ADD COLUMN shop_time timestamptz;
