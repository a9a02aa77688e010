-- What the repeat policy forbids, and what may not be shown whatever the stock says, hold on every path of a reader;
-- and a score is a chance or it is null.

-- `repeats`: the policy in words. `forbidden_pairs`: how many pairs its load sent; null while it has not. `calibrated`:
-- whether the ranker's scores were fitted to enough of what came true to be called chances.
ALTER TABLE recsys.publication
  ADD COLUMN IF NOT EXISTS repeats text NOT NULL DEFAULT 'allow',
  ADD COLUMN IF NOT EXISTS forbidden_pairs bigint,
  ADD COLUMN IF NOT EXISTS calibrated boolean NOT NULL DEFAULT true;

-- Rules or moderators keep it from readers: unlike stock, nobody reports that away during the day.
ALTER TABLE recsys.items ADD COLUMN blocked boolean NOT NULL DEFAULT false;

-- Of each user with a history, active or not, the items of the publication's fallback lists that the policy forbids.
-- Nothing else can be topped up, so a row has few items; users without any have none.
CREATE TABLE recsys.withheld_rows (
  publication_id bigint NOT NULL,
  user_key       int    NOT NULL,
  items          int[]  NOT NULL,
  PRIMARY KEY (publication_id, user_key)
) PARTITION BY LIST (publication_id);
GRANT SELECT ON recsys.withheld_rows TO recsys_writer;

