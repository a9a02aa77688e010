-- Rows of up to about 360 entries stay whole and in line: compressing them to 2 kB costs half as much again as
-- storing them. The bound is checked row by row while they come, which spares a scan when the partition is sealed.
-- Rows never change, so there is nothing to vacuum; arrays are never compared, so they need no statistics.
CREATE OR REPLACE FUNCTION recsys.open_partition(publication bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  name text := 'list_rows_' || publication;
  list text;
BEGIN
  EXECUTE format('CREATE TABLE recsys.%I (LIKE recsys.list_rows, CONSTRAINT bound CHECK (publication_id = %s)) '
                 'WITH (fillfactor = 100, toast_tuple_target = 8160, autovacuum_enabled = off)', name, publication);
  FOREACH list IN ARRAY ARRAY['items', 'scores', 'sources', 'reasons', 'reason_items', 'ranks_before', 'propensities'] LOOP
    EXECUTE format('ALTER TABLE recsys.%I ALTER COLUMN %I SET STATISTICS 0', name, list);
  END LOOP;
  EXECUTE format('GRANT SELECT, INSERT, DELETE ON recsys.%I TO recsys_writer', name);
END $$;

REVOKE EXECUTE ON FUNCTION recsys.open_partition FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.open_partition TO recsys_writer;

COMMENT ON FUNCTION recsys.open_partition IS 'Make the table of a new publication''s lists, not seen by readers.';
