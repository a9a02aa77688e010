-- Two empty tables that the writer may fill. What an earlier attempt left unfinished goes.
CREATE OR REPLACE FUNCTION recsys.open_vectors(as_of date, tower_version text, content text, dimensions int) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  opened bigint;
  entity text;
BEGIN
  IF recsys.vector_schema() IS NULL THEN
    RAISE EXCEPTION 'extension vector is not installed' USING ERRCODE = 'undefined_object';
  END IF;
  PERFORM recsys.drop_vectors(s.id) FROM recsys.vector_sets AS s WHERE s.shown_at IS NULL;
  INSERT INTO recsys.vector_sets (as_of, tower_version, content, dimensions)
  VALUES (open_vectors.as_of, open_vectors.tower_version, open_vectors.content, open_vectors.dimensions)
  RETURNING id INTO opened;
  FOREACH entity IN ARRAY ARRAY['item', 'user'] LOOP
    EXECUTE format('CREATE TABLE recsys.%I (%I int NOT NULL, vector %I.vector(%s) NOT NULL)',
                   entity || '_vectors_' || opened, entity || '_key', recsys.vector_schema(), dimensions);
    EXECUTE format('GRANT SELECT, INSERT ON recsys.%I TO recsys_writer', entity || '_vectors_' || opened);
  END LOOP;
  RETURN opened;
END $$;

REVOKE EXECUTE ON FUNCTION recsys.open_vectors FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.open_vectors TO recsys_writer;

COMMENT ON FUNCTION recsys.open_vectors IS 'Make the tables of a new set of vectors, not seen by readers.';
