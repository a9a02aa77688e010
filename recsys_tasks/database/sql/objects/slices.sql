CREATE OR REPLACE VIEW recsys.slices AS
SELECT s.as_of, s.measured, s.system, s.slice,
       CASE WHEN position('=' IN s.slice) > 0 THEN split_part(s.slice, '=', 1) END AS attribute,
       CASE WHEN position('=' IN s.slice) > 0 THEN substr(s.slice, position('=' IN s.slice) + 1) END AS value,
       s.metric, s.users, s.mean, s.low, s.high
FROM recsys.slice_rows AS s;

GRANT SELECT ON recsys.slices TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.slices IS
  'How groups of users fare: one row a night, system, group and metric, kept for monitoring.history_nights. Nights of before this was noted are left out; a user may be in several groups.';
COMMENT ON COLUMN recsys.slices.as_of IS 'Night that was measured: the one that judged; of realised figures that whose lists were measured.';
COMMENT ON COLUMN recsys.slices.measured IS
  'gate: on the gate window, before the release serves; realised: by what users did until the next night with the lists that were published.';
COMMENT ON COLUMN recsys.slices.system IS
  'Whose lists: of the gate challenger, champion, anchor, retrieval (the order without a ranker) or popularity; of realised lists (as published) or popularity (what plain popular items would have got).';
COMMENT ON COLUMN recsys.slices.slice IS
  'The group: ATTRIBUTE=VALUE of a declared attribute of users; of the gate also activity=BAND by earlier events, known users, and quarters of a number.';
COMMENT ON COLUMN recsys.slices.attribute IS 'The attribute, or activity; null for groups that are not ATTRIBUTE=VALUE.';
COMMENT ON COLUMN recsys.slices.value IS 'Its value; unknown: the shop gave none. Null as attribute is.';
COMMENT ON COLUMN recsys.slices.metric IS 'Name of the metric, as in metrics: ndcg@10, and of realised hr@10 (hit rate), too.';
COMMENT ON COLUMN recsys.slices.users IS 'Users of the group who did something, over whom the mean is taken.';
COMMENT ON COLUMN recsys.slices.mean IS 'Mean of the metric; null where nobody did anything.';
COMMENT ON COLUMN recsys.slices.low IS
  'Lower end of the bootstrap interval of the mean, at 2 * gate.confidence - 1; null where nobody did anything.';
COMMENT ON COLUMN recsys.slices.high IS 'Upper end of it.';
