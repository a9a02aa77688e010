-- The warm-start ledger, one row a tower version, for everyone who reads.

ALTER TABLE recsys.tower_versions RENAME TO tower_version_rows;
-- A version trained again on corrected data took the place of the one before.
DELETE FROM recsys.tower_version_rows AS o USING recsys.tower_version_rows AS n
WHERE o.lineage = n.lineage AND o.learned_before = n.learned_before
  AND (o.recorded_at, o.artifact) < (n.recorded_at, n.artifact);
ALTER TABLE recsys.tower_version_rows DROP CONSTRAINT tower_versions_pkey,
  ADD CONSTRAINT tower_version_rows_pkey PRIMARY KEY (lineage, learned_before);

CREATE VIEW recsys.tower_versions AS
SELECT t.lineage,
       t.learned_before,
       t.ledger ->> 'start' AS start,
       t.ledger ->> 'parent' AS parent,
       (t.ledger ->> 'kept')::bigint AS kept,
       (t.ledger ->> 'new')::bigint AS new,
       (t.ledger ->> 'archived')::bigint AS archived,
       (t.ledger ->> 'returned')::bigint AS returned,
       (t.ledger ->> 'drift')::float8 AS drift,
       (t.ledger ->> 'examples')::bigint AS examples,
       (t.ledger ->> 'replayed')::bigint AS replayed,
       (t.ledger ->> 'seconds')::float8 AS seconds,
       (t.ledger ->> 'held_back_rows')::bigint AS held_back_rows,
       (t.ledger ->> 'recall_before')::float8 AS recall_before,
       (t.ledger ->> 'recall_after')::float8 AS recall_after,
       (t.ledger ->> 'refresh_ok')::boolean AS refresh_ok,
       (t.ledger -> 'loss' ->> -1)::float8 AS loss,
       t.artifact,
       t.ledger,
       t.recorded_at
FROM recsys.tower_version_rows AS t;
GRANT SELECT ON recsys.tower_versions TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.tower_versions IS
  'How each version of the two-tower was made: one row per lineage and day; a version that was trained again on corrected data shows its newest training.';
COMMENT ON COLUMN recsys.tower_versions.lineage IS
  'Warm chain that it belongs to: hash of the model''s settings, and the day of its cold start.';
COMMENT ON COLUMN recsys.tower_versions.learned_before IS 'Its parameters know what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.tower_versions.start IS 'cold: from scratch, a new lineage; warm: from the version before.';
COMMENT ON COLUMN recsys.tower_versions.parent IS 'Version that it started from; null for a cold one.';
COMMENT ON COLUMN recsys.tower_versions.kept IS 'Items that had an id vector before and have it still.';
COMMENT ON COLUMN recsys.tower_versions.new IS 'Items with their first id vector.';
COMMENT ON COLUMN recsys.tower_versions.archived IS 'Items long absent from the catalogue, whose vectors were put away.';
COMMENT ON COLUMN recsys.tower_versions.returned IS 'Items that came back with the vector that had been put away.';
COMMENT ON COLUMN recsys.tower_versions.drift IS 'Mean cosine distance that the kept id vectors moved; 0 is none.';
COMMENT ON COLUMN recsys.tower_versions.examples IS 'New examples it was trained on; all of them for a cold one.';
COMMENT ON COLUMN recsys.tower_versions.replayed IS 'Old examples trained on again, so that the past is not forgotten.';
COMMENT ON COLUMN recsys.tower_versions.seconds IS 'How long the training took, loading and saving included.';
COMMENT ON COLUMN recsys.tower_versions.held_back_rows IS
  'New events kept out of the training to judge it by; few of them judge nothing.';
COMMENT ON COLUMN recsys.tower_versions.recall_before IS
  'Share of the held-back events among the 100 nearest items by the version before, in [0, 1]; null for a cold one.';
COMMENT ON COLUMN recsys.tower_versions.recall_after IS 'The same by this version.';
COMMENT ON COLUMN recsys.tower_versions.refresh_ok IS
  'False: recall fell below the refresh floor, and the version before serves.';
COMMENT ON COLUMN recsys.tower_versions.loss IS 'Mean loss of the last pass over the examples; compare within a lineage.';
COMMENT ON COLUMN recsys.tower_versions.artifact IS 'Where it lies in the lake.';
COMMENT ON COLUMN recsys.tower_versions.ledger IS 'All that was written down, as JSON.';
COMMENT ON COLUMN recsys.tower_versions.recorded_at IS 'When this was written down.';

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

