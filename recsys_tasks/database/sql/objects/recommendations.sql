CREATE OR REPLACE VIEW recsys.recommendations AS
SELECT e.user_id, e.rank, e.item_id, e.title, e.score, e.reason, e.reason_item_id, e.reason_item_title, e.sources,
       e.rank_before, e.rung, e.variant, e.propensity, e.release, e.tower_version, e.as_of, e.publication_id, e.segment
FROM recsys.entries AS e
WHERE e.publication_id = (SELECT c.publication_id FROM recsys.current_publication AS c);

GRANT SELECT ON recsys.recommendations TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.recommendations IS
  'What every user with a list of their own sees now, as published: one row per user and place, the first k places. Never filtered by later availability; recommend() does that. Users without a list are in audience.';
COMMENT ON COLUMN recsys.recommendations.user_id IS 'The shop''s user id.';
COMMENT ON COLUMN recsys.recommendations.rank IS 'Place in the list, 1 is best.';
COMMENT ON COLUMN recsys.recommendations.item_id IS 'The shop''s item id.';
COMMENT ON COLUMN recsys.recommendations.title IS 'Title, or the id where there is none.';
COMMENT ON COLUMN recsys.recommendations.score IS
  'Chance of the objectives within the label window, mixed by their weights, in [0, 1]; null where no calibrated ranker gave one: retrieval''s order, promoted items that it was not asked about, a ranker that saw too little come true.';
COMMENT ON COLUMN recsys.recommendations.reason IS
  'Why it is there: for_you, because_of, again, popular, trending, new or promoted.';
COMMENT ON COLUMN recsys.recommendations.reason_item_id IS
  'The item that because_of speaks of; null for other reasons.';
COMMENT ON COLUMN recsys.recommendations.reason_item_title IS 'Title of that item.';
COMMENT ON COLUMN recsys.recommendations.sources IS 'Candidate generators that named the item.';
COMMENT ON COLUMN recsys.recommendations.rank_before IS 'Place before the re-rank, 1 is best.';
COMMENT ON COLUMN recsys.recommendations.rung IS
  'How the list was made: heavy, by the heavy ranker, after the light one''s cut where there is one; retrieval, in retrieval''s order, where no ranker serves. recommend() adds rows of the fallback lists, popularity. No stage makes light or previous today.';
COMMENT ON COLUMN recsys.recommendations.variant IS
  'Always default: no experiment divides users today.';
COMMENT ON COLUMN recsys.recommendations.propensity IS
  'Chance that the item took this place; 1 for places without exploration.';
COMMENT ON COLUMN recsys.recommendations.release IS 'Release of the models that made it; null when no ranker served.';
COMMENT ON COLUMN recsys.recommendations.tower_version IS 'Version of the two-tower model.';
COMMENT ON COLUMN recsys.recommendations.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.recommendations.publication_id IS 'Publication it belongs to.';
COMMENT ON COLUMN recsys.recommendations.segment IS
  'Value of the user''s segment attribute by the newest night; null without one.';
