-- What readers are told is so: since when an item exists, whose lists are in a segment and who has none, in which clock
-- the shop lives, and which stage failed. Views keep their columns; new ones stand at the end.

-- --- since when an item exists -----------------------------------------------------------------

-- Null until the next night writes it: only snapshots know.
ALTER TABLE recsys.items ADD COLUMN available_from timestamptz;

CREATE VIEW recsys.catalogue AS
SELECT i.item_id, i.title, i.category, coalesce(a.available, i.available) AS available,
       (i.available_from AT TIME ZONE 'UTC')::date AS available_from
FROM recsys.items AS i
LEFT JOIN recsys.item_availability AS a ON a.item_id = i.item_id;

CREATE OR REPLACE VIEW recsys.item_exposure AS
SELECT x.publication_id, p.as_of, i.item_id, i.title, i.category, x.lists, x.first_places,
       x.lists::float8 / nullif(p.rows, 0) AS share,
       (i.available_from AT TIME ZONE 'UTC')::date AS available_from
FROM recsys.item_exposure_rows AS x
JOIN recsys.publication AS p ON p.id = x.publication_id
JOIN recsys.items AS i ON i.item_key = x.item_key
WHERE p.status IN ('ready', 'published', 'held');

-- As before, but an item that is announced for a later day is not on offer yet.
CREATE OR REPLACE FUNCTION recsys.summarise_publication(publication bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' SET jit = off AS $$
DECLARE
  name text := 'list_rows_' || publication;
  shown int;
  cutoff timestamptz;
BEGIN
  SELECT p.k, p.as_of::timestamp AT TIME ZONE 'UTC' INTO shown, cutoff FROM recsys.publication AS p WHERE p.id = publication;
  DELETE FROM recsys.list_count_rows AS x WHERE x.publication_id = publication;
  INSERT INTO recsys.item_exposure_rows (publication_id, item_key, lists, first_places)
  SELECT publication, a.item_key, 0, 0 FROM recsys.items AS a
  WHERE a.available AND (a.available_from IS NULL OR a.available_from < cutoff) ON CONFLICT DO NOTHING;
  EXECUTE format('CREATE TEMP TABLE counted_lists ON COMMIT DROP AS '
                 'SELECT u.segment, l.variant, l.rung, l.short_reason, count(*) AS lists, '
                 'sum(least(cardinality(l.items), %s))::bigint AS places '
                 'FROM recsys.%I AS l JOIN recsys.users AS u ON u.user_key = l.user_key GROUP BY 1, 2, 3, 4', shown, name);
  INSERT INTO recsys.list_count_rows SELECT publication, c.* FROM pg_temp.counted_lists AS c;
  DROP TABLE pg_temp.counted_lists;
END $$;

-- --- whose lists -------------------------------------------------------------------------------

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

CREATE OR REPLACE VIEW recsys.recommendations AS
SELECT e.user_id, e.rank, e.item_id, e.title, e.score, e.reason, e.reason_item_id, e.reason_item_title, e.sources,
       e.rank_before, e.rung, e.variant, e.propensity, e.release, e.tower_version, e.as_of, e.publication_id, e.segment
FROM recsys.entries AS e
WHERE e.publication_id = (SELECT c.publication_id FROM recsys.current_publication AS c);

CREATE OR REPLACE VIEW recsys.recommendation_history AS
SELECT e.user_id, e.rank, e.item_id, e.title, e.score, e.reason, e.reason_item_id, e.reason_item_title, e.sources,
       e.rank_before, e.rung, e.variant, e.propensity, e.release, e.tower_version, e.as_of, e.publication_id, e.published,
       e.segment
FROM recsys.entries AS e;

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

CREATE VIEW recsys.audience AS
SELECT u.user_id, u.segment,
       CASE WHEN p.id IS NULL THEN NULL
            WHEN l.user_key IS NOT NULL THEN 'own'
            WHEN f.segment <> '' THEN 'segment'
            ELSE 'everyone' END AS served_by,
       p.as_of, p.id AS publication_id
FROM recsys.users AS u
LEFT JOIN recsys.publication AS p ON p.id = (SELECT c.publication_id FROM recsys.current_publication AS c)
LEFT JOIN recsys.list_rows AS l
  ON l.publication_id = (SELECT c.publication_id FROM recsys.current_publication AS c) AND l.user_key = u.user_key
LEFT JOIN recsys.fallback_rows AS f ON f.publication_id = p.id AND f.segment = u.segment;

-- --- in which clock ----------------------------------------------------------------------------

-- One row at most; every stage sets it. A simulated shop has its own time, that of its newest night.
CREATE TABLE recsys.shop_clock (
  singleton boolean     PRIMARY KEY DEFAULT true CHECK (singleton),
  simulated boolean     NOT NULL,
  now       timestamptz CHECK (simulated = (now IS NOT NULL))
);
GRANT SELECT, INSERT, UPDATE ON recsys.shop_clock TO recsys_writer;
COMMENT ON TABLE recsys.shop_clock IS
  'Which clock the shop lives in: null now means the database''s own; a simulated shop''s is the time of its newest night.';

CREATE OR REPLACE VIEW recsys.status AS
SELECT p.id AS publication_id,
       p.as_of,
       p.release,
       p.tower_version,
       p.rows,
       p.published_at,
       c.moved_at,
       c.moved_by,
       coalesce(k.now, now()) - c.moved_at AS age,
       h.since IS NOT NULL AS on_hold,
       h.who AS hold_who,
       h.why AS hold_why,
       h.since AS hold_since,
       (SELECT count(*) FROM recsys.publication AS w WHERE w.status = 'ready' AND w.retired_at IS NULL) AS waiting,
       a.raised_at AS last_alert_at,
       a.message AS last_alert,
       coalesce(k.now, now()) AS shop_time
FROM (SELECT 1) AS one
LEFT JOIN recsys.current_publication AS c ON true
LEFT JOIN recsys.publication AS p ON p.id = c.publication_id
LEFT JOIN recsys.hold AS h ON true
LEFT JOIN recsys.shop_clock AS k ON true
-- By number: of a simulated shop some alerts have the nights' time and some, of runs that failed, the machine's.
LEFT JOIN LATERAL (SELECT x.raised_at, x.message FROM recsys.alert_rows AS x ORDER BY x.id DESC LIMIT 1) AS a ON true;

-- --- what failed -------------------------------------------------------------------------------

-- stage_runs has what ended well; `failed_at` and its finished_at are of one clock, the database's.
CREATE TABLE recsys.stage_failures (
  id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  as_of     date        NOT NULL,
  stage     text        NOT NULL,
  error     jsonb       NOT NULL,
  failed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX stage_failures_as_of ON recsys.stage_failures (as_of, stage);
GRANT SELECT, INSERT, UPDATE, DELETE ON recsys.stage_failures TO recsys_writer;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA recsys TO recsys_writer;
COMMENT ON TABLE recsys.stage_failures IS 'Each time a stage of a night ended in an error: which, and the error in its parts.';

-- A message may name a user: erase_user() looks into it, too.
CREATE OR REPLACE FUNCTION recsys.prose_columns() RETURNS TABLE (in_table text, in_column text, kind text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod)
  FROM (VALUES ('publication', 'note'), ('publication', 'checks'),
               ('current_publication', 'moved_by'), ('current_publication', 'why'),
               ('pointer_moves', 'moved_by'), ('pointer_moves', 'why'), ('hold', 'who'), ('hold', 'why'),
               ('release_events', 'who'), ('release_events', 'why'),
               ('gate_decision_rows', 'paragraph'), ('gate_decision_rows', 'rules'),
               ('tower_version_rows', 'ledger'), ('metric_rows', 'extra'), ('stage_runs', 'figures'),
               ('stage_failures', 'error'),
               ('alert_rows', 'message'), ('alert_rows', 'reader_state'), ('alert_rows', 'remedy'),
               ('alert_rows', 'delivered')) AS p(in_table, in_column)
  JOIN pg_class AS c ON c.relnamespace = 'recsys'::regnamespace AND c.relname = p.in_table
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = p.in_column AND NOT a.attisdropped
$$;

GRANT SELECT ON recsys.catalogue, recsys.audience TO recsys_reader, recsys_writer;

COMMENT ON COLUMN recsys.recommendations.segment IS
  'Value of the user''s segment attribute by the newest night; null without one.';
COMMENT ON VIEW recsys.recommendations IS
  'What every user with a list of their own sees now, as published: one row per user and place, the first k places. Never filtered by later availability; recommend() does that. Users without a list are in audience.';
COMMENT ON VIEW recsys.recommendation_history IS
  'The lists of every publication still kept, shown to readers or not: one row per publication, user and place.';
COMMENT ON COLUMN recsys.recommendation_history.segment IS
  'Value of the user''s segment attribute by the newest night, not by the list''s own; null without one.';
COMMENT ON VIEW recsys.recommendation_lists IS
  'What every user with a list of their own sees now, one row per user: the first k places as arrays, best first. Users without a list are in audience.';
COMMENT ON COLUMN recsys.recommendation_lists.segment IS
  'Value of the user''s segment attribute by the newest night; null without one.';

COMMENT ON VIEW recsys.audience IS
  'Every user the shop ever named, one row each, and what recommend() answers them with now: nobody is left out, as inactive users are of the lists.';
COMMENT ON COLUMN recsys.audience.user_id IS 'The shop''s user id.';
COMMENT ON COLUMN recsys.audience.segment IS
  'Value of the user''s segment attribute by the newest night; null without one.';
COMMENT ON COLUMN recsys.audience.served_by IS
  'own: a list of the user''s own; without one, as users below activity.min_events in activity.within_days are, segment: the fallback list of the segment, or everyone: that of all users. Null before the first publication.';
COMMENT ON COLUMN recsys.audience.as_of IS 'Night of the publication that readers see.';
COMMENT ON COLUMN recsys.audience.publication_id IS 'That publication.';

COMMENT ON VIEW recsys.catalogue IS
  'Every item the shop ever named, one row each, sold out and delisted ones too: is it on offer now, and since when does it exist?';
COMMENT ON COLUMN recsys.catalogue.item_id IS 'The shop''s item id.';
COMMENT ON COLUMN recsys.catalogue.title IS 'Title, or the id where there is none.';
COMMENT ON COLUMN recsys.catalogue.category IS 'The item''s category; null where the settings name none.';
COMMENT ON COLUMN recsys.catalogue.available IS
  'Whether recommend() may show it now: the newest that a night or the shop has reported.';
COMMENT ON COLUMN recsys.catalogue.available_from IS
  'UTC day since which it exists: its launch by the shop''s own column, else the first night that knew it, and never after its first event. Being out of stock does not change it. Null where no night has written it yet.';

COMMENT ON VIEW recsys.item_exposure IS
  'How often the lists of each kept publication show each item, in their first k places: one row per publication and item that was on offer that night, or shown; zeros for items that no list shows.';
COMMENT ON COLUMN recsys.item_exposure.available_from IS
  'UTC day since which the item exists, as in catalogue: a new item by age, not one that is back in stock.';

COMMENT ON VIEW recsys.publications IS
  'Every publication made, one row each. Times are in the shop''s clock: of a simulated shop, those of its nights.';
COMMENT ON COLUMN recsys.publications.publication_id IS 'Number of the publication.';

COMMENT ON COLUMN recsys.publication_moves.moved_at IS 'When, in the shop''s clock.';

COMMENT ON COLUMN recsys.releases.release IS 'Id of the release.';
COMMENT ON COLUMN recsys.releases.registered_at IS 'When it entered the registry; null where that is not on record.';

COMMENT ON COLUMN recsys.gate_decisions.as_of IS 'Night that judged: on what users did in the window before 00:00 UTC of it.';
COMMENT ON COLUMN recsys.gate_decisions.champion IS 'Release that was champion then; null while there was none.';
COMMENT ON COLUMN recsys.gate_decisions.decided_at IS
  'When it was written down, by the database''s clock, of a simulated shop too.';

COMMENT ON VIEW recsys.metrics IS 'Figures of the nightly runs: one row per night, scope and name; a rerun replaces them.';
COMMENT ON COLUMN recsys.metrics.as_of IS
  'Night that the figure is about: of realised figures the night whose lists were measured, one earlier than the night that measured them; else the night itself.';
COMMENT ON COLUMN recsys.metrics.scope IS
  'What the figure is about. lists: the night''s lists; churn: how they differ from the lists before; drift: how events and scores differ from before; realised: what their users did until the next night, by any event of the objectives, realised/event=NAME by one kind of event, realised/objective=NAME by one objective; gate/challenger: tonight''s challenger on the gate window; gate/generator=NAME: one candidate generator on it.';
COMMENT ON COLUMN recsys.metrics.name IS
  'Name of the figure, @k for the first k places. Of realised scopes: ndcg, hr (hit rate), precision, recall, map, mrr; popular/NAME is the same of plain popular items for the same users; users: how many of them did anything, active_share of all with a list; shown: 1 where readers saw those lists at all. Of lists: coverage@k is the share of all items ever named that some list shows, coverage_on_offer@k that of the items on offer that night; popularity_share@k, gini@k, identical_share, short_share and rung_share/RUNG are what they are called. Of churn: mean, the share of places that changed. Of drift: event_mix_psi and score_psi.';
COMMENT ON COLUMN recsys.metrics.value IS 'The figure; null when it could not be computed, such as a mean over nobody.';
COMMENT ON COLUMN recsys.metrics.extra IS 'Details, a JSON object; empty where there are none.';

COMMENT ON COLUMN recsys.alerts.as_of IS 'Night that it is about; null where it is about none.';
COMMENT ON COLUMN recsys.alerts.raised_at IS
  'When it was first raised: of an alarm in the shop''s clock, of a run that failed in the machine''s, which differ in a simulated shop.';
COMMENT ON COLUMN recsys.alerts.reader_state IS 'What readers saw when it was raised, and how old that was.';

COMMENT ON COLUMN recsys.status.as_of IS 'Night of that publication: its lists know what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.status.published_at IS 'When readers first saw that publication, in the shop''s clock.';
COMMENT ON COLUMN recsys.status.moved_at IS 'When the pointer was last moved, in the shop''s clock.';
COMMENT ON COLUMN recsys.status.age IS 'Time since moved_at in the shop''s clock: shop_time less moved_at.';
COMMENT ON COLUMN recsys.status.hold_since IS 'Since when, in the shop''s clock.';
COMMENT ON COLUMN recsys.status.last_alert_at IS 'When the alert that came last was raised, as alerts has it.';
COMMENT ON COLUMN recsys.status.shop_time IS
  'Now in the shop''s clock: the database''s time, or of a simulated shop that of its newest night.';
