CREATE OR REPLACE VIEW recsys.list_counts AS
SELECT x.publication_id, p.as_of, x.segment, x.variant,
       (ARRAY['heavy', 'light', 'retrieval', 'previous', 'popularity'])[x.rung + 1] AS rung,
       x.short_reason, x.lists, x.places
FROM recsys.list_count_rows AS x
JOIN recsys.publication AS p ON p.id = x.publication_id;

GRANT SELECT ON recsys.list_counts TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.list_counts IS
  'How many lists of each publication are alike in segment, variant, rung and shortness: one row per such group, kept after the lists themselves are gone, for monitoring.history_nights.';
COMMENT ON COLUMN recsys.list_counts.publication_id IS 'Publication it belongs to.';
COMMENT ON COLUMN recsys.list_counts.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.list_counts.segment IS
  'Value of the users'' segment attribute; null without one. Of publications whose lists are kept by the newest night, as in audience and exports; of others as it was when their lists went.';
COMMENT ON COLUMN recsys.list_counts.variant IS
  'Always default: no experiment divides users today.';
COMMENT ON COLUMN recsys.list_counts.rung IS
  'How the lists were made: heavy, by the heavy ranker, after the light one''s cut where there is one; retrieval, in retrieval''s order, where no ranker serves. No stage makes light, previous or popularity today.';
COMMENT ON COLUMN recsys.list_counts.short_reason IS 'Why the lists have fewer than k items; null for full ones.';
COMMENT ON COLUMN recsys.list_counts.lists IS 'Number of lists.';
COMMENT ON COLUMN recsys.list_counts.places IS 'Items in their first k places together.';
