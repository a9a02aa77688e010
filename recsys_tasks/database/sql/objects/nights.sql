CREATE OR REPLACE VIEW recsys.nights AS
SELECT n.as_of, p.publication_id, p.status, p.published_at, p.release, p.rows AS users,
       m.coverage, m.gini, m.short_share, m.churn, m.active_users, m.ndcg, m.popular_ndcg, m.hit_rate, m.popular_hit_rate,
       g.verdict, g.challenger, g.champion, m.challenger_ndcg, m.champion_ndcg, m.popularity_ndcg,
       m.gain, m.gain_low, m.gain_high, m.popularity_gain, m.popularity_gain_low, m.popularity_gain_high,
       (SELECT r.rule FROM recsys.gate_rules AS r WHERE r.decision_id = g.id AND NOT r.passed AND r.leads_to IS NOT NULL
        ORDER BY r.decisive DESC, r.place LIMIT 1) AS first_failed_rule,
       s.stage_seconds, s.cpu_seconds, s.peak_bytes,
       (SELECT count(*) FROM recsys.stage_failures AS f WHERE f.as_of = n.as_of) AS failures,
       (SELECT count(*) FROM recsys.alert_rows AS a WHERE a.as_of = n.as_of) AS alerts,
       (SELECT max(w.window_end) FROM recsys.outcome_windows AS w WHERE w.publication_id = p.publication_id) AS outcomes_until
FROM (SELECT x.as_of FROM recsys.publication AS x UNION SELECT x.as_of FROM recsys.gate_decision_rows AS x
      UNION SELECT x.as_of FROM recsys.stage_run_rows AS x UNION SELECT x.as_of FROM recsys.stage_failures AS x) AS n
LEFT JOIN (SELECT DISTINCT ON (x.as_of) x.as_of, x.id AS publication_id, x.status, x.published_at, x.release, x.rows
           FROM recsys.publication AS x ORDER BY x.as_of, x.published_at IS NULL, x.id DESC) AS p ON p.as_of = n.as_of
LEFT JOIN (SELECT DISTINCT ON (x.as_of) x.as_of, x.id, x.verdict, x.challenger, x.champion
           FROM recsys.gate_decision_rows AS x ORDER BY x.as_of, x.id DESC) AS g ON g.as_of = n.as_of
LEFT JOIN (SELECT x.as_of, sum(x.seconds) AS stage_seconds, sum(x.cpu_seconds) AS cpu_seconds, max(x.peak_bytes) AS peak_bytes
           FROM recsys.stage_run_rows AS x GROUP BY x.as_of) AS s ON s.as_of = n.as_of
LEFT JOIN (
  SELECT x.as_of,
         max(x.value) FILTER (WHERE x.scope = 'lists' AND x.name LIKE 'coverage\_on\_offer@%') AS coverage,
         max(x.value) FILTER (WHERE x.scope = 'lists' AND x.name LIKE 'gini@%') AS gini,
         max(x.value) FILTER (WHERE x.scope = 'lists' AND x.name = 'short_share') AS short_share,
         max(x.value) FILTER (WHERE x.scope = 'churn' AND x.name = 'mean') AS churn,
         max(x.value) FILTER (WHERE x.scope = 'realised' AND x.name = 'users')::bigint AS active_users,
         max(x.value) FILTER (WHERE x.scope = 'realised' AND x.name = 'ndcg@10') AS ndcg,
         max(x.value) FILTER (WHERE x.scope = 'realised' AND x.name = 'popular/ndcg@10') AS popular_ndcg,
         max(x.value) FILTER (WHERE x.scope = 'realised' AND x.name = 'hr@10') AS hit_rate,
         max(x.value) FILTER (WHERE x.scope = 'realised' AND x.name = 'popular/hr@10') AS popular_hit_rate,
         max(x.value) FILTER (WHERE x.scope = 'gate/challenger' AND x.name = 'ndcg@10') AS challenger_ndcg,
         max(x.value) FILTER (WHERE x.scope = 'gate/champion' AND x.name = 'ndcg@10') AS champion_ndcg,
         max(x.value) FILTER (WHERE x.scope = 'gate/popularity' AND x.name = 'ndcg@10') AS popularity_ndcg,
         max(x.value) FILTER (WHERE x.scope = 'gate/against=champion' AND x.name = 'gain') AS gain,
         max(x.value) FILTER (WHERE x.scope = 'gate/against=champion' AND x.name = 'gain_low') AS gain_low,
         max(x.value) FILTER (WHERE x.scope = 'gate/against=champion' AND x.name = 'gain_high') AS gain_high,
         max(x.value) FILTER (WHERE x.scope = 'gate/against=popularity' AND x.name = 'gain') AS popularity_gain,
         max(x.value) FILTER (WHERE x.scope = 'gate/against=popularity' AND x.name = 'gain_low') AS popularity_gain_low,
         max(x.value) FILTER (WHERE x.scope = 'gate/against=popularity' AND x.name = 'gain_high') AS popularity_gain_high
  FROM recsys.metric_rows AS x
  WHERE x.scope IN ('lists', 'churn', 'realised', 'gate/challenger', 'gate/champion', 'gate/popularity',
                    'gate/against=champion', 'gate/against=popularity')
  GROUP BY x.as_of
) AS m ON m.as_of = n.as_of;

