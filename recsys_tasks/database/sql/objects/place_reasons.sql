CREATE OR REPLACE VIEW recsys.place_reasons AS
SELECT u.user_id, u.segment, r.rank::int AS rank, i.item_id, i.title, r.place::int AS place, r.feature,
       nullif(r.held, 'NaN') AS value, r.contribution, p.as_of, r.publication_id
FROM recsys.place_reason_rows AS r
JOIN recsys.publication AS p ON p.id = r.publication_id
JOIN recsys.users AS u ON u.user_key = r.user_key
JOIN recsys.items AS i ON i.item_key = r.item_key;

GRANT SELECT ON recsys.place_reasons TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.place_reasons IS
  'Which features moved the score of each place most: one row per publication, user, place of the list and feature, for monitoring.explained_users users of user_sample who have a list; of any other user `recsys place-reasons USER` says it. Made by the monitor stage, after the lists are shown, and kept as long as they are. Places that no ranker scored, such as promoted ones, are left out.';
COMMENT ON COLUMN recsys.place_reasons.user_id IS 'The shop''s user id.';
COMMENT ON COLUMN recsys.place_reasons.segment IS 'Value of the user''s segment attribute by the newest night; null without one.';
COMMENT ON COLUMN recsys.place_reasons.rank IS 'Place in the list, 1 is best.';
COMMENT ON COLUMN recsys.place_reasons.item_id IS 'The shop''s item id.';
COMMENT ON COLUMN recsys.place_reasons.title IS 'Title, or the id where there is none.';
COMMENT ON COLUMN recsys.place_reasons.place IS 'The feature''s place among those of this place of the list, 1 moved the score most.';
COMMENT ON COLUMN recsys.place_reasons.feature IS 'The feature: a column of the ranker''s input.';
COMMENT ON COLUMN recsys.place_reasons.value IS 'What it was for this user and item; null where it was unknown.';
COMMENT ON COLUMN recsys.place_reasons.contribution IS
  'By how much it moved the ranker''s raw score, up or, below 0, down: a SHAP value, of several objectives their mean by weight. Raw scores are not calibrated; compare within one publication.';
COMMENT ON COLUMN recsys.place_reasons.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.place_reasons.publication_id IS 'Publication it belongs to.';
