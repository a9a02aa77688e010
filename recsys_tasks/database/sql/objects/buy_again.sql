CREATE OR REPLACE VIEW recsys.buy_again AS
SELECT u.user_id, u.segment, e.rank::int AS rank, i.item_id, i.title, DATE '1970-01-01' + e.bought AS bought_on,
       DATE '1970-01-01' + e.due AS due_on, e.times,
       p.as_of, p.id AS publication_id
FROM recsys.current_publication AS c
JOIN recsys.publication AS p ON p.id = c.publication_id
JOIN recsys.again_rows AS g ON g.publication_id = p.id
CROSS JOIN LATERAL unnest(g.items, g.bought, g.due, g.times) WITH ORDINALITY AS e(item_key, bought, due, times, rank)
JOIN recsys.users AS u ON u.user_key = g.user_key
JOIN recsys.items AS i ON i.item_key = e.item_key AND NOT i.blocked
LEFT JOIN recsys.item_availability AS a ON a.item_id = i.item_id
WHERE coalesce(a.available, i.available);

GRANT SELECT ON recsys.buy_again TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.buy_again IS
  'What each user bought and is due to buy again, in the current publication, without what is out of stock or blocked now: one row per user and place. Only items that people buy again, and only where repeat_consumption, negative events and eligibility.rules allow the item; empty where repeats are forbidden, and after a rollback to a publication older than the newest two.';
COMMENT ON COLUMN recsys.buy_again.user_id IS 'The shop''s user id.';
COMMENT ON COLUMN recsys.buy_again.segment IS 'Value of the user''s segment attribute by the newest night; null without one.';
COMMENT ON COLUMN recsys.buy_again.rank IS 'Place in the list, 1 is due the longest.';
COMMENT ON COLUMN recsys.buy_again.item_id IS 'The shop''s item id.';
COMMENT ON COLUMN recsys.buy_again.title IS 'Title, or the id where there is none.';
COMMENT ON COLUMN recsys.buy_again.bought_on IS 'UTC day on which the user last bought it.';
COMMENT ON COLUMN recsys.buy_again.due_on IS
  'Day on which it is due: bought_on and the item''s usual gap, the median of days between two purchases of it by one user. Listed from six days before that day on, until as long again has gone by.';
COMMENT ON COLUMN recsys.buy_again.times IS 'On how many days the user bought it, of the last 365.';
COMMENT ON COLUMN recsys.buy_again.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.buy_again.publication_id IS 'Publication it belongs to.';