-- Made in the database from the very lists and pairs that were loaded, within the checks' transaction.
CREATE FUNCTION recsys.withhold(publication bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' SET jit = off AS $$
DECLARE name text := 'withheld_rows_' || publication;
BEGIN
  EXECUTE format('DROP TABLE IF EXISTS recsys.%I', name);
  IF NOT EXISTS (SELECT FROM recsys.forbidden_rows AS f WHERE f.publication_id = publication) THEN
    RETURN;
  END IF;
  EXECUTE format('CREATE TABLE recsys.%I (LIKE recsys.withheld_rows, CONSTRAINT bound CHECK (publication_id = %s)) '
                 'WITH (fillfactor = 100, autovacuum_enabled = off)', name, publication);
  EXECUTE format('ALTER TABLE recsys.%I ALTER COLUMN items SET STATISTICS 0', name);
  EXECUTE format('INSERT INTO recsys.%I SELECT %s, f.user_key, array_agg(DISTINCT f.item_key) '
                 'FROM recsys.forbidden_rows AS f WHERE f.publication_id = %2$s AND f.item_key IN ('
                 'SELECT unnest(l.items) FROM recsys.fallback_rows AS l WHERE l.publication_id = %2$s) '
                 'GROUP BY f.user_key', name, publication);
  EXECUTE format('GRANT SELECT ON recsys.%I TO recsys_writer', name);
END $$;
REVOKE EXECUTE ON FUNCTION recsys.withhold FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.withhold TO recsys_writer;
COMMENT ON FUNCTION recsys.withhold IS
  'Note for each user which items of a publication''s fallback lists the repeat policy forbids, so that recommend() leaves them out.';

CREATE OR REPLACE FUNCTION recsys.seal_partition(publication bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  name text := 'list_rows_' || publication;
  withheld text := 'withheld_rows_' || publication;
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
  IF to_regclass('recsys.' || withheld) IS NOT NULL THEN
    EXECUTE format('ALTER TABLE recsys.%I ADD PRIMARY KEY (publication_id, user_key)', withheld);
    EXECUTE format('ALTER TABLE recsys.withheld_rows ATTACH PARTITION recsys.%I FOR VALUES IN (%s)', withheld, publication);
    EXECUTE format('ALTER TABLE recsys.%I DROP CONSTRAINT bound', withheld);
    EXECUTE format('ANALYZE recsys.%I (publication_id, user_key)', withheld);
  END IF;
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
  EXECUTE format('DROP TABLE IF EXISTS recsys.%I', 'withheld_rows_' || publication);
  DELETE FROM recsys.shard_loads AS s WHERE s.publication_id = publication;
  DELETE FROM recsys.shard_entries AS s WHERE s.publication_id = publication;
END $$;

-- The application's query: where a user's own list suffices, as it nearly always does, no other query runs. Tiers: the
-- user's own list with its spares, then the segment's fallback, then the overall fallback. What is out of stock now or
-- blocked is left out, and so is, of the fallbacks, what the repeat policy forbids that user; the own list was made and
-- checked without it. An item keeps its best tier, and lower tiers only fill what is missing. STABLE: all queries see
-- one snapshot, so pointer and rows cannot disagree.
--
-- A score is null where no calibrated ranker gave one. The arrays of a fallback are read into variables: unnested from
-- there they are known to come in order, so that no more of a long list is looked up than is shown.
CREATE OR REPLACE FUNCTION recsys.recommend(user_id text, k int DEFAULT NULL)
RETURNS TABLE (
  rank int, item_id text, title text, score real, reason text, reason_item_id text, rung text, variant text,
  release text, as_of date, publication_id bigint
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  live record;
  who record;
  tier text;
  popular int[];
  taken int[];
  shown int;
  more int;
BEGIN
  SELECT p.id, p.release, p.as_of, p.calibrated, least(greatest(coalesce(recommend.k, p.k), 0), 1000) AS k INTO live
  FROM recsys.current_publication AS c
  JOIN recsys.publication AS p ON p.id = c.publication_id;
  SELECT u.user_key, u.segment INTO who FROM recsys.users AS u WHERE u.user_id = recommend.user_id;

  RETURN QUERY
  SELECT (row_number() OVER ())::int, o.item_id, o.title,
         CASE WHEN live.calibrated AND o.rung IN (0, 1) AND o.rank_before > 0 THEN o.score END,
         (ARRAY['for_you', 'because_of', 'again', 'popular', 'trending', 'new', 'promoted'])[o.reason + 1],
         (SELECT r.item_id FROM recsys.items AS r WHERE r.item_key = o.reason_item AND o.reason_item >= 0),
         (ARRAY['heavy', 'light', 'retrieval', 'previous', 'popularity'])[o.rung + 1],
         o.variant, live.release, live.as_of, live.id
  FROM (
    SELECT i.item_id, i.title, e.score, e.reason, e.reason_item, e.rank_before, l.rung, l.variant
    FROM recsys.list_rows AS l
    CROSS JOIN LATERAL unnest(l.items, l.scores, l.reasons, l.reason_items, l.ranks_before)
      WITH ORDINALITY AS e(item_key, score, reason, reason_item, rank_before, n)
    JOIN recsys.items AS i ON i.item_key = e.item_key AND NOT i.blocked
    WHERE l.publication_id = live.id AND l.user_key = who.user_key
      AND CASE WHEN i.available
          THEN (SELECT a.available FROM recsys.item_availability AS a
                WHERE a.item_id = i.item_id AND NOT a.available) IS NULL
          ELSE coalesce((SELECT a.available FROM recsys.item_availability AS a WHERE a.item_id = i.item_id), false) END
    ORDER BY e.n
    LIMIT live.k
  ) AS o;
  GET DIAGNOSTICS shown = ROW_COUNT;
  IF shown >= live.k THEN
    RETURN;
  END IF;

  IF who.user_key IS NOT NULL THEN
    taken := coalesce((SELECT l.items FROM recsys.list_rows AS l
                       WHERE l.publication_id = live.id AND l.user_key = who.user_key), '{}')
          || coalesce((SELECT w.items FROM recsys.withheld_rows AS w
                       WHERE w.publication_id = live.id AND w.user_key = who.user_key), '{}');
  END IF;
  FOREACH tier IN ARRAY CASE WHEN coalesce(who.segment, '') = '' THEN ARRAY[''] ELSE ARRAY[who.segment, ''] END LOOP
    popular := (SELECT f.items FROM recsys.fallback_rows AS f WHERE f.publication_id = live.id AND f.segment = tier);
    RETURN QUERY
    SELECT shown + (row_number() OVER ())::int, o.item_id, o.title, NULL::real, 'popular', NULL::text, 'popularity',
           'fallback', live.release, live.as_of, live.id
    FROM (
      SELECT i.item_id, i.title
      FROM unnest(popular) WITH ORDINALITY AS e(item_key, n)
      JOIN recsys.items AS i ON i.item_key = e.item_key AND NOT i.blocked
      LEFT JOIN recsys.item_availability AS a ON a.item_id = i.item_id
      WHERE (e.item_key = ANY (taken)) IS NOT TRUE AND coalesce(a.available, i.available)
      ORDER BY e.n
      LIMIT live.k - shown
    ) AS o;
    GET DIAGNOSTICS more = ROW_COUNT;
    shown := shown + more;
    EXIT WHEN shown >= live.k;
    -- What this tier did not show of its list is not to be shown at all.
    taken := taken || popular;
  END LOOP;
END $$;

-- A score is a chance or null; what an application reads beside recommend() leaves out what may not be shown now.
CREATE OR REPLACE VIEW recsys.entries AS  -- not granted: what the two long views share
SELECT l.publication_id,
       u.user_id,
       e.rank::int AS rank,
       i.item_id,
       i.title,
       CASE WHEN p.calibrated AND l.rung IN (0, 1) AND e.rank_before > 0 THEN e.score END AS score,
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
       CASE WHEN NOT p.calibrated OR l.rung NOT IN (0, 1) THEN array_fill(NULL::real, ARRAY[cardinality(l.items[1:p.k])])
            WHEN 0 = ANY (l.ranks_before) THEN ARRAY(SELECT CASE WHEN e.rank_before > 0 THEN e.score END
                                                     FROM unnest(l.scores[1:p.k], l.ranks_before[1:p.k])
                                                       WITH ORDINALITY AS e(score, rank_before, n)
                                                     ORDER BY e.n)
            ELSE l.scores[1:p.k] END AS scores,
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
JOIN recsys.items AS o ON o.item_key = e.item_key AND NOT o.blocked
LEFT JOIN recsys.item_availability AS a ON a.item_id = o.item_id
WHERE coalesce(a.available, o.available);

CREATE OR REPLACE VIEW recsys.fallback_lists AS
SELECT f.segment, e.rank::int AS rank, i.item_id, i.title, e.score, p.as_of, p.id AS publication_id
FROM recsys.current_publication AS c
JOIN recsys.publication AS p ON p.id = c.publication_id
JOIN recsys.fallback_rows AS f ON f.publication_id = p.id
CROSS JOIN LATERAL unnest(f.items, f.scores) WITH ORDINALITY AS e(item_key, score, rank)
JOIN recsys.items AS i ON i.item_key = e.item_key AND NOT i.blocked
LEFT JOIN recsys.item_availability AS a ON a.item_id = i.item_id
WHERE coalesce(a.available, i.available);

CREATE OR REPLACE VIEW recsys.catalogue AS
SELECT i.item_id, i.title, i.category, coalesce(a.available, i.available) AND NOT i.blocked AS available,
       (i.available_from AT TIME ZONE 'UTC')::date AS available_from
FROM recsys.items AS i
LEFT JOIN recsys.item_availability AS a ON a.item_id = i.item_id;

COMMENT ON COLUMN recsys.recommendations.score IS
  'Chance of the objectives within the label window, mixed by their weights, in [0, 1]; null where no calibrated ranker gave one: retrieval''s order, promoted items that it was not asked about, a ranker that saw too little come true.';
COMMENT ON COLUMN recsys.recommendation_history.score IS
  'Chance of the objectives within the label window, mixed by their weights, in [0, 1]; null where no calibrated ranker gave one: retrieval''s order, promoted items that it was not asked about, a ranker that saw too little come true.';
COMMENT ON COLUMN recsys.recommendation_lists.scores IS
  'Score of each item as in recommendations.score, null where that is; the arrays are parallel.';
COMMENT ON COLUMN recsys.fallback_lists.score IS
  'Recency-weighted popularity over that of the list''s first item, in [0, 1]; no chance, and 0 for items that only fill the list up.';
COMMENT ON VIEW recsys.similar_items IS
  'Nearest items of each item in the current publication, without what is out of stock or blocked now: one row per item and place; a rank left out is that of such an item.';
COMMENT ON VIEW recsys.fallback_lists IS
  'Popular items of the current publication, without what is out of stock or blocked now: one row per segment and place; a rank left out is that of such an item. Of no user: recommend() also leaves out what the repeat policy forbids one.';
COMMENT ON FUNCTION recsys.recommend IS
  'The first k items for a user now: the current list without what is out of stock or blocked, topped up from its spares, then from the fallback lists without what the repeat policy forbids the user as of the publication''s cutoff; unknown users get the fallback. Fewer than k rows: there is nothing more that the user may be shown. The score is a chance as in recommendations.score, null for top-ups.';

-- The function of 0007, with what the repeat policy withholds from a user.
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
                WHERE c.relnamespace = 'recsys'::regnamespace AND c.relkind = 'r' AND c.relname ~ '^(list|withheld)_rows_[0-9]+$'
                ORDER BY 2, 1 LOOP
    place := target.name;
    EXECUTE format('SELECT count(*) FROM recsys.%I WHERE publication_id = $1 AND user_key = $2', target.name)
      INTO held USING target.id, erased_key;
    IF held > 0 AND NOT dry_run THEN
      IF target.name ~ '^list' THEN
        PERFORM recsys.uncount_list(target.id, erased_key);
        UPDATE recsys.publication AS p SET rows = p.rows - erase_user.held, expected_rows = p.expected_rows - erase_user.held
        WHERE p.id = target.id;
      END IF;
      EXECUTE format('DELETE FROM recsys.%I WHERE publication_id = $1 AND user_key = $2', target.name)
        USING target.id, erased_key;
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
