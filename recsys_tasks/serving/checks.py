"""What must hold before readers see a publication, asked of its rows in SQL; every result is a value.

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

_ROWS = """
SELECT count(*) AS rows,
       count(*) - count(DISTINCT l.user_key) AS repeated,
       count(*) FILTER (WHERE u.user_key IS NULL) AS unknown_users,
       count(*) FILTER (WHERE cardinality(l.items) > :k + :spares
                        OR cardinality(l.items) < :k AND l.short_reason IS NULL) AS wrong_length,
       count(*) FILTER (WHERE (cardinality(l.scores), cardinality(l.sources), cardinality(l.reasons),
                               cardinality(l.reason_items), cardinality(l.ranks_before), cardinality(l.propensities))
                        IS DISTINCT FROM (cardinality(l.items), cardinality(l.items), cardinality(l.items),
                                          cardinality(l.items), cardinality(l.items), cardinality(l.items))) AS ragged,
       count(*) FILTER (WHERE l.rung NOT BETWEEN 0 AND :last_rung) AS wrong_rung,
       count(*) FILTER (WHERE (SELECT count(DISTINCT x) FROM unnest(l.items) AS x) < cardinality(l.items)) AS twice
FROM {rows} AS l
LEFT JOIN recsys.users AS u ON u.user_key = l.user_key
"""

# By item first: a catalogue is far smaller than the lists' entries, and hashing them beats sorting them.
_ENTRIES = """
SELECT coalesce(sum(g.entries) FILTER (WHERE i.item_key IS NULL), 0)::bigint AS unknown_items,
       coalesce(sum(g.entries) FILTER (WHERE NOT i.available), 0)::bigint AS unavailable,
       coalesce(sum(g.wrong_scores), 0)::bigint AS wrong_scores,
       coalesce(sum(g.wrong_propensities), 0)::bigint AS wrong_propensities,
       coalesce(sum(g.wrong_codes), 0)::bigint AS wrong_codes,
       count(*) FILTER (WHERE g.first <= :k) AS shown
FROM (
  SELECT e.item_key,
         count(*) AS entries,
         min(e.n) AS first,
         count(*) FILTER (WHERE (e.score BETWEEN 0 AND 1) IS NOT TRUE) AS wrong_scores,
         count(*) FILTER (WHERE (e.propensity > 0 AND e.propensity <= 1) IS NOT TRUE) AS wrong_propensities,
         count(*) FILTER (WHERE (e.reason BETWEEN 0 AND :last_reason AND e.source >= 0 AND e.source < :source_sets)
                          IS NOT TRUE) AS wrong_codes
  FROM {rows} AS l
  CROSS JOIN LATERAL unnest(l.items, l.scores, l.sources, l.reasons, l.propensities)
    WITH ORDINALITY AS e(item_key, score, source, reason, propensity, n)
  GROUP BY e.item_key
) AS g
LEFT JOIN recsys.items AS i ON i.item_key = g.item_key
"""

_FORBIDDEN = """
SELECT count(*)
FROM {rows} AS l
JOIN recsys.forbidden_rows AS f
  ON f.publication_id = :publication AND f.user_key = l.user_key AND f.item_key = ANY (l.items)
"""

_IDENTICAL = """
SELECT coalesce(sum(s.lists), 0) AS lists, coalesce(max(s.lists), 0) AS most
FROM (SELECT count(*) AS lists FROM {rows} AS l
      WHERE l.rung <> :popularity AND cardinality(l.items) > 0 GROUP BY l.items[1:CAST(:k AS int)]) AS s
"""

_CHURN = """
SELECT avg(1 - (SELECT count(*) FROM unnest(s.new) AS x WHERE x = ANY (s.old))::float8 / cardinality(s.new))
FROM (SELECT n.items[1:CAST(:k AS int)] AS new, o.items[1:CAST(:k AS int)] AS old
      FROM {rows} AS n
      JOIN recsys.list_rows AS o ON o.publication_id = :current AND o.user_key = n.user_key
      WHERE cardinality(n.items) > 0
      ORDER BY hashint4(n.user_key), n.user_key LIMIT :sample) AS s
