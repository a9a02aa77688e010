-- Item and user vectors for nearest-neighbour queries in SQL, where pgvector is installed and the settings ask for it.
--
-- A set of vectors is two tables, loaded and indexed unseen, then shown by pointing two views at them. Nothing here
-- names a type or an operator of pgvector until it is needed: a server without it takes this revision all the same.

CREATE TABLE recsys.vector_sets (
  id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  as_of         date        NOT NULL,
  tower_version text        NOT NULL,
  content       text        NOT NULL,
  dimensions    int         NOT NULL CHECK (dimensions BETWEEN 1 AND 2000),
  shown_at      timestamptz
);
GRANT SELECT ON recsys.vector_sets TO recsys_writer;

CREATE FUNCTION recsys.vector_schema() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT n.nspname::text FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'vector'
$$;

CREATE FUNCTION recsys.drop_vectors(vector_set bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format('DROP TABLE IF EXISTS recsys.%I, recsys.%I', 'item_vectors_' || vector_set, 'user_vectors_' || vector_set);
  DELETE FROM recsys.vector_sets AS s WHERE s.id = vector_set;
END $$;

-- Two empty tables that the writer may fill. What an earlier attempt left unfinished goes.
CREATE FUNCTION recsys.open_vectors(as_of date, tower_version text, content text, dimensions int) RETURNS bigint
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

-- Point the views at a set; null: at nothing, for a server that has pgvector and no vectors yet.
CREATE FUNCTION recsys.point_vectors(vector_set bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  place text := recsys.vector_schema();
  items text := format('(SELECT NULL::int AS item_key, NULL::%I.vector AS vector WHERE false)', place);
  users text := format('(SELECT NULL::int AS user_key, NULL::%I.vector AS vector WHERE false)', place);
BEGIN
  IF vector_set IS NOT NULL THEN
    items := format('recsys.%I', 'item_vectors_' || vector_set);
    users := format('recsys.%I', 'user_vectors_' || vector_set);
  END IF;
  -- The cast takes the number of dimensions out of the view's type, so that another tower may have another.
  EXECUTE format('CREATE OR REPLACE VIEW recsys.item_vectors AS SELECT i.item_id, i.title, v.vector::%I.vector AS vector, '
                 's.as_of, s.tower_version FROM %s AS v JOIN recsys.items AS i ON i.item_key = v.item_key '
                 'CROSS JOIN (SELECT x.as_of, x.tower_version FROM recsys.vector_sets AS x WHERE x.id = %L) AS s',
                 place, items, coalesce(vector_set, 0));
  EXECUTE format('CREATE OR REPLACE VIEW recsys.user_vectors AS SELECT u.user_id, v.vector::%I.vector AS vector, '
                 's.as_of, s.tower_version FROM %s AS v JOIN recsys.users AS u ON u.user_key = v.user_key '
                 'CROSS JOIN (SELECT x.as_of, x.tower_version FROM recsys.vector_sets AS x WHERE x.id = %L) AS s',
                 place, users, coalesce(vector_set, 0));
  GRANT SELECT ON recsys.item_vectors, recsys.user_vectors TO recsys_reader, recsys_writer;
  COMMENT ON VIEW recsys.item_vectors IS
    'The newest published vector of each item, where embeddings.publish is on: ORDER BY vector <=> … LIMIT k uses the HNSW index.';
  COMMENT ON COLUMN recsys.item_vectors.item_id IS 'The shop''s item id.';
  COMMENT ON COLUMN recsys.item_vectors.title IS 'Title, or the id where there is none.';
  COMMENT ON COLUMN recsys.item_vectors.vector IS 'Its vector by the two-tower; the cosine distance is <=>.';
  COMMENT ON COLUMN recsys.item_vectors.as_of IS 'Night it was made for: it knows what happened before 00:00 UTC of this date.';
  COMMENT ON COLUMN recsys.item_vectors.tower_version IS 'Version of the two-tower that made it; only vectors of one version compare.';
  COMMENT ON VIEW recsys.user_vectors IS
    'The newest published vector of each user with a history, where embeddings.publish is on: in the space of item_vectors.';
  COMMENT ON COLUMN recsys.user_vectors.user_id IS 'The shop''s user id.';
  COMMENT ON COLUMN recsys.user_vectors.vector IS 'The vector of the user''s history by the two-tower; the cosine distance is <=>.';
  COMMENT ON COLUMN recsys.user_vectors.as_of IS 'Night it was made for: it knows what happened before 00:00 UTC of this date.';
  COMMENT ON COLUMN recsys.user_vectors.tower_version IS 'Version of the two-tower that made it; only vectors of one version compare.';
END $$;

-- Index a loaded set, show it, and drop the ones before, all in the caller's transaction. Without parallel workers: they
-- would need shared memory for the whole graph, of which a container has 64 MB as it comes.
CREATE FUNCTION recsys.show_vectors(vector_set bigint, shown timestamptz) RETURNS void
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

-- 400 candidates of the index find nearly all of 100 neighbours; the scan goes on when more are asked for. The caller's
-- own settings are put back.
CREATE FUNCTION recsys.similar_users(user_id text, k int DEFAULT 20)
RETURNS TABLE (rank int, similar_user_id text, similarity real, as_of date)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  shown record;
  effort text := current_setting('hnsw.ef_search', true);
  iterative text := current_setting('hnsw.iterative_scan', true);
BEGIN
  SELECT s.id, s.as_of INTO shown FROM recsys.vector_sets AS s WHERE s.shown_at IS NOT NULL ORDER BY s.id DESC LIMIT 1;
  IF shown.id IS NULL THEN
    RETURN;
  END IF;
  PERFORM set_config('hnsw.ef_search', '400', true), set_config('hnsw.iterative_scan', 'strict_order', true);
  RETURN QUERY EXECUTE format(
    'SELECT (row_number() OVER (ORDER BY n.distance, n.user_key))::int, u.user_id, (1 - n.distance)::real, $3 '
    'FROM (SELECT v.user_key, v.vector OPERATOR(%1$I.<=>) me.vector AS distance '
    '      FROM (SELECT o.vector, o.user_key FROM recsys.users AS w JOIN recsys.%2$I AS o ON o.user_key = w.user_key '
    '            WHERE w.user_id = $1) AS me '
    '      CROSS JOIN LATERAL (SELECT x.user_key, x.vector FROM recsys.%2$I AS x '
    '                          ORDER BY x.vector OPERATOR(%1$I.<=>) me.vector LIMIT $2 + 1) AS v '
    '      WHERE v.user_key <> me.user_key) AS n '
    'JOIN recsys.users AS u ON u.user_key = n.user_key ORDER BY 1 LIMIT $2',
    recsys.vector_schema(), 'user_vectors_' || shown.id)
  USING similar_users.user_id, least(greatest(similar_users.k, 0), 1000), shown.as_of;
  PERFORM set_config('hnsw.ef_search', effort, true), set_config('hnsw.iterative_scan', iterative, true);
END $$;

REVOKE EXECUTE ON FUNCTION recsys.vector_schema, recsys.drop_vectors, recsys.open_vectors, recsys.point_vectors,
  recsys.show_vectors, recsys.similar_users FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.vector_schema, recsys.open_vectors, recsys.show_vectors TO recsys_writer;
GRANT EXECUTE ON FUNCTION recsys.similar_users TO recsys_reader, recsys_writer;

COMMENT ON FUNCTION recsys.vector_schema IS 'Schema in which the extension vector is installed; null where it is not.';
COMMENT ON FUNCTION recsys.open_vectors IS 'Make the tables of a new set of vectors, not seen by readers.';
COMMENT ON FUNCTION recsys.show_vectors IS 'Index a loaded set of vectors, point the views at it, and drop the sets before.';
COMMENT ON FUNCTION recsys.point_vectors IS 'Point item_vectors and user_vectors at a set.';
COMMENT ON FUNCTION recsys.drop_vectors IS 'Drop a set of vectors.';
COMMENT ON FUNCTION recsys.similar_users IS
  'The k users whose vectors are nearest to a user''s, best first, by cosine similarity in [-1, 1]; nobody while embeddings.publish is off.';

DO $$
BEGIN
  IF recsys.vector_schema() IS NOT NULL THEN
    PERFORM recsys.point_vectors(NULL);
  END IF;
END $$;

-- What vectors hold of an erased user, counted and, unless it is a dry run, removed.
CREATE FUNCTION recsys.erase_vectors(erased_key int, dry_run boolean) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  name text;
  one bigint;
  found_rows bigint := 0;
BEGIN
  FOR name IN SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'recsys'::regnamespace AND c.relkind = 'r'
              AND c.relname ~ '^user_vectors_[0-9]+$' LOOP
    EXECUTE format('SELECT count(*) FROM recsys.%I WHERE user_key = $1', name) INTO one USING erased_key;
    IF one > 0 AND NOT dry_run THEN
      EXECUTE format('DELETE FROM recsys.%I WHERE user_key = $1', name) USING erased_key;
    END IF;
    found_rows := found_rows + one;
  END LOOP;
  RETURN found_rows;
END $$;
REVOKE EXECUTE ON FUNCTION recsys.erase_vectors FROM PUBLIC;
COMMENT ON FUNCTION recsys.erase_vectors IS 'Count or remove a user''s published vectors; erase_user calls it.';
