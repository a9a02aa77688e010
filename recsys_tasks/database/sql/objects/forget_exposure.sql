-- With its lists, a publication's counts by item go; its counts of lists are few and stay.
CREATE OR REPLACE FUNCTION recsys.forget_exposure() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM recsys.item_exposure_rows AS x WHERE x.publication_id = NEW.id;
  RETURN NULL;
END $$;

REVOKE EXECUTE ON FUNCTION recsys.forget_exposure FROM PUBLIC;

COMMENT ON FUNCTION recsys.forget_exposure IS 'Trigger that drops the counts by item of a retired publication.';
