"""What must hold before readers see a publication, asked of its rows in SQL; every result is a
value.

The rows are still in a table of their own, so the checks cost readers nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from recsys_tasks import schema
from recsys_tasks.database import quoted
from recsys_tasks.serving.publication import CheckLimits, CheckResult, Publication, read_current

MIN_LISTS_FOR_IDENTICAL = 20
MIN_ROWS_RATIO = 0.5
CHURN_SAMPLE = 10_000
WORK_MEM = "64MB"  # a sort or hash table of one worker; larger ones go to disk

# Asked of whole arrays: far cheaper than of their entries one by one. A null makes them NULL, hence
# "IS NOT TRUE".
_SCORES = "(0::real <= ALL (l.scores) AND 1::real >= ALL (l.scores))"
_PROPENSITIES = "(0::real < ALL (l.propensities) AND 1::real >= ALL (l.propensities))"
_CODES = (
    "(0::smallint <= ALL (l.reasons) AND CAST(:last_reason AS smallint) >= ALL (l.reasons) "
    "AND 0::smallint <= ALL (l.sources) AND CAST(:last_set AS smallint) >= ALL (l.sources))"
)
_ARRAYS = ("items", "scores", "sources", "reasons", "reason_items", "ranks_before", "propensities")

# One scan. Arrays that do not start at 1 would escape the readers' `items[1:k]`.
_ROWS = f"""
SELECT count(*) AS rows,
       count(*) FILTER (WHERE cardinality(l.items) > :k + :spares
                        OR cardinality(l.items) < :k AND l.short_reason IS NULL) AS wrong_length,
       count(*) FILTER (WHERE ({", ".join(f"cardinality(l.{a})" for a in _ARRAYS)}) IS DISTINCT FROM
                              ({", ".join("cardinality(l.items)" for _ in _ARRAYS)})
                        OR ({", ".join(f"coalesce(array_lower(l.{a}, 1), 1)" for a in _ARRAYS)}) <>
                           ({", ".join("1" for _ in _ARRAYS)})) AS ragged,
       count(*) FILTER (WHERE l.rung NOT BETWEEN 0 AND :last_rung) AS wrong_rung,
       count(*) FILTER (WHERE recsys.distinct_entries(l.items) < cardinality(l.items)) AS twice,
       count(*) FILTER (WHERE {_SCORES} IS NOT TRUE) AS lists_with_wrong_scores,
       count(*) FILTER (WHERE {_PROPENSITIES} IS NOT TRUE) AS lists_with_wrong_propensities,
       count(*) FILTER (WHERE {_CODES} IS NOT TRUE) AS lists_with_wrong_codes
FROM {{rows}} AS l
"""

# The same of rows that are as loaded: the loads asked it of the arrays that they sent, and found no
# fault.
_AS_LOADED = """
SELECT coalesce(sum(s.rows), 0)::bigint AS rows, 0 AS wrong_length, 0 AS ragged, 0 AS wrong_rung,
  0 AS twice,
       0 AS lists_with_wrong_scores, 0 AS lists_with_wrong_propensities, 0 AS lists_with_wrong_codes
FROM recsys.shard_loads AS s
WHERE s.publication_id = :publication
"""

# By itself: what a join or a sort cannot keep in memory goes to disk, here keys and not whole
# lists.
_USERS = """
SELECT coalesce(sum(g.rows - 1), 0)::bigint AS repeated,
       coalesce(sum(g.rows) FILTER (WHERE u.user_key IS NULL), 0)::bigint AS unknown
FROM (SELECT l.user_key, count(*) AS rows FROM {rows} AS l GROUP BY l.user_key) AS g
LEFT JOIN recsys.users AS u ON u.user_key = g.user_key
"""

# Only of lists that the scan found at fault: how many of their entries are.
_WRONG = f"""
SELECT count(*) FILTER (WHERE (e.score BETWEEN 0 AND 1) IS NOT TRUE) AS wrong_scores,
       count(*) FILTER (WHERE (e.propensity > 0
         AND e.propensity <= 1) IS NOT TRUE) AS wrong_propensities,
       count(*) FILTER (WHERE (e.reason BETWEEN 0 AND :last_reason AND e.source BETWEEN 0
         AND :last_set)
                        IS NOT TRUE) AS wrong_codes
