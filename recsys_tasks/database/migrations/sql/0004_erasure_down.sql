DROP VIEW recsys.publication_moves, recsys.user_sample, recsys.list_counts, recsys.item_exposure;
DROP TRIGGER forget_exposure ON recsys.publication;
DROP TRIGGER skip_erased ON recsys.users;
DROP FUNCTION recsys.forget_exposure, recsys.uncount_list, recsys.summarise_publication, recsys.count_entries, recsys.erase_user,
  recsys.prose_columns, recsys.skip_erased;
DROP TABLE recsys.list_count_rows, recsys.item_exposure_rows, recsys.erasures;
CREATE OR REPLACE FUNCTION recsys.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'recsys.% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
COMMENT ON FUNCTION recsys.open_partition IS NULL;
COMMENT ON FUNCTION recsys.seal_partition IS NULL;
COMMENT ON FUNCTION recsys.drop_partition IS NULL;
COMMENT ON FUNCTION recsys.distinct_entries IS NULL;
COMMENT ON FUNCTION recsys.forget_row_hash IS NULL;
COMMENT ON FUNCTION recsys.refuse_change IS NULL;
