-- A person who is at an alert says so (`recsys alerts ack`): no further message of it but that it is over.
ALTER TABLE recsys.alert_rows ADD COLUMN acknowledged_at timestamptz, ADD COLUMN acknowledged_by text,
  ADD COLUMN acknowledged_note text;
