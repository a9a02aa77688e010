-- Readers' views. They run with the owner's rights, so a reader needs no right on any table.

CREATE VIEW recsys.entries AS  -- not granted: what the two long views share
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
       p.published_at IS NOT NULL AS published
FROM recsys.publication AS p
JOIN recsys.list_rows AS l ON l.publication_id = p.id
JOIN recsys.users AS u ON u.user_key = l.user_key
CROSS JOIN LATERAL unnest(l.items, l.scores, l.sources, l.reasons, l.reason_items, l.ranks_before, l.propensities)
  WITH ORDINALITY AS e(item_key, score, source_mask, reason, reason_item, rank_before, propensity, rank)
JOIN recsys.items AS i ON i.item_key = e.item_key
LEFT JOIN recsys.items AS r ON r.item_key = e.reason_item
LEFT JOIN recsys.source_sets AS s ON s.mask = e.source_mask
WHERE e.rank <= p.k;

CREATE VIEW recsys.recommendations AS
SELECT e.user_id, e.rank, e.item_id, e.title, e.score, e.reason, e.reason_item_id, e.reason_item_title, e.sources,
       e.rank_before, e.rung, e.variant, e.propensity, e.release, e.tower_version, e.as_of, e.publication_id
FROM recsys.entries AS e
WHERE e.publication_id = (SELECT c.publication_id FROM recsys.current_publication AS c);

CREATE VIEW recsys.recommendation_history AS
SELECT e.user_id, e.rank, e.item_id, e.title, e.score, e.reason, e.reason_item_id, e.reason_item_title, e.sources,
       e.rank_before, e.rung, e.variant, e.propensity, e.release, e.tower_version, e.as_of, e.publication_id, e.published
FROM recsys.entries AS e;

CREATE VIEW recsys.recommendation_lists AS
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
       p.id AS publication_id
FROM recsys.current_publication AS c
JOIN recsys.publication AS p ON p.id = c.publication_id
JOIN recsys.list_rows AS l ON l.publication_id = p.id
JOIN recsys.users AS u ON u.user_key = l.user_key
WHERE l.publication_id = (SELECT c2.publication_id FROM recsys.current_publication AS c2);

CREATE VIEW recsys.similar_items AS
SELECT i.item_id, i.title, e.rank::int AS rank, o.item_id AS similar_item_id, o.title AS similar_title, e.score,
       p.as_of, p.id AS publication_id
FROM recsys.current_publication AS c
JOIN recsys.publication AS p ON p.id = c.publication_id
JOIN recsys.similar_rows AS s ON s.publication_id = p.id
CROSS JOIN LATERAL unnest(s.items, s.scores) WITH ORDINALITY AS e(item_key, score, rank)
JOIN recsys.items AS i ON i.item_key = s.item_key
JOIN recsys.items AS o ON o.item_key = e.item_key;

CREATE VIEW recsys.fallback_lists AS
SELECT f.segment, e.rank::int AS rank, i.item_id, i.title, e.score, p.as_of, p.id AS publication_id
FROM recsys.current_publication AS c
JOIN recsys.publication AS p ON p.id = c.publication_id
JOIN recsys.fallback_rows AS f ON f.publication_id = p.id
CROSS JOIN LATERAL unnest(f.items, f.scores) WITH ORDINALITY AS e(item_key, score, rank)
JOIN recsys.items AS i ON i.item_key = e.item_key;

CREATE VIEW recsys.publications AS
SELECT p.id AS publication_id, p.as_of, p.status,
       p.id IS NOT DISTINCT FROM (SELECT c.publication_id FROM recsys.current_publication AS c) AS current,
       p.release, p.tower_version, p.learned_before, p.history_before, p.k, p.rows, p.checks, p.note,
       p.created_at, p.published_at, p.retired_at
FROM recsys.publication AS p;