FROM {{rows}} AS l
CROSS JOIN LATERAL unnest(l.scores, l.sources, l.reasons, l.propensities) AS e(score, source,
  reason, propensity)
WHERE ({_SCORES} AND {_PROPENSITIES} AND {_CODES}) IS NOT TRUE
"""

# Of an item `i`: there that night, launched before it, and kept back by no rule or moderator.
_OFFERED = (
    "(i.available AND NOT i.blocked AND (i.available_from IS NULL "
    "OR i.available_from < CAST(:night AS date)::timestamp AT TIME ZONE 'UTC'))"
)

# Of the entries counted by item: a catalogue is far smaller than they are.
_ITEMS = f"""
SELECT count(*) FILTER (WHERE x.lists > 0) AS shown,
       count(*) FILTER (WHERE {_OFFERED} IS NOT TRUE) AS suspects
FROM recsys.item_exposure_rows AS x
LEFT JOIN recsys.items AS i ON i.item_key = x.item_key
WHERE x.publication_id = :publication
"""

# An item that is announced for a later day is not on offer yet: recsys.item_exposure counts the
# same ones.
_ON_OFFER = """
SELECT count(*) AS items FROM recsys.items AS i
WHERE i.available
  AND (i.available_from IS NULL
    OR i.available_from < CAST(:night AS date)::timestamp AT TIME ZONE 'UTC')
"""

# Only where an item is suspect: how many entries name such items.
_SUSPECTS = f"""
SELECT count(*) FILTER (WHERE i.item_key IS NULL) AS unknown_items,
       count(*) FILTER (WHERE NOT {_OFFERED}) AS unavailable
FROM {{rows}} AS l
CROSS JOIN LATERAL unnest(l.items) AS e(item_key)
LEFT JOIN recsys.items AS i ON i.item_key = e.item_key
"""

_FORBIDDEN = """
SELECT count(*)
FROM {rows} AS l
JOIN recsys.forbidden_rows AS f
  ON f.publication_id = :publication AND f.user_key = l.user_key AND f.item_key = ANY (l.items)
"""

# Of what readers get beside own lists. Similar items answer for an item, not a user: no repeat
# policy speaks of them.
_FALLBACKS = f"""
SELECT count(*) FILTER (WHERE i.item_key IS NULL) AS unknown,
       count(*) FILTER (WHERE NOT {_OFFERED}) AS unavailable
FROM (SELECT f.items FROM recsys.fallback_rows AS f WHERE f.publication_id = :publication
      UNION ALL
      SELECT s.items FROM recsys.similar_rows AS s WHERE s.publication_id = :publication) AS l
CROSS JOIN LATERAL unnest(l.items) AS e(item_key)
LEFT JOIN recsys.items AS i ON i.item_key = e.item_key
"""

_RULES = """
SELECT p.repeats, p.forbidden_pairs,
       (SELECT count(*) FROM recsys.forbidden_rows AS f WHERE f.publication_id = p.id) AS pairs
FROM recsys.publication AS p WHERE p.id = :publication
"""

# What the policy forbids of the fallback lists and recommend() would not leave out of them.
_NOT_WITHHELD = """
SELECT count(*) AS missing
FROM recsys.forbidden_rows AS f
LEFT JOIN {withheld} AS w ON w.user_key = f.user_key
WHERE f.publication_id = :publication AND (f.item_key = ANY (w.items)) IS NOT TRUE
  AND f.item_key IN (SELECT unnest(l.items) FROM recsys.fallback_rows AS l
    WHERE l.publication_id = :publication)
"""

# Equal lists have equal hashes, so none is missed; grouping a million lists themselves would take
# 500 MB.
_IDENTICAL = """
SELECT coalesce(sum(s.lists), 0) AS lists, coalesce(max(s.lists), 0) AS most
FROM (SELECT count(*) AS lists FROM {rows} AS l
      WHERE l.rung <> :popularity AND cardinality(l.items) > 0
      GROUP BY hash_array_extended(l.items[1:CAST(:k AS int)], 0)) AS s
