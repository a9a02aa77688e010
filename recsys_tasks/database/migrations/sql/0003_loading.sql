-- Which shards a publication holds: a first load then need not search the partition for rows to delete.
CREATE TABLE recsys.shard_loads (
  publication_id bigint   NOT NULL,
  shard          smallint NOT NULL,
  rows           bigint   NOT NULL,
  PRIMARY KEY (publication_id, shard)
);

GRANT SELECT, INSERT, DELETE ON recsys.shard_loads TO recsys_writer;

-- A hash of each row as the last load wrote it, so that unchanged rows need not be sent again.
ALTER TABLE recsys.users ADD COLUMN row_hash bigint;

ALTER TABLE recsys.items ADD COLUMN row_hash bigint;

CREATE TRIGGER forget_row_hash BEFORE UPDATE ON recsys.users FOR EACH ROW
  WHEN (NEW.row_hash IS NOT DISTINCT FROM OLD.row_hash) EXECUTE FUNCTION recsys.forget_row_hash();

CREATE TRIGGER forget_row_hash BEFORE UPDATE ON recsys.items FOR EACH ROW
  WHEN (NEW.row_hash IS NOT DISTINCT FROM OLD.row_hash) EXECUTE FUNCTION recsys.forget_row_hash();

-- What was half loaded before this revision is noted as if it had been loaded under it.
DO $$
DECLARE open record;
BEGIN
  FOR open IN SELECT p.id, 'list_rows_' || p.id AS name FROM recsys.publication AS p
              WHERE p.status = 'building' AND to_regclass('recsys.list_rows_' || p.id) IS NOT NULL LOOP
    EXECUTE format('INSERT INTO recsys.shard_loads SELECT %s, shard, count(*) FROM recsys.%I GROUP BY shard',
                   open.id, open.name);
  END LOOP;
END $$;

-- Emptied by a crash between loading and checking, the table would have let every forbidden pair pass.
ALTER TABLE recsys.forbidden_rows SET LOGGED;
