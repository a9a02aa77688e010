DROP VIEW recsys.audience, recsys.catalogue, recsys.status, recsys.recommendation_lists, recsys.recommendations,
  recsys.recommendation_history, recsys.entries, recsys.item_exposure;
DROP TABLE recsys.shop_clock, recsys.stage_failures;
ALTER TABLE recsys.items DROP COLUMN available_from;

CREATE OR REPLACE FUNCTION recsys.summarise_publication(publication bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' SET jit = off AS $$
DECLARE
  name text := 'list_rows_' || publication;
  shown int := (SELECT p.k FROM recsys.publication AS p WHERE p.id = publication);
BEGIN
  DELETE FROM recsys.list_count_rows AS x WHERE x.publication_id = publication;
  INSERT INTO recsys.item_exposure_rows (publication_id, item_key, lists, first_places)
  SELECT publication, a.item_key, 0, 0 FROM recsys.items AS a WHERE a.available ON CONFLICT DO NOTHING;
  EXECUTE format('CREATE TEMP TABLE counted_lists ON COMMIT DROP AS '
                 'SELECT u.segment, l.variant, l.rung, l.short_reason, count(*) AS lists, '
                 'sum(least(cardinality(l.items), %s))::bigint AS places '
                 'FROM recsys.%I AS l JOIN recsys.users AS u ON u.user_key = l.user_key GROUP BY 1, 2, 3, 4', shown, name);
  INSERT INTO recsys.list_count_rows SELECT publication, c.* FROM pg_temp.counted_lists AS c;
  DROP TABLE pg_temp.counted_lists;
END $$;

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

CREATE VIEW recsys.item_exposure AS
SELECT x.publication_id, p.as_of, i.item_id, i.title, i.category, x.lists, x.first_places,
       x.lists::float8 / nullif(p.rows, 0) AS share
FROM recsys.item_exposure_rows AS x
JOIN recsys.publication AS p ON p.id = x.publication_id
JOIN recsys.items AS i ON i.item_key = x.item_key
WHERE p.status IN ('ready', 'published', 'held');

GRANT SELECT ON recsys.recommendations, recsys.recommendation_history, recsys.recommendation_lists, recsys.item_exposure,
  recsys.status TO recsys_reader, recsys_writer;

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
COMMENT ON VIEW recsys.publications IS 'Every publication made, one row each.';
COMMENT ON COLUMN recsys.publications.publication_id IS 'Publication it belongs to.';
COMMENT ON COLUMN recsys.releases.release IS 'Release of the models that made it; null when no ranker served.';
COMMENT ON COLUMN recsys.releases.registered_at IS 'When it entered the registry.';
COMMENT ON COLUMN recsys.gate_decisions.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.gate_decisions.champion IS 'Release that was champion; null on the first night.';
COMMENT ON COLUMN recsys.gate_decisions.decided_at IS 'When it was decided.';
COMMENT ON VIEW recsys.metrics IS 'Figures of the nightly runs: one row per night, scope and name.';
COMMENT ON COLUMN recsys.metrics.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.metrics.scope IS 'What the figure is about, e.g. a stage, a slice or a release.';
COMMENT ON COLUMN recsys.metrics.name IS 'Name of the figure.';
COMMENT ON COLUMN recsys.metrics.value IS 'The figure; null when it could not be computed.';
COMMENT ON COLUMN recsys.metrics.extra IS 'Details, a JSON object.';
COMMENT ON COLUMN recsys.alerts.raised_at IS 'When it was first raised.';
COMMENT ON COLUMN recsys.alerts.as_of IS 'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.alerts.reader_state IS 'What readers see now and how old it is.';
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
COMMENT ON VIEW recsys.item_exposure IS
  'How often the lists of each kept publication show each item, in their first k places: one row per publication and item of its catalogue, zeros for items that no list shows.';
COMMENT ON COLUMN recsys.item_exposure.publication_id IS 'Publication it belongs to.';
COMMENT ON COLUMN recsys.item_exposure.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.item_exposure.item_id IS 'The shop''s item id.';
COMMENT ON COLUMN recsys.item_exposure.title IS 'Title, or the id where there is none.';
COMMENT ON COLUMN recsys.item_exposure.category IS 'The item''s category; null where the settings name none.';
COMMENT ON COLUMN recsys.item_exposure.lists IS 'Lists that show the item.';
COMMENT ON COLUMN recsys.item_exposure.first_places IS 'Lists that show it first.';
COMMENT ON COLUMN recsys.item_exposure.share IS 'Share of the publication''s lists that show it, in [0, 1].';
COMMENT ON COLUMN recsys.publication_moves.moved_at IS 'When.';
