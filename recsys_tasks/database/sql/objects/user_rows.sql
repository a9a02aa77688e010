-- What each table holds of a user, as JSON, for `recsys export-user`: the places are those of erase_user(), by the same names.
CREATE OR REPLACE FUNCTION recsys.user_rows(known_key int, known_id text, mention text)
RETURNS TABLE (place text, contents jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE target record;
BEGIN
  IF known_id = '' OR mention = '' THEN
    RAISE EXCEPTION 'an id is never empty' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  FOR target IN SELECT c.relname AS name, substring(c.relname FROM '[0-9]+$')::bigint AS id FROM pg_class AS c
                WHERE c.relnamespace = 'recsys'::regnamespace AND c.relkind = 'r' AND c.relname ~ '^(list|withheld)_rows_[0-9]+$'
                ORDER BY 2, 1 LOOP
    RETURN QUERY EXECUTE format(
      'SELECT $3, to_jsonb(t) || jsonb_build_object(''item_ids'', ARRAY(SELECT i.item_id FROM unnest(t.items) '
      'WITH ORDINALITY AS e(item_key, place) LEFT JOIN recsys.items AS i USING (item_key) ORDER BY e.place)) '
      'FROM recsys.%I AS t WHERE t.publication_id = $1 AND t.user_key = $2', target.name)
      USING target.id, known_key, target.name::text;
  END LOOP;

  RETURN QUERY SELECT 'forbidden_rows', to_jsonb(f) || jsonb_build_object('item_id', i.item_id)
               FROM recsys.forbidden_rows AS f LEFT JOIN recsys.items AS i USING (item_key) WHERE f.user_key = known_key;

  RETURN QUERY SELECT 'outcome_rows', to_jsonb(o) || jsonb_build_object('item_id', i.item_id)
               FROM recsys.outcome_rows AS o LEFT JOIN recsys.items AS i USING (item_key) WHERE o.user_key = known_key;

  RETURN QUERY SELECT 'again_rows', to_jsonb(g) || jsonb_build_object('item_ids', ARRAY(
                 SELECT i.item_id FROM unnest(g.items) WITH ORDINALITY AS e(item_key, place)
                 LEFT JOIN recsys.items AS i USING (item_key) ORDER BY e.place))
               FROM recsys.again_rows AS g WHERE g.user_key = known_key;

  RETURN QUERY SELECT 'liked_rows', to_jsonb(g) || jsonb_build_object('item_ids', ARRAY(
                 SELECT i.item_id FROM unnest(g.items) WITH ORDINALITY AS e(item_key, place)
                 LEFT JOIN recsys.items AS i USING (item_key) ORDER BY e.place))
               FROM recsys.liked_rows AS g WHERE g.user_key = known_key;

  RETURN QUERY SELECT 'place_reason_rows', to_jsonb(r) || jsonb_build_object('item_id', i.item_id)
               FROM recsys.place_reason_rows AS r LEFT JOIN recsys.items AS i USING (item_key) WHERE r.user_key = known_key;

  RETURN QUERY SELECT 'list_change_rows', to_jsonb(x) FROM recsys.list_change_rows AS x WHERE x.user_key = known_key;

  FOR target IN SELECT c.relname AS name FROM pg_class AS c WHERE c.relnamespace = 'recsys'::regnamespace AND c.relkind = 'r'
                AND c.relname ~ '^user_vectors_[0-9]+$' ORDER BY 1 LOOP
    RETURN QUERY EXECUTE format(
      'SELECT ''user_vectors'', jsonb_build_object(''table'', $2, ''user_key'', user_key, ''vector'', vector::text) '
      'FROM recsys.%I WHERE user_key = $1', target.name) USING known_key, target.name::text;
  END LOOP;

  RETURN QUERY SELECT 'users', to_jsonb(u) FROM recsys.users AS u WHERE u.user_key = known_key OR u.user_id = known_id;

  FOR target IN SELECT * FROM recsys.prose_columns() LOOP
    RETURN QUERY EXECUTE format('SELECT $2, to_jsonb(t) FROM recsys.%I AS t WHERE %I::text ~ $1',
                                target.in_table, target.in_column)
      USING mention, target.in_table || '.' || target.in_column;
  END LOOP;
END $$;

REVOKE EXECUTE ON FUNCTION recsys.user_rows FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.user_rows TO recsys_writer;

COMMENT ON FUNCTION recsys.user_rows IS 'What each table holds of one user, as JSON; `recsys export-user` calls it.';
