"""What the checks of a publication ask of its rows, in SQL.

`{rows}` and `{withheld}` stand for the publication's own tables; `:name` are parameters.
"""

from __future__ import annotations

import sqlalchemy as sa

# Asked of whole arrays: far cheaper than of their entries one by one. A null makes them NULL, hence
# "IS NOT TRUE".
SCORES = "(0::real <= ALL (l.scores) AND 1::real >= ALL (l.scores))"
PROPENSITIES = "(0::real < ALL (l.propensities) AND 1::real >= ALL (l.propensities))"
CODES = (
    "(0::smallint <= ALL (l.reasons) AND CAST(:last_reason AS smallint) >= ALL (l.reasons) "
    "AND 0::smallint <= ALL (l.sources) AND CAST(:last_set AS smallint) >= ALL (l.sources))"
)
ARRAYS = ("items", "scores", "sources", "reasons", "reason_items", "ranks_before", "propensities")

# One scan. Arrays that do not start at 1 would escape the readers' `items[1:k]`.
ROWS = f"""
SELECT count(*) AS rows,
       count(*) FILTER (WHERE cardinality(l.items) > :k + :spares
                        OR cardinality(l.items) < :k AND l.short_reason IS NULL) AS wrong_length,
       count(*) FILTER (WHERE ({", ".join(f"cardinality(l.{a})" for a in ARRAYS)}) IS DISTINCT FROM
                              ({", ".join("cardinality(l.items)" for _ in ARRAYS)})
                        OR ({", ".join(f"coalesce(array_lower(l.{a}, 1), 1)" for a in ARRAYS)}) <>
                           ({", ".join("1" for _ in ARRAYS)})) AS ragged,
       count(*) FILTER (WHERE l.rung NOT BETWEEN 0 AND :last_rung) AS wrong_rung,
       count(*) FILTER (WHERE recsys.distinct_entries(l.items) < cardinality(l.items)) AS twice,
       count(*) FILTER (WHERE {SCORES} IS NOT TRUE) AS lists_with_wrong_scores,
       count(*) FILTER (WHERE {PROPENSITIES} IS NOT TRUE) AS lists_with_wrong_propensities,
       count(*) FILTER (WHERE {CODES} IS NOT TRUE) AS lists_with_wrong_codes
FROM {{rows}} AS l
"""

# The same of rows that are as loaded: the loads asked it of the arrays that they sent, and found no
# fault.
AS_LOADED = """
SELECT coalesce(sum(s.rows), 0)::bigint AS rows, 0 AS wrong_length, 0 AS ragged, 0 AS wrong_rung,
  0 AS twice,
       0 AS lists_with_wrong_scores, 0 AS lists_with_wrong_propensities, 0 AS lists_with_wrong_codes
FROM recsys.shard_loads AS s
WHERE s.publication_id = :publication
"""

# By itself: what a join or a sort cannot keep in memory goes to disk, here keys and not whole
# lists.
USERS = """
SELECT coalesce(sum(g.rows - 1), 0)::bigint AS repeated,
       coalesce(sum(g.rows) FILTER (WHERE u.user_key IS NULL), 0)::bigint AS unknown
FROM (SELECT l.user_key, count(*) AS rows FROM {rows} AS l GROUP BY l.user_key) AS g
LEFT JOIN recsys.users AS u ON u.user_key = g.user_key
"""

# Only of lists that the scan found at fault: how many of their entries are.
WRONG = f"""
SELECT count(*) FILTER (WHERE (e.score BETWEEN 0 AND 1) IS NOT TRUE) AS wrong_scores,
       count(*) FILTER (WHERE (e.propensity > 0
         AND e.propensity <= 1) IS NOT TRUE) AS wrong_propensities,
       count(*) FILTER (WHERE (e.reason BETWEEN 0 AND :last_reason AND e.source BETWEEN 0
         AND :last_set)
                        IS NOT TRUE) AS wrong_codes
FROM {{rows}} AS l
CROSS JOIN LATERAL unnest(l.scores, l.sources, l.reasons, l.propensities) AS e(score, source,
  reason, propensity)
WHERE ({SCORES} AND {PROPENSITIES} AND {CODES}) IS NOT TRUE
"""

# Of an item `i`: there that night, launched before it, and kept back by no rule or moderator.
OFFERED = (
    "(i.available AND NOT i.blocked AND (i.available_from IS NULL "
    "OR i.available_from < CAST(:night AS date)::timestamp AT TIME ZONE 'UTC'))"
)