CREATE VIEW recsys.releases AS
SELECT e.release,
       min(e.ts) FILTER (WHERE e.event = 'registered') AS registered_at,
       max(e.ts) FILTER (WHERE e.event = 'promoted') AS promoted_at,
       (array_agg(e.event ORDER BY e.id DESC))[1] AS last_event,
       (array_agg(e.why ORDER BY e.id DESC))[1] AS last_why,
       (array_agg(e.who ORDER BY e.id DESC))[1] AS last_who,
       max(e.ts) AS last_at
FROM recsys.release_events AS e
GROUP BY e.release;

-- These three are also written through: PostgreSQL passes INSERT, UPDATE and ON CONFLICT on to their tables.
CREATE VIEW recsys.gate_decisions AS
SELECT g.id, g.as_of, g.challenger, g.champion, g.verdict, g.paragraph, g.rules, g.decided_at
FROM recsys.gate_decision_rows AS g;

CREATE VIEW recsys.metrics AS
SELECT m.as_of, m.scope, m.name, m.value, m.extra
FROM recsys.metric_rows AS m;

CREATE VIEW recsys.alerts AS
SELECT a.id, a.incident, a.raised_at, a.as_of, a.dag, a.task, a.kind, a.severity, a.message, a.reader_state, a.remedy,
       a.runbook, a.delivered
FROM recsys.alert_rows AS a;

CREATE VIEW recsys.status AS
SELECT p.id AS publication_id,
       p.as_of,
       p.release,
       p.tower_version,
       p.rows,
       p.published_at,
       c.moved_at,
       c.moved_by,
       now() - c.moved_at AS age,
       h.since IS NOT NULL AS on_hold,
       h.who AS hold_who,
       h.why AS hold_why,
       h.since AS hold_since,
       (SELECT count(*) FROM recsys.publication AS w WHERE w.status = 'ready' AND w.retired_at IS NULL) AS waiting,
       a.raised_at AS last_alert_at,
       a.message AS last_alert
FROM (SELECT 1) AS one
LEFT JOIN recsys.current_publication AS c ON true
LEFT JOIN recsys.publication AS p ON p.id = c.publication_id
LEFT JOIN recsys.hold AS h ON true
LEFT JOIN LATERAL (SELECT x.raised_at, x.message FROM recsys.alert_rows AS x ORDER BY x.raised_at DESC, x.id DESC
                   LIMIT 1) AS a ON true;

GRANT SELECT ON recsys.recommendations, recsys.recommendation_history, recsys.recommendation_lists,
  recsys.similar_items, recsys.fallback_lists, recsys.publications, recsys.releases, recsys.gate_decisions,
  recsys.metrics, recsys.alerts, recsys.status
  TO recsys_reader, recsys_writer;
GRANT INSERT ON recsys.gate_decisions TO recsys_writer;
GRANT INSERT, UPDATE, DELETE ON recsys.metrics, recsys.alerts TO recsys_writer;

