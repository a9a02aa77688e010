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
from recsys_tasks.serving.check_questions import (
    AS_LOADED,
    CHURN,
    FALLBACKS,
    FORBIDDEN,
    IDENTICAL,
    ITEMS,
    NOT_WITHHELD,
    ON_OFFER,
    ROWS,
    RULES,
    SETTINGS,
    SUSPECTS,
    USERS,
    WRONG,
)
from recsys_tasks.serving.publication import CheckLimits, CheckResult, Publication, read_current

MIN_LISTS_FOR_IDENTICAL = 20
MIN_ROWS_RATIO = 0.5
CHURN_SAMPLE = 10_000
WORK_MEM = "64MB"  # a sort or hash table of one worker; larger ones go to disk


def run_checks(
    connection: Connection, publication: Publication, limits: CheckLimits
) -> list[CheckResult]:
    """Every check of a loaded, unsealed publication."""
    current = read_current(connection)
    connection.execute(SETTINGS, {"work_mem": WORK_MEM})
    # No row may come in between the checks and the sealing: the lock lasts until this transaction
    # ends.
    connection.execute(
        sa.text(f"LOCK TABLE {quoted('recsys', publication.partition)} IN SHARE MODE")
    )
    codes = {"last_reason": len(schema.REASONS) - 1, "last_set": schema.all_sources()}
    # Entries were counted and checked while they were loaded. Where a row has changed since, SQL
    # counts and checks all of them.
    as_loaded = connection.scalar(
        sa.text("SELECT recsys.is_as_loaded(:id)"), {"id": publication.id}
    )
    rows, count = (AS_LOADED, "add_up_entries") if as_loaded else (ROWS, "count_entries")
    row = _ask(connection, publication, rows, last_rung=len(schema.RUNGS) - 1, **codes)
    users = _ask(connection, publication, USERS)
    connection.execute(sa.text(f"SELECT recsys.{count}(:id)"), {"id": publication.id})
    at_fault = (
        row.lists_with_wrong_scores + row.lists_with_wrong_propensities + row.lists_with_wrong_codes
    )
    wrong = _ask(connection, publication, WRONG, **codes) if at_fault else None
    on_offer = _ask(connection, publication, ON_OFFER).items
    return [
        *_row_checks(row, users, publication, current),
        *_entry_checks(connection, publication, limits, current, on_offer, wrong),
        *_list_checks(connection, publication, limits, current, on_offer),
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
    on_offer: int,
    wrong: Any,
) -> Iterator[CheckResult]:
    """Checks of single entries. `on_offer`: number of items that a list may show tonight; `wrong`:
    numbers of entries with a wrong score, propensity or code, None where there are none.
    """
    items = _ask(connection, publication, ITEMS)
    suspects = _ask(connection, publication, SUSPECTS) if items.suspects else None
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
    share = items.shown / on_offer if on_offer else 0.0
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
    """Checks that nothing is shown that may not be, on any path: own lists and spares, fallback
    lists and what recommend() tops up from them, similar items.
    """
    beside = _ask(connection, publication, FALLBACKS)
    yield _none(
        "unknown_fallbacks",
        beside.unknown,
        "fallback or similar items that are not in recsys.items",
    )
    # Functions and views leave unavailable items out when they are read, so nobody is shown one:
    # this check only warns.
    words = (
        "fallback or similar items not available in tonight's snapshot, which readers do not get"
    )
    yield _none("unavailable_fallbacks", beside.unavailable, words, block=False)
    rules = _ask(connection, publication, RULES)
    lost = 0
    if rules.repeats != "allow" or rules.forbidden_pairs is not None:
        lost = 1 if rules.forbidden_pairs is None else abs(rules.forbidden_pairs - rules.pairs)
    yield _none(
        "forbidden_pairs",
        lost,
        f"forbidden pairs that are not as loaded, under the policy {rules.repeats!r}",
    )
    connection.execute(sa.text("SELECT recsys.withhold(:id)"), {"id": publication.id})
    own = _ask(connection, publication, FORBIDDEN)[0] if rules.pairs else 0
    topped_up = _ask(connection, publication, NOT_WITHHELD).missing if rules.pairs else 0
    yield _none(
        "forbidden_items", own, "entries that the repeat policy or a negative event forbids"
    )
    yield _none(
        "forbidden_fallbacks",
        topped_up,
        "forbidden fallback items without a row in withheld_rows",
    )


def _list_checks(
    connection: Connection,
    publication: Publication,
    limits: CheckLimits,
    current: Publication | None,
    on_offer: int,
) -> Iterator[CheckResult]:
    row = _ask(connection, publication, IDENTICAL, popularity=schema.RUNGS.index("popularity"))
    share = float(row.most) / float(row.lists) if row.lists else 0.0
    # Where a list is as long as the catalogue, equal lists are no fault.
    few = row.lists < MIN_LISTS_FOR_IDENTICAL or on_offer <= publication.k
    same = share <= limits.max_identical_share or few
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
    found = _ask(connection, publication, CHURN, current=current.id, sample=CHURN_SAMPLE)[0]
    churn = float(found or 0.0)
    bound = limits.max_list_churn
    yield CheckResult(
        "churn", churn <= bound, "warn", churn, bound, "share of places changed within one release"
    )
