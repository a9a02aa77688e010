-- In the transaction that shows a publication: it and what it says of its items are seen at once.
CREATE OR REPLACE FUNCTION recsys.note_shown() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO recsys.item_shown_rows AS s (item_key, as_of)
  SELECT x.item_key, NEW.as_of FROM recsys.item_exposure_rows AS x WHERE x.publication_id = NEW.id AND x.lists > 0
  ON CONFLICT (item_key) DO UPDATE SET as_of = EXCLUDED.as_of WHERE s.as_of < EXCLUDED.as_of;
  RETURN NULL;
END $$;

REVOKE EXECUTE ON FUNCTION recsys.note_shown FROM PUBLIC;

COMMENT ON FUNCTION recsys.note_shown IS 'Trigger that notes for each item the newest night whose lists showed it.';
