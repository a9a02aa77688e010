-- With its lists, the items that no list of a publication shows go from its counts, and all of one that readers never
-- saw; the rest is item_history, and goes with the weekly sweep after monitoring.history_nights.
CREATE OR REPLACE FUNCTION recsys.forget_exposure() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM recsys.item_exposure_rows AS x WHERE x.publication_id = NEW.id AND (x.lists = 0 OR NEW.published_at IS NULL);
  RETURN NULL;
END $$;

REVOKE EXECUTE ON FUNCTION recsys.forget_exposure FROM PUBLIC;

COMMENT ON FUNCTION recsys.forget_exposure IS 'Trigger that drops the counts by item of a retired publication.';