-- The application's query. One statement, so one snapshot: pointer and rows cannot disagree.
--
-- Tiers: 0 the user's own list with its spares, 1 the segment's fallback, 2 the overall fallback. What is out of
-- stock now is left out, an item keeps its best tier, and lower tiers only fill what is missing.
CREATE FUNCTION recsys.recommend(user_id text, k int DEFAULT NULL)
RETURNS TABLE (
  rank int, item_id text, title text, score real, reason text, reason_item_id text, rung text, variant text,
  release text, as_of date, publication_id bigint
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH live AS MATERIALIZED (
    SELECT p.id, p.k, p.release, p.as_of
    FROM recsys.current_publication AS c
    JOIN recsys.publication AS p ON p.id = c.publication_id
  ),
  who AS MATERIALIZED (
    SELECT u.user_key, u.segment FROM recsys.users AS u WHERE u.user_id = recommend.user_id
  ),
  pool AS (
    SELECT 0 AS tier, e.n, e.item_key, e.score, e.reason, e.reason_item, l.rung, l.variant
    FROM recsys.list_rows AS l
    CROSS JOIN LATERAL unnest(l.items, l.scores, l.reasons, l.reason_items)
      WITH ORDINALITY AS e(item_key, score, reason, reason_item, n)
    WHERE l.publication_id = (SELECT live.id FROM live) AND l.user_key = (SELECT who.user_key FROM who)
    UNION ALL
    SELECT CASE WHEN f.segment = '' THEN 2 ELSE 1 END, e.n, e.item_key, e.score, 3::smallint, -1, 4::smallint, 'fallback'
    FROM recsys.fallback_rows AS f
    CROSS JOIN LATERAL unnest(f.items, f.scores) WITH ORDINALITY AS e(item_key, score, n)
    WHERE f.publication_id = (SELECT live.id FROM live)
      AND f.segment IN ('', coalesce((SELECT who.segment FROM who), ''))
  ),
  best AS (
    SELECT DISTINCT ON (pool.item_key) pool.* FROM pool ORDER BY pool.item_key, pool.tier, pool.n
  )
  SELECT (row_number() OVER (ORDER BY b.tier, b.n))::int,
         i.item_id,
         i.title,
         b.score,
         (ARRAY['for_you', 'because_of', 'again', 'popular', 'trending', 'new', 'promoted'])[b.reason + 1],
         r.item_id,
         (ARRAY['heavy', 'light', 'retrieval', 'previous', 'popularity'])[b.rung + 1],
         b.variant,
         live.release,
         live.as_of,
         live.id
  FROM best AS b
  CROSS JOIN live
  JOIN recsys.items AS i ON i.item_key = b.item_key
  LEFT JOIN recsys.item_availability AS a ON a.item_id = i.item_id
  LEFT JOIN recsys.items AS r ON r.item_key = b.reason_item
  WHERE coalesce(a.available, i.available)
  ORDER BY b.tier, b.n
  LIMIT least(greatest(coalesce(recommend.k, (SELECT live.k FROM live)), 0), 1000)
$$;
REVOKE EXECUTE ON FUNCTION recsys.recommend FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.recommend TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.recommendations IS
  'What every active user sees now, as published: one row per user and place, the first k places. Never filtered by later availability; recommend() does that.';
COMMENT ON COLUMN recsys.recommendations.user_id IS 'The shop''s user id.';
COMMENT ON COLUMN recsys.recommendations.rank IS 'Place in the list, 1 is best.';
COMMENT ON COLUMN recsys.recommendations.item_id IS 'The shop''s item id.';
COMMENT ON COLUMN recsys.recommendations.title IS 'Title, or the id where there is none.';
COMMENT ON COLUMN recsys.recommendations.score IS
  'Chance of the objectives within the label window, mixed by their weights, in [0, 1].';
COMMENT ON COLUMN recsys.recommendations.reason IS
  'Why it is there: for_you, because_of, again, popular, trending, new or promoted.';
COMMENT ON COLUMN recsys.recommendations.reason_item_id IS
  'The item that because_of speaks of; null for other reasons.';
COMMENT ON COLUMN recsys.recommendations.reason_item_title IS 'Title of that item.';
COMMENT ON COLUMN recsys.recommendations.sources IS 'Candidate generators that named the item.';
COMMENT ON COLUMN recsys.recommendations.rank_before IS 'Place before the re-rank, 1 is best.';
COMMENT ON COLUMN recsys.recommendations.rung IS
  'How the list was made, best first: heavy, light, retrieval, previous or popularity.';
COMMENT ON COLUMN recsys.recommendations.variant IS 'Experiment variant of the user.';
COMMENT ON COLUMN recsys.recommendations.propensity IS
  'Chance that the item took this place; 1 for places without exploration.';
COMMENT ON COLUMN recsys.recommendations.release IS 'Release of the models that made it; null when no ranker served.';
COMMENT ON COLUMN recsys.recommendations.tower_version IS 'Version of the two-tower model.';
COMMENT ON COLUMN recsys.recommendations.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.recommendations.publication_id IS 'Publication it belongs to.';

COMMENT ON VIEW recsys.recommendation_history IS
  'The lists of every publication still kept, published or not: one row per publication, user and place.';
COMMENT ON COLUMN recsys.recommendation_history.user_id IS 'The shop''s user id.';
COMMENT ON COLUMN recsys.recommendation_history.rank IS 'Place in the list, 1 is best.';
COMMENT ON COLUMN recsys.recommendation_history.item_id IS 'The shop''s item id.';
COMMENT ON COLUMN recsys.recommendation_history.title IS 'Title, or the id where there is none.';
COMMENT ON COLUMN recsys.recommendation_history.score IS
  'Chance of the objectives within the label window, mixed by their weights, in [0, 1].';
COMMENT ON COLUMN recsys.recommendation_history.reason IS
  'Why it is there: for_you, because_of, again, popular, trending, new or promoted.';
COMMENT ON COLUMN recsys.recommendation_history.reason_item_id IS
  'The item that because_of speaks of; null for other reasons.';
COMMENT ON COLUMN recsys.recommendation_history.reason_item_title IS 'Title of that item.';
COMMENT ON COLUMN recsys.recommendation_history.sources IS 'Candidate generators that named the item.';
COMMENT ON COLUMN recsys.recommendation_history.rank_before IS 'Place before the re-rank, 1 is best.';
COMMENT ON COLUMN recsys.recommendation_history.rung IS
  'How the list was made, best first: heavy, light, retrieval, previous or popularity.';
COMMENT ON COLUMN recsys.recommendation_history.variant IS 'Experiment variant of the user.';
COMMENT ON COLUMN recsys.recommendation_history.propensity IS
  'Chance that the item took this place; 1 for places without exploration.';
COMMENT ON COLUMN recsys.recommendation_history.release IS
  'Release of the models that made it; null when no ranker served.';
COMMENT ON COLUMN recsys.recommendation_history.tower_version IS 'Version of the two-tower model.';
COMMENT ON COLUMN recsys.recommendation_history.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.recommendation_history.publication_id IS 'Publication it belongs to.';
COMMENT ON COLUMN recsys.recommendation_history.published IS 'True once readers have seen this publication.';

COMMENT ON VIEW recsys.recommendation_lists IS
  'What every active user sees now, one row per user: the first k places as arrays, best first.';
COMMENT ON COLUMN recsys.recommendation_lists.user_id IS 'The shop''s user id.';
COMMENT ON COLUMN recsys.recommendation_lists.item_ids IS 'Items, best first.';
COMMENT ON COLUMN recsys.recommendation_lists.scores IS 'Score of each item, in [0, 1]; the arrays are parallel.';
COMMENT ON COLUMN recsys.recommendation_lists.rung IS
  'How the list was made, best first: heavy, light, retrieval, previous or popularity.';
COMMENT ON COLUMN recsys.recommendation_lists.variant IS 'Experiment variant of the user.';
COMMENT ON COLUMN recsys.recommendation_lists.short_reason IS
  'Why the list has fewer than k items; null when it is full.';
COMMENT ON COLUMN recsys.recommendation_lists.release IS
  'Release of the models that made it; null when no ranker served.';
COMMENT ON COLUMN recsys.recommendation_lists.tower_version IS 'Version of the two-tower model.';
COMMENT ON COLUMN recsys.recommendation_lists.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.recommendation_lists.publication_id IS 'Publication it belongs to.';

COMMENT ON VIEW recsys.similar_items IS
  'Nearest items of each item in the current publication: one row per item and place.';
COMMENT ON COLUMN recsys.similar_items.item_id IS 'The item asked about.';
COMMENT ON COLUMN recsys.similar_items.title IS 'Its title.';
COMMENT ON COLUMN recsys.similar_items.rank IS 'Place in the list, 1 is best.';
COMMENT ON COLUMN recsys.similar_items.similar_item_id IS 'A near item.';
COMMENT ON COLUMN recsys.similar_items.similar_title IS 'The near item''s title.';
COMMENT ON COLUMN recsys.similar_items.score IS 'Cosine similarity of the two item vectors, in [-1, 1].';
COMMENT ON COLUMN recsys.similar_items.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.similar_items.publication_id IS 'Publication it belongs to.';

COMMENT ON VIEW recsys.fallback_lists IS
  'Popular items of the current publication, for users without a list of their own: one row per segment and place.';
COMMENT ON COLUMN recsys.fallback_lists.segment IS
  'Value of the users'' segment attribute; empty for all users together.';
COMMENT ON COLUMN recsys.fallback_lists.rank IS 'Place in the list, 1 is best.';
COMMENT ON COLUMN recsys.fallback_lists.item_id IS 'The shop''s item id.';
COMMENT ON COLUMN recsys.fallback_lists.title IS 'Title, or the id where there is none.';
COMMENT ON COLUMN recsys.fallback_lists.score IS
  'Recency-weighted popularity over that of the list''s first item, in [0, 1].';
COMMENT ON COLUMN recsys.fallback_lists.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.fallback_lists.publication_id IS 'Publication it belongs to.';

COMMENT ON VIEW recsys.publications IS 'Every publication made, one row each.';
COMMENT ON COLUMN recsys.publications.publication_id IS 'Publication it belongs to.';
COMMENT ON COLUMN recsys.publications.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.publications.status IS
  'building, ready (checked, not yet shown), published (shown at some time), held (rolled back from), or failed.';
COMMENT ON COLUMN recsys.publications.current IS 'True for the one publication that readers see.';
COMMENT ON COLUMN recsys.publications.release IS 'Release of the models that made it; null when no ranker served.';
COMMENT ON COLUMN recsys.publications.tower_version IS 'Version of the two-tower model.';
COMMENT ON COLUMN recsys.publications.learned_before IS
  'Parameters, counts and item vectors know only what happened before this date.';
COMMENT ON COLUMN recsys.publications.history_before IS 'Users'' histories end before this date.';
COMMENT ON COLUMN recsys.publications.k IS 'Places of a list that readers see.';
COMMENT ON COLUMN recsys.publications.rows IS 'Users with a list of their own.';
COMMENT ON COLUMN recsys.publications.checks IS
  'Result of every check, a JSON array of name, passed, severity, found, bound.';
COMMENT ON COLUMN recsys.publications.note IS 'Why it is not what readers see, where that needs saying.';
COMMENT ON COLUMN recsys.publications.created_at IS 'When it was begun.';
COMMENT ON COLUMN recsys.publications.published_at IS 'When readers first saw it; null if never.';
COMMENT ON COLUMN recsys.publications.retired_at IS 'When retention removed its lists; null while they are kept.';

COMMENT ON VIEW recsys.releases IS 'Every release of the models and what last happened to it.';
COMMENT ON COLUMN recsys.releases.release IS 'Release of the models that made it; null when no ranker served.';
COMMENT ON COLUMN recsys.releases.registered_at IS 'When it entered the registry.';
COMMENT ON COLUMN recsys.releases.promoted_at IS 'When it last became champion; null if never.';
COMMENT ON COLUMN recsys.releases.last_event IS 'registered, promoted, rejected, rolled_back or hand_moved.';
COMMENT ON COLUMN recsys.releases.last_why IS 'Reason given for the last event.';
COMMENT ON COLUMN recsys.releases.last_who IS 'Who or what caused the last event.';
COMMENT ON COLUMN recsys.releases.last_at IS 'Time of the last event.';

COMMENT ON VIEW recsys.gate_decisions IS 'Every verdict of the release gate, oldest first by id; rows never change.';
COMMENT ON COLUMN recsys.gate_decisions.id IS 'Running number.';
COMMENT ON COLUMN recsys.gate_decisions.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.gate_decisions.challenger IS 'Release that wanted to be champion.';
COMMENT ON COLUMN recsys.gate_decisions.champion IS 'Release that was champion; null on the first night.';
COMMENT ON COLUMN recsys.gate_decisions.verdict IS 'promote, keep, or why there was none.';
COMMENT ON COLUMN recsys.gate_decisions.paragraph IS 'The verdict in words, with the figures.';
COMMENT ON COLUMN recsys.gate_decisions.rules IS 'Every rule with its figures, a JSON array.';
COMMENT ON COLUMN recsys.gate_decisions.decided_at IS 'When it was decided.';

COMMENT ON VIEW recsys.metrics IS 'Figures of the nightly runs: one row per night, scope and name.';
COMMENT ON COLUMN recsys.metrics.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.metrics.scope IS 'What the figure is about, e.g. a stage, a slice or a release.';
COMMENT ON COLUMN recsys.metrics.name IS 'Name of the figure.';
COMMENT ON COLUMN recsys.metrics.value IS 'The figure; null when it could not be computed.';
COMMENT ON COLUMN recsys.metrics.extra IS 'Details, a JSON object.';

COMMENT ON VIEW recsys.alerts IS 'Every alert raised, one row an incident.';
COMMENT ON COLUMN recsys.alerts.id IS 'Running number.';
COMMENT ON COLUMN recsys.alerts.incident IS 'Key that makes repeats of one incident a single row.';
COMMENT ON COLUMN recsys.alerts.raised_at IS 'When it was first raised.';
COMMENT ON COLUMN recsys.alerts.as_of IS 'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.alerts.dag IS 'Airflow DAG, where one is concerned.';
COMMENT ON COLUMN recsys.alerts.task IS 'Airflow task, where one is concerned.';
COMMENT ON COLUMN recsys.alerts.kind IS 'Kind of alert; names its runbook page.';
COMMENT ON COLUMN recsys.alerts.severity IS 'info, warning or critical.';
COMMENT ON COLUMN recsys.alerts.message IS 'What broke.';
COMMENT ON COLUMN recsys.alerts.reader_state IS 'What readers see now and how old it is.';
COMMENT ON COLUMN recsys.alerts.remedy IS 'The command to run.';
COMMENT ON COLUMN recsys.alerts.runbook IS 'Link to the runbook page.';
COMMENT ON COLUMN recsys.alerts.delivered IS 'Channel to delivery result, a JSON object.';

COMMENT ON VIEW recsys.status IS 'The state of serving now: always one row; nulls before the first publication.';
COMMENT ON COLUMN recsys.status.publication_id IS 'Publication that readers see.';
COMMENT ON COLUMN recsys.status.as_of IS 'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.status.release IS 'Release of the models that made it; null when no ranker served.';
COMMENT ON COLUMN recsys.status.tower_version IS 'Version of the two-tower model.';
COMMENT ON COLUMN recsys.status.rows IS 'Users with a list of their own.';
COMMENT ON COLUMN recsys.status.published_at IS 'When readers first saw that publication.';
COMMENT ON COLUMN recsys.status.moved_at IS 'When the pointer was last moved.';
COMMENT ON COLUMN recsys.status.moved_by IS 'Who moved it.';
COMMENT ON COLUMN recsys.status.age IS 'Time since then.';
COMMENT ON COLUMN recsys.status.on_hold IS 'True while nights publish without being shown.';
COMMENT ON COLUMN recsys.status.hold_who IS 'Who set the hold.';
COMMENT ON COLUMN recsys.status.hold_why IS 'Why.';
COMMENT ON COLUMN recsys.status.hold_since IS 'Since when.';
COMMENT ON COLUMN recsys.status.waiting IS 'Checked publications that are not shown.';
COMMENT ON COLUMN recsys.status.last_alert_at IS 'When the newest alert was raised.';
COMMENT ON COLUMN recsys.status.last_alert IS 'Its message.';

COMMENT ON FUNCTION recsys.recommend IS
  'The first k items for a user now: the current list without what is out of stock, topped up from its spares, then from the fallback lists; unknown users get the fallback.';
