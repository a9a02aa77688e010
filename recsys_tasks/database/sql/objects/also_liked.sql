CREATE OR REPLACE VIEW recsys.also_liked AS
SELECT u.user_id, u.segment, e.rank::int AS rank, i.item_id, i.title, e.likers, e.lift, p.as_of, p.id AS publication_id
FROM recsys.current_publication AS c
JOIN recsys.publication AS p ON p.id = c.publication_id
JOIN recsys.liked_rows AS g ON g.publication_id = p.id
CROSS JOIN LATERAL unnest(g.items, g.likers, g.lifts) WITH ORDINALITY AS e(item_key, likers, lift, rank)
JOIN recsys.users AS u ON u.user_key = g.user_key
JOIN recsys.items AS i ON i.item_key = e.item_key AND NOT i.blocked
LEFT JOIN recsys.item_availability AS a ON a.item_id = i.item_id
WHERE coalesce(a.available, i.available);

GRANT SELECT ON recsys.also_liked TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.also_liked IS
  'What users like each user also liked: items that others of the same group of taste had in the last 90 days more often than everyone did, and the user had not, in the current publication, without what is out of stock or blocked now: one row per user and place; a rank left out is that of such an item. A group is some hundred users or more whose vectors are near one another. Only what repeat_consumption, negative events and eligibility.rules allow the user; empty where serving.also_liked is 0, and after a rollback to a publication older than the newest two.';
COMMENT ON COLUMN recsys.also_liked.user_id IS 'The shop''s user id.';
COMMENT ON COLUMN recsys.also_liked.segment IS 'Value of the user''s segment attribute by the newest night; null without one.';
COMMENT ON COLUMN recsys.also_liked.rank IS 'Place in the list, 1 is best: by lift, then likers.';
COMMENT ON COLUMN recsys.also_liked.item_id IS 'The shop''s item id.';
COMMENT ON COLUMN recsys.also_liked.title IS 'Title, or the id where there is none.';
COMMENT ON COLUMN recsys.also_liked.likers IS 'Users of the group who had the item, at least five.';
COMMENT ON COLUMN recsys.also_liked.lift IS
  'Share of the group''s users who had it over that of all users: 2 is twice as often; always above 1.';
COMMENT ON COLUMN recsys.also_liked.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.also_liked.publication_id IS 'Publication it belongs to.';
