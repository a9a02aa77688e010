-- Views, functions and erasure as they were; the columns of recsys.publication stay, older code leaves them alone.
CREATE OR REPLACE VIEW recsys.entries AS  -- not granted: what the two long views share
SELECT l.publication_id,
       u.user_id,
       e.rank::int AS rank,
       i.item_id,
       i.title,
       e.score,
       (ARRAY['for_you', 'because_of', 'again', 'popular', 'trending', 'new', 'promoted'])[e.reason + 1] AS reason,
       r.item_id AS reason_item_id,
       r.title AS reason_item_title,
       s.names AS sources,
       e.rank_before::int AS rank_before,
       (ARRAY['heavy', 'light', 'retrieval', 'previous', 'popularity'])[l.rung + 1] AS rung,
       l.variant,
       e.propensity,
       p.release,
       p.tower_version,
       p.as_of,
       p.published_at IS NOT NULL AS published,
       u.segment
FROM recsys.publication AS p
JOIN recsys.list_rows AS l ON l.publication_id = p.id
JOIN recsys.users AS u ON u.user_key = l.user_key
CROSS JOIN LATERAL unnest(l.items, l.scores, l.sources, l.reasons, l.reason_items, l.ranks_before, l.propensities)
  WITH ORDINALITY AS e(item_key, score, source_mask, reason, reason_item, rank_before, propensity, rank)
JOIN recsys.items AS i ON i.item_key = e.item_key
LEFT JOIN recsys.items AS r ON r.item_key = e.reason_item
LEFT JOIN recsys.source_sets AS s ON s.mask = e.source_mask
WHERE e.rank <= p.k;

CREATE OR REPLACE VIEW recsys.recommendation_lists AS
SELECT u.user_id,
       ARRAY(SELECT i.item_id
             FROM unnest(l.items[1:p.k]) WITH ORDINALITY AS e(item_key, n)
             JOIN recsys.items AS i ON i.item_key = e.item_key
             ORDER BY e.n) AS item_ids,
       l.scores[1:p.k] AS scores,
       (ARRAY['heavy', 'light', 'retrieval', 'previous', 'popularity'])[l.rung + 1] AS rung,
       l.variant,
       l.short_reason,
       p.release,
       p.tower_version,
       p.as_of,
       p.id AS publication_id,
       u.segment
FROM recsys.current_publication AS c
JOIN recsys.publication AS p ON p.id = c.publication_id
JOIN recsys.list_rows AS l ON l.publication_id = p.id
JOIN recsys.users AS u ON u.user_key = l.user_key
WHERE l.publication_id = (SELECT c2.publication_id FROM recsys.current_publication AS c2);

CREATE OR REPLACE VIEW recsys.similar_items AS
SELECT i.item_id, i.title, e.rank::int AS rank, o.item_id AS similar_item_id, o.title AS similar_title, e.score,
       p.as_of, p.id AS publication_id
FROM recsys.current_publication AS c
JOIN recsys.publication AS p ON p.id = c.publication_id
JOIN recsys.similar_rows AS s ON s.publication_id = p.id
CROSS JOIN LATERAL unnest(s.items, s.scores) WITH ORDINALITY AS e(item_key, score, rank)
JOIN recsys.items AS i ON i.item_key = s.item_key
JOIN recsys.items AS o ON o.item_key = e.item_key;

CREATE OR REPLACE VIEW recsys.fallback_lists AS
SELECT f.segment, e.rank::int AS rank, i.item_id, i.title, e.score, p.as_of, p.id AS publication_id
FROM recsys.current_publication AS c
JOIN recsys.publication AS p ON p.id = c.publication_id
JOIN recsys.fallback_rows AS f ON f.publication_id = p.id
CROSS JOIN LATERAL unnest(f.items, f.scores) WITH ORDINALITY AS e(item_key, score, rank)
JOIN recsys.items AS i ON i.item_key = e.item_key;

CREATE OR REPLACE VIEW recsys.catalogue AS
SELECT i.item_id, i.title, i.category, coalesce(a.available, i.available) AS available,
       (i.available_from AT TIME ZONE 'UTC')::date AS available_from
FROM recsys.items AS i
LEFT JOIN recsys.item_availability AS a ON a.item_id = i.item_id;

CREATE OR REPLACE FUNCTION recsys.seal_partition(publication bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE name text := 'list_rows_' || publication;
BEGIN
  EXECUTE format('ALTER TABLE recsys.%I ADD PRIMARY KEY (publication_id, user_key)', name);
  IF NOT EXISTS (SELECT FROM pg_constraint AS c
                 WHERE c.conrelid = format('recsys.%I', name)::regclass AND c.conname = 'bound') THEN
    EXECUTE format('ALTER TABLE recsys.%I ADD CONSTRAINT bound CHECK (publication_id = %s)', name, publication);
  END IF;
  EXECUTE format('ALTER TABLE recsys.list_rows ATTACH PARTITION recsys.%I FOR VALUES IN (%s)', name, publication);
  EXECUTE format('ALTER TABLE recsys.%I DROP CONSTRAINT bound', name);
  EXECUTE format('REVOKE INSERT, DELETE ON recsys.%I FROM recsys_writer', name);
  EXECUTE format('ANALYZE recsys.%I (publication_id, shard, user_key, variant, rung, short_reason)', name);
  DELETE FROM recsys.shard_loads AS s WHERE s.publication_id = publication;
  DELETE FROM recsys.shard_entries AS s WHERE s.publication_id = publication;
END $$;

CREATE OR REPLACE FUNCTION recsys.drop_partition(publication bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM recsys.current_publication AS c WHERE c.publication_id = publication) THEN
    RAISE EXCEPTION 'publication % is what readers see', publication USING ERRCODE = 'object_in_use';
  END IF;
  EXECUTE format('DROP TABLE IF EXISTS recsys.%I', 'list_rows_' || publication);
  DELETE FROM recsys.shard_loads AS s WHERE s.publication_id = publication;
  DELETE FROM recsys.shard_entries AS s WHERE s.publication_id = publication;
END $$;

COMMENT ON COLUMN recsys.recommendations.score IS
  'Chance of the objectives within the label window, mixed by their weights, in [0, 1].';
COMMENT ON COLUMN recsys.recommendation_history.score IS
  'Chance of the objectives within the label window, mixed by their weights, in [0, 1].';
COMMENT ON COLUMN recsys.recommendation_lists.scores IS 'Score of each item, in [0, 1]; the arrays are parallel.';
COMMENT ON COLUMN recsys.fallback_lists.score IS
  'Recency-weighted popularity over that of the list''s first item, in [0, 1].';
COMMENT ON VIEW recsys.similar_items IS
  'Nearest items of each item in the current publication: one row per item and place.';
COMMENT ON VIEW recsys.fallback_lists IS
  'Popular items of the current publication, for users without a list of their own: one row per segment and place.';

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

DO $$
DECLARE name text;
BEGIN
  FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'recsys'::regnamespace AND relkind = 'r'
              AND relname ~ '^withheld_rows_[0-9]+$' LOOP
    EXECUTE format('DROP TABLE recsys.%I', name);
  END LOOP;
END $$;
DROP FUNCTION recsys.withhold;
DROP TABLE recsys.withheld_rows;
ALTER TABLE recsys.items DROP COLUMN blocked;
