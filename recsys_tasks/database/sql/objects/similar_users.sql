-- 400 candidates of the index find nearly all of 100 neighbours; the scan goes on when more are asked for. The caller's
-- own settings are put back.
CREATE OR REPLACE FUNCTION recsys.similar_users(user_id text, k int DEFAULT 20)
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

REVOKE EXECUTE ON FUNCTION recsys.similar_users FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.similar_users TO recsys_reader, recsys_writer;

COMMENT ON FUNCTION recsys.similar_users IS
  'The k users whose vectors are nearest to a user''s, best first, by cosine similarity in [-1, 1]; nobody while embeddings.publish is off.';