# Of the entries counted by item: a catalogue is far smaller than they are.
ITEMS = f"""
SELECT count(*) FILTER (WHERE x.lists > 0) AS shown,
       count(*) FILTER (WHERE {OFFERED} IS NOT TRUE) AS suspects
FROM recsys.item_exposure_rows AS x
LEFT JOIN recsys.items AS i ON i.item_key = x.item_key
WHERE x.publication_id = :publication
"""

# An item that is announced for a later day is not on offer yet: recsys.item_exposure counts the
# same ones.
ON_OFFER = """
SELECT count(*) AS items FROM recsys.items AS i
WHERE i.available
  AND (i.available_from IS NULL
    OR i.available_from < CAST(:night AS date)::timestamp AT TIME ZONE 'UTC')
"""

# Only where an item is suspect: how many entries name such items.
SUSPECTS = f"""
SELECT count(*) FILTER (WHERE i.item_key IS NULL) AS unknown_items,
       count(*) FILTER (WHERE NOT {OFFERED}) AS unavailable
FROM {{rows}} AS l
CROSS JOIN LATERAL unnest(l.items) AS e(item_key)
LEFT JOIN recsys.items AS i ON i.item_key = e.item_key
"""

FORBIDDEN = """
SELECT count(*)
FROM {rows} AS l
JOIN recsys.forbidden_rows AS f
  ON f.publication_id = :publication AND f.user_key = l.user_key AND f.item_key = ANY (l.items)
"""

# Of what readers get beside own lists. Similar items answer for an item, not a user: no repeat
# policy speaks of them.
FALLBACKS = f"""
SELECT count(*) FILTER (WHERE i.item_key IS NULL) AS unknown,
       count(*) FILTER (WHERE NOT {OFFERED}) AS unavailable
FROM (SELECT f.items FROM recsys.fallback_rows AS f WHERE f.publication_id = :publication
      UNION ALL
      SELECT s.items FROM recsys.similar_rows AS s WHERE s.publication_id = :publication) AS l
CROSS JOIN LATERAL unnest(l.items) AS e(item_key)
LEFT JOIN recsys.items AS i ON i.item_key = e.item_key
"""

RULES = """
SELECT p.repeats, p.forbidden_pairs,
       (SELECT count(*) FROM recsys.forbidden_rows AS f WHERE f.publication_id = p.id) AS pairs
FROM recsys.publication AS p WHERE p.id = :publication
"""

# What the policy forbids of the fallback lists and recommend() would not leave out of them.
NOT_WITHHELD = """
SELECT count(*) AS missing
FROM recsys.forbidden_rows AS f
LEFT JOIN {withheld} AS w ON w.user_key = f.user_key
WHERE f.publication_id = :publication AND (f.item_key = ANY (w.items)) IS NOT TRUE
  AND f.item_key IN (SELECT unnest(l.items) FROM recsys.fallback_rows AS l
    WHERE l.publication_id = :publication)
"""

# Equal lists have equal hashes, so none is missed; grouping a million lists themselves would take
# 500 MB.
IDENTICAL = """
SELECT coalesce(sum(s.lists), 0) AS lists, coalesce(max(s.lists), 0) AS most
FROM (SELECT count(*) AS lists FROM {rows} AS l
      WHERE l.rung <> :popularity AND cardinality(l.items) > 0
      GROUP BY hash_array_extended(l.items[1:CAST(:k AS int)], 0)) AS s
"""

# The sample is drawn first, so that the other night's rows are found by their index.
CHURN = """
SELECT avg(1 - (SELECT count(*) FROM unnest(s.new) AS x
  WHERE x = ANY (o.old))::float8 / cardinality(s.new))
FROM (SELECT n.user_key, n.items[1:CAST(:k AS int)] AS new
      FROM {rows} AS n
      WHERE cardinality(n.items) > 0
      ORDER BY hashint4(n.user_key), n.user_key LIMIT :sample) AS s
CROSS JOIN LATERAL (SELECT l.items[1:CAST(:k AS int)] AS old FROM recsys.list_rows AS l
                    WHERE l.publication_id = :current AND l.user_key = s.user_key LIMIT 1) AS o
"""

# For this transaction. The questions are many and short, so compiling them does not pay; sorting a
# hundred entries for DISTINCT as part of a plan costs more than within the aggregate.
SETTINGS = sa.text("""
SELECT set_config(s.name, v.value, true)
FROM (VALUES ('jit', 'off'), ('work_mem', :work_mem), ('enable_presorted_aggregate',
  'off')) AS v(name, value)
JOIN pg_settings AS s ON s.name = v.name
""")