"""


def run_checks(connection: Connection, publication: Publication, limits: CheckLimits) -> list[CheckResult]:
    """Every check of a loaded, unsealed publication."""
    current = read_current(connection)
    return [
        *_row_checks(_ask(connection, publication, _ROWS, last_rung=len(schema.RUNGS) - 1), publication, current),
        *_entry_checks(connection, publication, limits, current),
        *_list_checks(connection, publication, limits, current),
    ]


def _ask(connection: Connection, publication: Publication, question: str, **values: object) -> Any:
    """The one row that answers a question about the publication's table."""
    known = {"k": publication.k, "spares": publication.spares, "publication": publication.id, **values}
    statement = sa.text(question.format(rows=quoted("recsys", publication.partition)))
    return connection.execute(statement, {n: v for n, v in known.items() if f":{n}" in question}).one()


def _none(name: str, found: int, detail: str, block: bool = True) -> CheckResult:
    """A count that must be 0."""
    return CheckResult(name, found == 0, "block" if block else "warn", float(found), 0.0, detail)


def _row_checks(row: Any, publication: Publication, current: Publication | None) -> Iterator[CheckResult]:
    expected = publication.expected_rows
    complete = row.rows == expected and expected > 0
    yield CheckResult("rows", complete, "block", row.rows, expected, "one row for each active user, at least one")
    yield _none("repeated_users", row.repeated, "users with more than one row")
    yield _none("unknown_users", row.unknown_users, "rows whose user is not in recsys.users")
    yield _none("list_length", row.wrong_length, "lists above k + spares, or below k without a short_reason")
    yield _none("parallel_arrays", row.ragged, "lists whose arrays differ in length")
    yield _none("rungs", row.wrong_rung, "rows with an unknown rung")
    yield _none("repeated_items", row.twice, "lists that name an item twice")
    before = (current.rows or 0) if current is not None else 0
    ratio = row.rows / before if before else 1.0
    yield CheckResult(
        "rows_against_current", ratio >= MIN_ROWS_RATIO, "warn", ratio, MIN_ROWS_RATIO, "rows over those readers see"
    )


def _entry_checks(
    connection: Connection, publication: Publication, limits: CheckLimits, current: Publication | None
) -> Iterator[CheckResult]:
    codes = {"last_reason": len(schema.REASONS) - 1, "source_sets": 2 ** len(schema.SOURCES)}
    row = _ask(connection, publication, _ENTRIES, **codes)
    yield _none("unknown_items", row.unknown_items, "entries whose item is not in recsys.items")
    # For an older night the items table holds what is available now, not then.
    newest = current is None or publication.as_of >= current.as_of
    yield _none("unavailable_items", row.unavailable, "entries not available in tonight's snapshot", block=newest)
    yield _none("scores", row.wrong_scores, "entries with a score that is null, NaN or outside [0, 1]")
    yield _none("propensities", row.wrong_propensities, "entries with a propensity outside (0, 1]")
    yield _none("codes", row.wrong_codes, "entries with an unknown reason or source")
    forbidden = _ask(connection, publication, _FORBIDDEN)[0]
    yield _none("forbidden_items", forbidden, "entries that the repeat policy forbids")
    catalogue = connection.scalar(sa.text("SELECT count(*) FROM recsys.items WHERE available")) or 0
    share = row.shown / catalogue if catalogue else 0.0
    floor = limits.min_coverage
    yield CheckResult("coverage", share >= floor, "block", share, floor, "share of available items in some first k")


def _list_checks(
    connection: Connection, publication: Publication, limits: CheckLimits, current: Publication | None
) -> Iterator[CheckResult]:
    row = _ask(connection, publication, _IDENTICAL, popularity=schema.RUNGS.index("popularity"))
    share = float(row.most) / float(row.lists) if row.lists else 0.0
    same = share <= limits.max_identical_share or row.lists < MIN_LISTS_FOR_IDENTICAL
    yield CheckResult("identical_lists", same, "block", share, limits.max_identical_share, "users with the same list")
    if current is None or current.release != publication.release:
        return
    found = _ask(connection, publication, _CHURN, current=current.id, sample=CHURN_SAMPLE)[0]
    churn = float(found or 0.0)
    bound = limits.max_list_churn
    yield CheckResult("churn", churn <= bound, "warn", churn, bound, "share of places changed within one release")