GRANT SELECT ON recsys.nights TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.nights IS
  'One wide row a night: its lists, what users did with them, the gate, what it cost. A figure that was not noted is null: of nights that did not get so far, and of those before this was noted.';
COMMENT ON COLUMN recsys.nights.as_of IS 'The night; it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.nights.publication_id IS
  'Its publication: of several the newest that readers saw, else the newest; null where it made none.';
COMMENT ON COLUMN recsys.nights.status IS 'Status of that publication, as in publications.';
COMMENT ON COLUMN recsys.nights.published_at IS 'When readers first saw it, in the shop''s clock; null if never.';
COMMENT ON COLUMN recsys.nights.release IS 'Release of the models that made it; null when no ranker served.';
COMMENT ON COLUMN recsys.nights.users IS 'Users with a list of their own.';
COMMENT ON COLUMN recsys.nights.coverage IS
  'Coverage: the share of the items on offer that night that the first k places of some list show, in [0, 1]; in metrics coverage_on_offer@k. coverage@k there has all items that the shop ever named below the line, and is smaller.';
COMMENT ON COLUMN recsys.nights.gini IS
  'How unequally the places are divided among items: 0 all alike, 1 all to one.';
COMMENT ON COLUMN recsys.nights.short_share IS 'Share of lists with fewer than k items.';
COMMENT ON COLUMN recsys.nights.churn IS
  'Mean over all users with both lists of the share of places whose item was not there the night before.';
COMMENT ON COLUMN recsys.nights.active_users IS
  'Users with a list who did anything that counts for an objective until the next night; what realised figures are means over. Null until the next night has measured it, as are the four after it.';
COMMENT ON COLUMN recsys.nights.ndcg IS
  'Realised NDCG@10 of the lists, by what those users did until the next night.';
COMMENT ON COLUMN recsys.nights.popular_ndcg IS 'The same of plain popular items for the same users.';
COMMENT ON COLUMN recsys.nights.hit_rate IS
  'Share of those users who did something with one of the first ten items of their list.';
COMMENT ON COLUMN recsys.nights.popular_hit_rate IS 'The same of plain popular items for the same users.';
COMMENT ON COLUMN recsys.nights.verdict IS 'The gate''s last verdict of the night: promote, reject, hold or refuse.';
COMMENT ON COLUMN recsys.nights.challenger IS 'Release that was judged.';
COMMENT ON COLUMN recsys.nights.champion IS 'Release that was champion then; null while there was none.';
COMMENT ON COLUMN recsys.nights.challenger_ndcg IS
  'NDCG@10 on the gate window: of the challenger. Of the same users as the two beside it; not to be compared with ndcg, which is of other days.';
COMMENT ON COLUMN recsys.nights.champion_ndcg IS 'The same of the champion; null where there was none to measure.';
COMMENT ON COLUMN recsys.nights.popularity_ndcg IS 'The same of plain popular items.';
COMMENT ON COLUMN recsys.nights.gain IS
  'Relative gain of the challenger over the champion in gate.metric on the gate window: 0.05 is 5 % more.';
COMMENT ON COLUMN recsys.nights.gain_low IS 'Lower end of its bootstrap interval, at 2 * gate.confidence - 1.';
COMMENT ON COLUMN recsys.nights.gain_high IS 'Upper end of it.';
COMMENT ON COLUMN recsys.nights.popularity_gain IS 'Relative gain of the challenger over plain popular items, as gain is.';
COMMENT ON COLUMN recsys.nights.popularity_gain_low IS 'Lower end of its interval.';
COMMENT ON COLUMN recsys.nights.popularity_gain_high IS 'Upper end of it.';
COMMENT ON COLUMN recsys.nights.first_failed_rule IS
  'First rule that the verdict follows from; null where all were met. All rules are in gate_rules.';
COMMENT ON COLUMN recsys.nights.stage_seconds IS
  'Seconds of all its stage runs together, reruns too; shards run side by side, so the night itself was shorter.';
COMMENT ON COLUMN recsys.nights.cpu_seconds IS 'Processor seconds of them, as in stage_runs; those that were noted.';
COMMENT ON COLUMN recsys.nights.peak_bytes IS 'Most memory that the process of one of them held, as in stage_runs.';
COMMENT ON COLUMN recsys.nights.failures IS 'How often a stage of it ended in an error.';
COMMENT ON COLUMN recsys.nights.alerts IS 'Alerts about it.';
COMMENT ON COLUMN recsys.nights.outcomes_until IS
  'Until when the outcomes of its publication are counted, as window_end in outcome_counts; null where they are not yet, readers never saw it, or before this was noted.';
