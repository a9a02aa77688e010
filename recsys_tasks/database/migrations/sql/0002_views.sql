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
