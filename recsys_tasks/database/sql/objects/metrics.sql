CREATE OR REPLACE VIEW recsys.metrics AS
SELECT m.as_of, m.scope, m.name, m.value, m.extra
FROM recsys.metric_rows AS m;

GRANT SELECT ON recsys.metrics TO recsys_reader, recsys_writer;
GRANT INSERT, UPDATE, DELETE ON recsys.metrics TO recsys_writer;

COMMENT ON VIEW recsys.metrics IS 'Figures of the nightly runs: one row per night, scope and name; a rerun replaces them. Kept for monitoring.history_nights; those that the view nights has (scopes lists, churn, realised and the gate''s systems) for monitoring.figure_nights.';
COMMENT ON COLUMN recsys.metrics.as_of IS
  'Night that the figure is about: of realised figures the night whose lists were measured, one earlier than the night that measured them; else the night itself.';
COMMENT ON COLUMN recsys.metrics.scope IS
  'What the figure is about. lists: the night''s lists; churn: how they differ from the lists before; drift: how events and scores differ from before; realised: what their users did until the next night, by any event of the objectives, realised/event=NAME by one kind of event, realised/objective=NAME by one objective; gate/challenger, gate/champion and gate/popularity: tonight''s challenger, the champion and plain popular items on the gate window, over the same users; gate/against=champion and gate/against=popularity: how much better the challenger was than each; gate/generator=NAME: one candidate generator on it; gate/headroom=STAGE: what a perfect order of all that the generators named (union), of the candidates, and of what the light ranker kept (light) would reach on it, and what the lists reach, of everyone and, with /activity=BAND behind it, by earlier events.';
COMMENT ON COLUMN recsys.metrics.name IS
  'Name of the figure, @k for the first k places. Of realised scopes: ndcg, hr (hit rate), precision, recall, map, mrr; popular/NAME is the same of plain popular items for the same users; users: how many of them did anything, active_share of all with a list; shown: 1 where readers saw those lists at all. Of gate/against=…: gain, relative, of gate.metric, gain_low and gain_high, its interval. Of lists: coverage_on_offer@k is what nights calls coverage, coverage@k the share of all items ever named that some list shows; users is how many have a list of their own; popularity_share@k, gini@k, identical_share, short_share and rung_share/RUNG are what they are called. Of night: seconds and cpu_seconds of all its stages up to monitor, peak_bytes of the largest. Of churn: mean, the share of places that changed. Of drift, the population stability index of: event_mix_psi, price_psi and quantity_psi, the newest day against four weeks before; score_psi, the lists'' scores against the last of the same release.';
COMMENT ON COLUMN recsys.metrics.value IS 'The figure; null when it could not be computed, such as a mean over nobody.';
COMMENT ON COLUMN recsys.metrics.extra IS 'Details, a JSON object; empty where there are none.';
