-- What the monitor stage, the gate and the runner write of many nights, made up: for benchmarks.serving.many_nights.
-- A line `-- == NAME` begins a part; a statement ends with a semicolon at the end of its line.

-- == tables
CREATE TEMP TABLE segments AS SELECT 'c' || n AS segment FROM generate_series(0, 49) AS n;
CREATE TEMP TABLE kinds AS SELECT * FROM (VALUES ('view', 10), ('cart', 50), ('purchase', 100)) AS k(event, rare);
CREATE TEMP TABLE places AS SELECT segment, rank, reason FROM segments CROSS JOIN generate_series(1, 100) AS rank
  CROSS JOIN generate_series(0, 4) AS reason;
CREATE TEMP TABLE days AS SELECT CAST(:newest AS date) - n AS day, n FROM generate_series(0, :figures - 1) AS n;
CREATE TEMP TABLE figures (scope, name) AS
  VALUES ('lists', 'coverage_on_offer@100'), ('lists', 'gini@100'), ('lists', 'short_share'), ('churn', 'mean'),
    ('realised', 'users'), ('realised', 'active_share'), ('realised', 'shown'), ('realised', 'ndcg@10'),
    ('realised', 'popular/ndcg@10'), ('realised', 'hr@10'), ('realised', 'popular/hr@10'), ('gate/challenger', 'ndcg@10'),
    ('gate/champion', 'ndcg@10'), ('gate/popularity', 'ndcg@10'), ('gate/against=champion', 'gain'),
    ('gate/against=champion', 'gain_low'), ('gate/against=champion', 'gain_high'), ('gate/against=popularity', 'gain'),
    ('gate/against=popularity', 'gain_low'), ('gate/against=popularity', 'gain_high');
INSERT INTO figures SELECT scope, 'further ' || n FROM unnest(ARRAY['lists', 'realised', 'gate/challenger',
  'gate/champion']) AS scope CROSS JOIN generate_series(1, 32) AS n;

-- == every night
INSERT INTO recsys.metric_rows (as_of, scope, name, value) SELECT day, scope, name, random() FROM days CROSS JOIN figures;
INSERT INTO recsys.stage_runs (as_of, stage, seconds, cpu_seconds, peak_bytes, rows, artifact)
  SELECT day, 'stage' || s % 25 || '.' || s / 25, 60 * random(), 90 * random(), 1e9, 1000, 'a/b/c'
  FROM days CROSS JOIN generate_series(0, 34) AS s ORDER BY day;
INSERT INTO recsys.stage_failures (as_of, stage, error) SELECT day, 'freeze', '{}' FROM days WHERE n % 9 = 0;
INSERT INTO recsys.alerts (incident, raised_at, as_of, kind, severity, message, reader_state, remedy)
  SELECT 'i' || n || '.' || a, day, day, 'stale', 'warning', repeat('m', 200), 's', 'r'
  FROM days CROSS JOIN generate_series(1, 2) AS a ORDER BY day;
INSERT INTO recsys.gate_decisions (as_of, challenger, champion, verdict, paragraph, rules)
  SELECT day, 'r' || n, 'r' || n - 1, 'reject', repeat('p', 900), (SELECT jsonb_agg(jsonb_build_object('name', 'rule ' || r,
    'bound', 0.5, 'value', 0.6, 'passed', r < 14, 'words', repeat('words of it ', 8), 'leads_to', 'reject'))
    FROM generate_series(1, 15) AS r)
  FROM days ORDER BY day;
INSERT INTO recsys.release_events (ts, event, release, who, why)
  SELECT day + e * INTERVAL '1 hour', (ARRAY['registered', 'promoted'])[e], 'r' || n, 'x', 'y'
  FROM days CROSS JOIN generate_series(1, 2) AS e ORDER BY day, e;
INSERT INTO recsys.tower_version_rows (lineage, learned_before, artifact, ledger)
  SELECT 'h', day, 'tower/' || day, jsonb_build_object('start', 'warm', 'loss', ARRAY[1, 2], 'why', repeat('w', 500)) FROM days;
INSERT INTO recsys.publication (as_of, fingerprint, release, learned_before, history_before, k, spares, shards,
    expected_rows, rows, status, created_at, published_at, retired_at)
  SELECT day, 'f', 'r', day, day, 100, 10, 4, :users, :users, 'published', day, day, day + 30
  FROM days WHERE n >= :kept ORDER BY day;
INSERT INTO recsys.pointer_moves (from_publication, to_publication, fence, moved_at, moved_by, why)
  SELECT id - 1, id, id, published_at, 'nightly', 'published' FROM recsys.publication ORDER BY id;

