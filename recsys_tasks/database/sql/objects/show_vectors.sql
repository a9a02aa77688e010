-- Index a loaded set, show it, and drop the ones before, all in the caller's transaction. Without parallel workers: they
-- would need shared memory for the whole graph, of which a container has 64 MB as it comes.
CREATE OR REPLACE FUNCTION recsys.show_vectors(vector_set bigint, shown timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET maintenance_work_mem = '1GB' SET max_parallel_maintenance_workers = 0 AS $$
DECLARE entity text;
BEGIN
  FOREACH entity IN ARRAY ARRAY['item', 'user'] LOOP
    EXECUTE format('ALTER TABLE recsys.%I ADD PRIMARY KEY (%I)', entity || '_vectors_' || vector_set, entity || '_key');
    EXECUTE format('CREATE INDEX ON recsys.%I USING hnsw (vector %I.vector_cosine_ops)',
                   entity || '_vectors_' || vector_set, recsys.vector_schema());
    EXECUTE format('REVOKE INSERT ON recsys.%I FROM recsys_writer', entity || '_vectors_' || vector_set);
    EXECUTE format('ANALYZE recsys.%I', entity || '_vectors_' || vector_set);
  END LOOP;
  UPDATE recsys.vector_sets AS s SET shown_at = shown WHERE s.id = vector_set;
  PERFORM recsys.point_vectors(vector_set);
  PERFORM recsys.drop_vectors(s.id) FROM recsys.vector_sets AS s WHERE s.id <> vector_set;
END $$;

REVOKE EXECUTE ON FUNCTION recsys.show_vectors FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.show_vectors TO recsys_writer;

COMMENT ON FUNCTION recsys.show_vectors IS 'Index a loaded set of vectors, point the views at it, and drop the sets before.';