"""

# The sample is drawn first, so that the other night's rows are found by their index.
_CHURN = """
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
_SETTINGS = sa.text("""
SELECT set_config(s.name, v.value, true)
FROM (VALUES ('jit', 'off'), ('work_mem', :work_mem), ('enable_presorted_aggregate',
  'off')) AS v(name, value)
JOIN pg_settings AS s ON s.name = v.name
""")


def run_checks(
    connection: Connection, publication: Publication, limits: CheckLimits
) -> list[CheckResult]:
    """Every check of a loaded, unsealed publication."""
    current = read_current(connection)
    connection.execute(_SETTINGS, {"work_mem": WORK_MEM})
    # What is checked is what is sealed: until this transaction ends no row comes in, by whatever
    # way.
    connection.execute(
        sa.text(f"LOCK TABLE {quoted('recsys', publication.partition)} IN SHARE MODE")
    )
    codes = {"last_reason": len(schema.REASONS) - 1, "last_set": schema.all_sources()}
    # Entries are counted and looked at while they are loaded; a row that is not as loaded, and SQL
    # does both.
    as_loaded = connection.scalar(
        sa.text("SELECT recsys.is_as_loaded(:id)"), {"id": publication.id}
    )
    rows, count = (_AS_LOADED, "add_up_entries") if as_loaded else (_ROWS, "count_entries")
    row = _ask(connection, publication, rows, last_rung=len(schema.RUNGS) - 1, **codes)
    users = _ask(connection, publication, _USERS)
    connection.execute(sa.text(f"SELECT recsys.{count}(:id)"), {"id": publication.id})
    at_fault = (
        row.lists_with_wrong_scores + row.lists_with_wrong_propensities + row.lists_with_wrong_codes
    )
    wrong = _ask(connection, publication, _WRONG, **codes) if at_fault else None
    return [
        *_row_checks(row, users, publication, current),
        *_entry_checks(connection, publication, limits, current, wrong),
        *_list_checks(connection, publication, limits, current),
    ]


def _ask(connection: Connection, publication: Publication, question: str, **values: object) -> Any:
    """The one row that answers a question about the publication's table."""
    sizes = {"k": publication.k, "spares": publication.spares}
    known = {**sizes, "publication": publication.id, "night": publication.as_of, **values}
    withheld = quoted("recsys", f"withheld_rows_{publication.id}")
    statement = sa.text(
        question.format(rows=quoted("recsys", publication.partition), withheld=withheld)
    )
    return connection.execute(
        statement, {n: v for n, v in known.items() if f":{n}" in question}
    ).one()


def _none(name: str, found: int, detail: str, block: bool = True) -> CheckResult:
    """A count that must be 0."""
    return CheckResult(name, found == 0, "block" if block else "warn", float(found), 0.0, detail)


def _row_checks(
    row: Any, users: Any, publication: Publication, current: Publication | None
) -> Iterator[CheckResult]:
    expected = publication.expected_rows
    complete = row.rows == expected and expected > 0
    yield CheckResult(
        "rows", complete, "block", row.rows, expected, "one row for each active user, at least one"
    )
    yield _none("repeated_users", users.repeated, "users with more than one row")
    yield _none("unknown_users", users.unknown, "rows whose user is not in recsys.users")
    yield _none(
        "list_length", row.wrong_length, "lists above k + spares, or below k without a short_reason"
    )
    yield _none("parallel_arrays", row.ragged, "lists whose arrays differ in length")
    yield _none("rungs", row.wrong_rung, "rows with an unknown rung")
    yield _none("repeated_items", row.twice, "lists that name an item twice")
    before = (current.rows or 0) if current is not None else 0
    ratio = row.rows / before if before else 1.0
    yield CheckResult(
        "rows_against_current",
        ratio >= MIN_ROWS_RATIO,
        "warn",
        ratio,
        MIN_ROWS_RATIO,
        "rows over those readers see",
    )