-- == history
INSERT INTO recsys.metric_rows (as_of, scope, name, value)
  SELECT day, scope, name, random() FROM days
  CROSS JOIN unnest(ARRAY['realised/event=view', 'realised/event=cart', 'realised/event=purchase', 'realised/objective=engage',
    'drift', 'night', 'gate/generator=two_tower', 'gate/generator=fresh', 'gate/headroom=union']) AS scope
  CROSS JOIN unnest(ARRAY['users', 'ndcg@10', 'popular/ndcg@10', 'hr@10', 'popular/hr@10', 'recall@300', 'unique@300']) AS name
  WHERE n < :history;
INSERT INTO recsys.slice_rows
  SELECT day, measured, system, 'country=' || segment, metric, 100, 0.5, 0.4, 0.6 FROM days CROSS JOIN segments
  CROSS JOIN unnest(ARRAY['gate', 'realised']) AS measured CROSS JOIN unnest(ARRAY['lists', 'popularity', 'champion']) AS system
  CROSS JOIN unnest(ARRAY['ndcg@10', 'hr@10']) AS metric WHERE n < :history;
INSERT INTO recsys.recommend_call_rows SELECT day, outcome, 1000 FROM days
  CROSS JOIN unnest(ARRAY['own', 'filled_up', 'segment', 'everyone', 'nothing']) AS outcome WHERE n < :history;

-- == counted
INSERT INTO recsys.place_count_rows SELECT :id, segment, rank, reason, 4000 FROM places;
INSERT INTO recsys.segment_item_rows SELECT :id, segment, i, 20000 - i FROM segments CROSS JOIN generate_series(1, 100) AS i;
INSERT INTO recsys.outcome_windows SELECT id, event, 1, as_of, as_of + 1, true, 50000, 90000, 1e6
  FROM recsys.publication CROSS JOIN kinds WHERE id = :id;
INSERT INTO recsys.outcome_count_rows SELECT :id, segment, rank, reason, event, 400 / rare, 500 / rare, 900
  FROM places CROSS JOIN kinds;
INSERT INTO recsys.audience_count_rows SELECT :id, segment, served_by, why, 1000 FROM segments
  CROSS JOIN (VALUES ('own', ''), ('segment', 'inactive'), ('segment', 'too few events')) AS w(served_by, why);

-- == retired
INSERT INTO recsys.list_count_rows SELECT :id, segment, 'default', 0, why, 10000, 1000000 FROM segments
  CROSS JOIN unnest(ARRAY[NULL, 'too_few_candidates']) AS why;
INSERT INTO recsys.item_exposure_rows SELECT :id, item_key, 1000, 10 FROM recsys.items;

-- == kept
INSERT INTO recsys.outcome_rows SELECT :id, u, 1 + u % 100, event, u % :items, 0, 'c' || u % 50, 1, 9.5
  FROM kinds CROSS JOIN LATERAL generate_series(0, :users - 1, rare) AS u;
INSERT INTO recsys.place_reason_rows SELECT :id, u * (:users / 100), r, r, f, 'feature ' || f, 1, random()
  FROM generate_series(0, 99) AS u CROSS JOIN generate_series(1, 100) AS r CROSS JOIN generate_series(1, 10) AS f;

-- == newest
DELETE FROM recsys.item_event_rows;
INSERT INTO recsys.item_event_rows SELECT item_key, event, 20514, 100, 200, 900 FROM recsys.items CROSS JOIN kinds;
INSERT INTO recsys.list_change_rows SELECT :id, :id - 1, u, 100, u % 90, u % 90, u % 10, u % 3, u % 5
  FROM generate_series(0, :users - 1) AS u;
INSERT INTO recsys.together_rows SELECT :id, i, ARRAY(SELECT (i + n) % :items FROM generate_series(1, 20) AS n),
    array_fill(CAST(2 AS real), ARRAY[20]), array_fill(9, ARRAY[20]) FROM generate_series(0, :items - 1) AS i;
INSERT INTO recsys.similar_rows SELECT :id, i, ARRAY(SELECT (i + n) % :items FROM generate_series(1, 20) AS n),
    array_fill(CAST(0.9 AS real), ARRAY[20]) FROM generate_series(0, :items - 1) AS i;
INSERT INTO recsys.again_rows SELECT :id, u, ARRAY[u % :items, (u + 1) % :items], ARRAY[20500, 20501], ARRAY[20510, 20520],
    ARRAY[2, 3] FROM generate_series(0, :users - 1) AS u;
INSERT INTO recsys.liked_rows SELECT :id, u, ARRAY(SELECT (u + n) % :items FROM generate_series(1, 10) AS n),
    array_fill(9, ARRAY[10]), array_fill(CAST(2 AS real), ARRAY[10]) FROM generate_series(0, :users - 1) AS u;
