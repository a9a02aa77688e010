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
       a.at AS last_alert_at,
       a.message AS last_alert,
       coalesce(k.now, now()) AS shop_time
FROM (SELECT 1) AS one
LEFT JOIN recsys.current_publication AS c ON true
LEFT JOIN recsys.publication AS p ON p.id = c.publication_id
LEFT JOIN recsys.hold AS h ON true
LEFT JOIN recsys.shop_clock AS k ON true
-- By number: of a simulated shop some older alerts have the nights' time and some, of runs that failed, the machine's.
LEFT JOIN LATERAL (SELECT coalesce(x.shop_time, x.raised_at) AS at, x.message FROM recsys.alert_rows AS x ORDER BY x.id DESC LIMIT 1) AS a ON true;

GRANT SELECT ON recsys.status TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.status IS 'The state of serving now: always one row; nulls before the first publication.';
COMMENT ON COLUMN recsys.status.publication_id IS 'Publication that readers see.';
COMMENT ON COLUMN recsys.status.as_of IS 'Night of that publication: its lists know what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.status.release IS 'Release of the models that made it; null when no ranker served.';
COMMENT ON COLUMN recsys.status.tower_version IS 'Version of the two-tower model.';
COMMENT ON COLUMN recsys.status.rows IS 'Users with a list of their own.';
COMMENT ON COLUMN recsys.status.published_at IS 'When readers first saw that publication, in the shop''s clock.';
COMMENT ON COLUMN recsys.status.moved_at IS 'When the pointer was last moved, in the shop''s clock.';
COMMENT ON COLUMN recsys.status.moved_by IS 'Who moved it.';
COMMENT ON COLUMN recsys.status.age IS 'Time since moved_at in the shop''s clock: shop_time less moved_at.';
COMMENT ON COLUMN recsys.status.on_hold IS 'True while nights publish without being shown.';
COMMENT ON COLUMN recsys.status.hold_who IS 'Who set the hold.';
COMMENT ON COLUMN recsys.status.hold_why IS 'Why.';
COMMENT ON COLUMN recsys.status.hold_since IS 'Since when, in the shop''s clock.';
COMMENT ON COLUMN recsys.status.waiting IS 'Checked publications that are not shown.';
COMMENT ON COLUMN recsys.status.last_alert_at IS 'When the alert that came last was written down, in the shop''s clock as age and shop_time are; of one without shop_time in alerts, its raised_at.';
COMMENT ON COLUMN recsys.status.last_alert IS 'Its message.';
COMMENT ON COLUMN recsys.status.shop_time IS
  'Now in the shop''s clock: the database''s time, or of a simulated shop that of its newest night.';