def _entry_checks(
    connection: Connection,
    publication: Publication,
    limits: CheckLimits,
    current: Publication | None,
    wrong: Any,
) -> Iterator[CheckResult]:
    """`wrong`: counts of entries at fault by themselves; None where no list holds any."""
    items = _ask(connection, publication, _ITEMS)
    suspects = _ask(connection, publication, _SUSPECTS) if items.suspects else None
    yield _none(
        "unknown_items",
        suspects.unknown_items if suspects else 0,
        "entries whose item is not in recsys.items",
    )
    # For an older night the items table holds what is available now, not then.
    newest = current is None or publication.as_of >= current.as_of
    yield _none(
        "unavailable_items",
        suspects.unavailable if suspects else 0,
        "entries not available in tonight's snapshot",
        block=newest,
    )
    yield _none(
        "scores",
        wrong.wrong_scores if wrong else 0,
        "entries with a score that is null, NaN or outside [0, 1]",
    )
    yield _none(
        "propensities",
        wrong.wrong_propensities if wrong else 0,
        "entries with a propensity outside (0, 1]",
    )
    yield _none(
        "codes", wrong.wrong_codes if wrong else 0, "entries with an unknown reason or source"
    )
    yield from _path_checks(connection, publication)
    catalogue = _ask(connection, publication, _ON_OFFER).items
    share = items.shown / catalogue if catalogue else 0.0
    floor = limits.min_coverage
    yield CheckResult(
        "coverage",
        share >= floor,
        "block",
        share,
        floor,
        "share of available items in some first k",
    )


def _path_checks(connection: Connection, publication: Publication) -> Iterator[CheckResult]:
    """What no path may show: own lists and spares, fallbacks and what recommend() tops up from
    them, similar items.
    """
    beside = _ask(connection, publication, _FALLBACKS)
    yield _none(
        "unknown_fallbacks",
        beside.unknown,
        "fallback or similar items that are not in recsys.items",
    )
    # Every reader's path leaves them out when it is asked, so nobody is shown one: no reason to
    # keep a night back.
    words = (
        "fallback or similar items not available in tonight's snapshot, which readers do not get"
    )
    yield _none("unavailable_fallbacks", beside.unavailable, words, block=False)
    rules = _ask(connection, publication, _RULES)
    lost = 0
    if rules.repeats != "allow" or rules.forbidden_pairs is not None:
        lost = 1 if rules.forbidden_pairs is None else abs(rules.forbidden_pairs - rules.pairs)
    yield _none(
        "forbidden_pairs",
        lost,
        f"forbidden pairs that are not as loaded, under the policy {rules.repeats!r}",
    )
    connection.execute(sa.text("SELECT recsys.withhold(:id)"), {"id": publication.id})
    own = _ask(connection, publication, _FORBIDDEN)[0] if rules.pairs else 0
    topped_up = _ask(connection, publication, _NOT_WITHHELD).missing if rules.pairs else 0
    yield _none("forbidden_items", own, "entries that the repeat policy forbids")
    yield _none(
        "forbidden_fallbacks",
        topped_up,
        "fallback items that the repeat policy forbids and nothing withholds",
    )


def _list_checks(
    connection: Connection,
    publication: Publication,
    limits: CheckLimits,
    current: Publication | None,
) -> Iterator[CheckResult]:
    row = _ask(connection, publication, _IDENTICAL, popularity=schema.RUNGS.index("popularity"))
    share = float(row.most) / float(row.lists) if row.lists else 0.0
    same = share <= limits.max_identical_share or row.lists < MIN_LISTS_FOR_IDENTICAL
    yield CheckResult(
        "identical_lists",
        same,
        "block",
        share,
        limits.max_identical_share,
        "users with the same list",
    )
    if current is None or current.release != publication.release:
        return
    found = _ask(connection, publication, _CHURN, current=current.id, sample=CHURN_SAMPLE)[0]
    churn = float(found or 0.0)
    bound = limits.max_list_churn
    yield CheckResult(
        "churn", churn <= bound, "warn", churn, bound, "share of places changed within one release"
    )