-- The functions of 0004, with the ledger's new table and the published vectors.
CREATE OR REPLACE FUNCTION recsys.prose_columns() RETURNS TABLE (in_table text, in_column text, kind text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod)
  FROM (VALUES ('publication', 'note'), ('publication', 'checks'),
               ('current_publication', 'moved_by'), ('current_publication', 'why'),
               ('pointer_moves', 'moved_by'), ('pointer_moves', 'why'), ('hold', 'who'), ('hold', 'why'),
               ('release_events', 'who'), ('release_events', 'why'),
               ('gate_decision_rows', 'paragraph'), ('gate_decision_rows', 'rules'),
               ('tower_version_rows', 'ledger'), ('metric_rows', 'extra'), ('stage_runs', 'figures'),
               ('alert_rows', 'message'), ('alert_rows', 'reader_state'), ('alert_rows', 'remedy'),
               ('alert_rows', 'delivered')) AS p(in_table, in_column)
  JOIN pg_class AS c ON c.relnamespace = 'recsys'::regnamespace AND c.relname = p.in_table
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = p.in_column AND NOT a.attisdropped
$$;

-- What each table holds of a user; unless it is a dry run, all of it goes. One transaction: readers see all or nothing.
-- `mention` is a regular expression for the user in prose; a list's row also leaves the counts made of it.
CREATE OR REPLACE FUNCTION recsys.erase_user(erased_key int, erased_id text, mention text, dry_run boolean)
RETURNS TABLE (place text, held bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE target record;
BEGIN
  IF erased_id = '' OR mention = '' THEN
    RAISE EXCEPTION 'an id is never empty' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  FOR target IN SELECT c.relname AS name, substring(c.relname FROM '[0-9]+$')::bigint AS id FROM pg_class AS c
                WHERE c.relnamespace = 'recsys'::regnamespace AND c.relkind = 'r' AND c.relname ~ '^list_rows_[0-9]+$'
                ORDER BY 2 LOOP
    place := target.name;
    EXECUTE format('SELECT count(*) FROM recsys.%I WHERE publication_id = $1 AND user_key = $2', target.name)
      INTO held USING target.id, erased_key;
    IF held > 0 AND NOT dry_run THEN
      PERFORM recsys.uncount_list(target.id, erased_key);
      EXECUTE format('DELETE FROM recsys.%I WHERE publication_id = $1 AND user_key = $2', target.name)
        USING target.id, erased_key;
      UPDATE recsys.publication AS p SET rows = p.rows - erase_user.held, expected_rows = p.expected_rows - erase_user.held
      WHERE p.id = target.id;
    END IF;
    RETURN NEXT;
  END LOOP;

  place := 'forbidden_rows';
  SELECT count(*) INTO held FROM recsys.forbidden_rows AS f WHERE f.user_key = erased_key;
  IF held > 0 AND NOT dry_run THEN
    DELETE FROM recsys.forbidden_rows AS f WHERE f.user_key = erased_key;
  END IF;
  RETURN NEXT;

  place := 'user_vectors';
  held := recsys.erase_vectors(erased_key, dry_run);
  RETURN NEXT;

  place := 'users';
  SELECT count(*) INTO held FROM recsys.users AS u WHERE u.user_key = erased_key OR u.user_id = erased_id;
  IF held > 0 AND NOT dry_run THEN
    DELETE FROM recsys.users AS u WHERE u.user_key = erased_key OR u.user_id = erased_id;
  END IF;
  RETURN NEXT;

  PERFORM set_config('recsys.erasing', CASE WHEN dry_run THEN 'off' ELSE 'on' END, true);
  FOR target IN SELECT * FROM recsys.prose_columns() LOOP
    place := target.in_table || '.' || target.in_column;
    EXECUTE format('SELECT count(*) FROM recsys.%I WHERE %I::text ~ $1', target.in_table, target.in_column)
      INTO held USING mention;
    IF held > 0 AND NOT dry_run THEN
      EXECUTE format('UPDATE recsys.%I SET %2$I = regexp_replace(%2$I::text, $1, ''(erased)'', ''g'')::%3$s WHERE %2$I::text ~ $1',
                     target.in_table, target.in_column, target.kind) USING mention;
    END IF;
    RETURN NEXT;
  END LOOP;
  PERFORM set_config('recsys.erasing', 'off', true);
END $$;
