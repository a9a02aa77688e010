-- Point the views at a set; null: at nothing, for a server that has pgvector and no vectors yet.
CREATE OR REPLACE FUNCTION recsys.point_vectors(vector_set bigint) RETURNS void
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

REVOKE EXECUTE ON FUNCTION recsys.point_vectors FROM PUBLIC;

COMMENT ON FUNCTION recsys.point_vectors IS 'Point item_vectors and user_vectors at a set.';

-- Where pgvector is installed the views exist from the first migration on, empty until a set is shown.
DO $$
BEGIN
  IF recsys.vector_schema() IS NOT NULL THEN
    PERFORM recsys.point_vectors((SELECT max(s.id) FROM recsys.vector_sets AS s WHERE s.shown_at IS NOT NULL));
  END IF;
END $$;
