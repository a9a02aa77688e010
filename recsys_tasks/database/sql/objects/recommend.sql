-- The application's query: where a user's own list suffices, as it nearly always does, no other query runs. Tiers: the
-- user's own list with its spares, then the segment's fallback, then the overall fallback. What is out of stock now or
-- blocked is left out, and so is, of the fallbacks, what is forbidden to that user (repeat policy, negative events, rules
-- of eligibility); the own list was made and checked without it. Under rules of eligibility every user that the night
-- knew has a row in withheld_rows; key -1 stands for all others. An item keeps its best tier, and lower tiers only fill what is missing. STABLE: all queries see
-- one snapshot, so pointer and rows cannot disagree.
--
-- No parallel workers: a plan that does not know which publication is live counts the rows of all that are kept, and
-- would start processes for a list of twenty.
--
-- A score is null where no calibrated ranker gave one. The arrays of a fallback are read into variables: unnested from
-- there they are known to come in order, so that no more of a long list is looked up than is shown.
CREATE OR REPLACE FUNCTION recsys.recommend(user_id text, k int DEFAULT NULL)
RETURNS TABLE (
  rank int, item_id text, title text, score real, reason text, reason_item_id text, rung text, variant text,
  release text, as_of date, publication_id bigint
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET max_parallel_workers_per_gather = 0 AS $$
#variable_conflict use_column
DECLARE
  live record;
  who record;
  tier text;
  popular int[];
  listed int[];
  shown int;
  more int;
  own int;
  filled_from text;
BEGIN
  SELECT p.id, p.release, p.as_of, p.calibrated, least(greatest(coalesce(recommend.k, p.k), 0), 1000) AS k INTO live
  FROM recsys.current_publication AS c
  JOIN recsys.publication AS p ON p.id = c.publication_id;
  SELECT u.user_key, u.segment INTO who FROM recsys.users AS u WHERE u.user_id = recommend.user_id;

  RETURN QUERY
  SELECT (row_number() OVER ())::int, o.item_id, o.title,
         CASE WHEN live.calibrated AND o.rung IN (0, 1) AND o.rank_before > 0 THEN o.score END,
         (ARRAY(SELECT n.name FROM recsys.reason_names AS n ORDER BY n.code))[o.reason + 1],
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

  own := shown;
  listed := coalesce((SELECT l.items FROM recsys.list_rows AS l
                     WHERE l.publication_id = live.id AND l.user_key = who.user_key), '{}')
        || coalesce((SELECT w.items FROM recsys.withheld_rows AS w
                     WHERE w.publication_id = live.id AND w.user_key = who.user_key),
                    (SELECT w.items FROM recsys.withheld_rows AS w
                     WHERE w.publication_id = live.id AND w.user_key = -1), '{}');
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
      WHERE (e.item_key = ANY (listed)) IS NOT TRUE AND coalesce(a.available, i.available)
      ORDER BY e.n
      LIMIT live.k - shown
    ) AS o;
    GET DIAGNOSTICS more = ROW_COUNT;
    shown := shown + more;
    filled_from := coalesce(filled_from, CASE WHEN more > 0 THEN tier END);
    EXIT WHEN shown >= live.k;
    -- What this fallback list has and did not show may not be shown from the next one, either.
    listed := listed || popular;
  END LOOP;
  -- Counted by the server's statistics, as readers may not write: a call each (recommend_calls).
  IF shown = 0 THEN
    PERFORM recsys.answered_nothing();
  ELSIF own > 0 THEN
    PERFORM recsys.answered_filled_up();
  ELSIF filled_from <> '' THEN
    PERFORM recsys.answered_segment();
  ELSE
    PERFORM recsys.answered_everyone();
  END IF;
END $$;

REVOKE EXECUTE ON FUNCTION recsys.recommend FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.recommend TO recsys_reader, recsys_writer;

COMMENT ON FUNCTION recsys.recommend IS
  'The first k items for a user now: the current list without what is out of stock or blocked, topped up from its spares, then from the fallback lists without what the repeat policy, a negative event or a rule of eligibility forbids the user as of the publication''s cutoff; unknown users get the fallback. Fewer than k rows: there is nothing more that the user may be shown. The score is a probability as in recommendations.score, null for top-ups.';
