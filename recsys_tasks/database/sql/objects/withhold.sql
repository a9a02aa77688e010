-- Made in the database from the very lists and pairs that were loaded, within the checks' transaction.
CREATE OR REPLACE FUNCTION recsys.withhold(publication bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' SET jit = off AS $$
DECLARE name text := 'withheld_rows_' || publication;
BEGIN
  EXECUTE format('DROP TABLE IF EXISTS recsys.%I', name);
  IF NOT EXISTS (SELECT FROM recsys.forbidden_rows AS f WHERE f.publication_id = publication) THEN
    RETURN;
  END IF;
  EXECUTE format('CREATE TABLE recsys.%I (LIKE recsys.withheld_rows, CONSTRAINT bound CHECK (publication_id = %s)) '
                 'WITH (fillfactor = 100, autovacuum_enabled = off)', name, publication);
  EXECUTE format('ALTER TABLE recsys.%I ALTER COLUMN items SET STATISTICS 0', name);
  EXECUTE format('INSERT INTO recsys.%I SELECT %s, f.user_key, array_agg(DISTINCT f.item_key) '
                 'FROM recsys.forbidden_rows AS f WHERE f.publication_id = %2$s AND (f.item_key = -1 OR f.item_key IN ('
                 'SELECT unnest(l.items) FROM recsys.fallback_rows AS l WHERE l.publication_id = %2$s)) '
                 'GROUP BY f.user_key', name, publication);
  EXECUTE format('GRANT SELECT ON recsys.%I TO recsys_writer', name);
END $$;

REVOKE EXECUTE ON FUNCTION recsys.withhold FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.withhold TO recsys_writer;

COMMENT ON FUNCTION recsys.withhold IS
  'Note for each user which items of a publication''s fallback lists the repeat policy, a negative event or a rule of eligibility forbids, so that recommend() leaves them out.';
