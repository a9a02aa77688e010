CREATE OR REPLACE VIEW recsys.list_changes AS
SELECT u.user_id, u.segment, x.new_items::float8 / nullif(x.places, 0) AS changed, x.places::int AS places,
       x.new_items::int AS new_items, x.gone_items::int AS gone_items, x.moved_items::int AS moved_items,
       x.off_offer::int AS off_offer, x.own_events, p.release IS DISTINCT FROM b.release AS another_release,
       CASE WHEN x.new_items + x.gone_items + x.moved_items = 0 THEN NULL
            ELSE coalesce(nullif(concat_ws('; ',
              CASE WHEN p.release IS DISTINCT FROM b.release THEN 'another release' END,
              CASE WHEN x.own_events > 0 THEN 'the user did ' || x.own_events || ' things' END,
              CASE WHEN x.off_offer > 0 THEN x.off_offer || ' items went off offer' END), ''), 'what others did') END AS why,
       p.as_of, b.as_of AS before_as_of, x.publication_id, x.before_id AS before_publication_id
FROM recsys.list_change_rows AS x
JOIN recsys.publication AS p ON p.id = x.publication_id
JOIN recsys.publication AS b ON b.id = x.before_id
JOIN recsys.users AS u ON u.user_key = x.user_key
WHERE x.publication_id = (SELECT c.publication_id FROM recsys.current_publication AS c);

GRANT SELECT ON recsys.list_changes TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.list_changes IS
  'How each user''s list that readers see now differs from the one of the night before it: one row per user with a list in both. Made by the monitor stage of the two newest nights; empty before it has run, and after a rollback to an older one.';
COMMENT ON COLUMN recsys.list_changes.user_id IS 'The shop''s user id.';
COMMENT ON COLUMN recsys.list_changes.segment IS 'Value of the user''s segment attribute by the newest night; null without one.';
COMMENT ON COLUMN recsys.list_changes.changed IS 'Share of the list''s places that hold an item that was not in the list before, in [0, 1].';
COMMENT ON COLUMN recsys.list_changes.places IS 'Items of the list, at most k.';
COMMENT ON COLUMN recsys.list_changes.new_items IS 'Items that were not in the list before.';
COMMENT ON COLUMN recsys.list_changes.gone_items IS 'Items of the list before that are not in it any more.';
COMMENT ON COLUMN recsys.list_changes.moved_items IS 'Items of both lists at another place.';
COMMENT ON COLUMN recsys.list_changes.off_offer IS 'Of those that are gone, items that were not on offer that night.';
COMMENT ON COLUMN recsys.list_changes.own_events IS 'Events of the user between the two nights'' cutoffs.';
COMMENT ON COLUMN recsys.list_changes.another_release IS 'Whether another release of the models made the list.';
COMMENT ON COLUMN recsys.list_changes.why IS
  'What could have changed it, in words: another release, the user''s own events, items off offer; else what others did, as models, popularity and the catalogue are of every night. Null where nothing changed.';
COMMENT ON COLUMN recsys.list_changes.as_of IS 'Night of the list that readers see.';
COMMENT ON COLUMN recsys.list_changes.before_as_of IS
  'Night of the list before: the newest earlier one within a week, also where readers never saw it.';
COMMENT ON COLUMN recsys.list_changes.publication_id IS 'Publication that readers see.';
COMMENT ON COLUMN recsys.list_changes.before_publication_id IS 'The one before.';
