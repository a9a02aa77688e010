"""Every check fails on the fault planted for it, on that one alone, and readers keep their
lists.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.errors import ServingError
from recsys_tasks.serving.load import load_forbidden, load_lists
from recsys_tasks.serving.publication import CheckLimits
from recsys_tasks.serving.publish import finish
from tests.serving.nights import (
    LIMITS,
    PLAIN,
    Lists,
    night,
    publish_night,
    read_checks,
    recommend,
    shown,
    stock,
    table,
)

NAN = float("nan")


def one(value: Any, column: list[Any], row: int = 0, place: int = 0) -> list[Any]:
    """The column with one entry replaced."""
    return [
        [value if (r, n) == (row, place) else x for n, x in enumerate(entries)]
        for r, entries in enumerate(column)
    ]


def rows_with(column: str, value: Any) -> pa.Table:
    plain = table(PLAIN)
    return table(PLAIN, **{column: one(value, plain[column].to_pylist())})


def failing(engine: Engine, rows: pa.Table, limits: CheckLimits = LIMITS, **of: Any) -> list[str]:
    """Names of the blocking checks that a first night with these rows fails."""
    publication = night(engine, 0, rows=rows, until=1, **of)
    load_lists(engine, publication, rows, 0)
    with suppress(ServingError):
        finish(engine, publication, limits)
    return [check.name for check in read_checks(engine, publication.id) if check.blocks]


FAULTS: dict[str, tuple[pa.Table, dict[str, Any], list[str]]] = {
    "a user without a list": (table({u: PLAIN[u] for u in range(3)}), {"expected": 4}, ["rows"]),
    "no user at all": (table({}), {}, ["rows", "coverage"]),
    "an unknown user": (
        table({**{u: PLAIN[u] for u in range(3)}, 99: [1, 2, 3]}),
        {},
        ["unknown_users"],
    ),
    "too long": (table({**PLAIN, 0: [0, 1, 2, 3, 4]}), {}, ["list_length"]),
    "short without a reason": (
        table({**PLAIN, 0: [0, 1]}, short_reason=[None] * 4),
        {},
        ["list_length"],
    ),
    "an item twice": (table({**PLAIN, 0: [0, 1, 1]}), {}, ["repeated_items"]),
    "an unknown item": (table({**PLAIN, 0: [0, 1, 88]}), {}, ["unknown_items"]),
    "a score above 1": (rows_with("scores", 1.5), {}, ["scores"]),
    "a negative score": (rows_with("scores", -0.1), {}, ["scores"]),
    "a NaN score": (rows_with("scores", NAN), {}, ["scores"]),
    "a null score": (rows_with("scores", None), {}, ["scores"]),
    "a propensity of 0": (rows_with("propensities", 0.0), {}, ["propensities"]),
    "an unknown reason": (rows_with("reasons", 7), {}, ["codes"]),
    "an unknown source": (rows_with("sources", 64), {}, ["codes"]),
    "an unknown rung": (table(PLAIN, rung=[5, 0, 0, 0]), {}, ["rungs"]),
    "arrays of two lengths": (
        table(PLAIN, ranks_before=[[1], *[[1, 2, 3, 4]] * 3]),
        {},
        ["parallel_arrays"],
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(writer: Engine, fault: str) -> None:
    rows, of, expected = FAULTS[fault]
    stock(writer)
    assert failing(writer, rows, **of) == expected


def test_an_item_not_available_tonight(writer: Engine) -> None:
    stock(writer, unavailable=[5])
    assert failing(writer, table(PLAIN)) == ["unavailable_items"]


def test_a_user_in_two_shards(writer: Engine) -> None:
    stock(writer)
    publication = night(writer, 0, until=1, rows=table(PLAIN), expected=5)
    load_lists(writer, publication, table(PLAIN), 0)
    load_lists(writer, publication, table({0: [4, 5, 6]}), 1)
    with pytest.raises(ServingError, match="repeated_users: 1, bound 0"):
        finish(writer, publication, LIMITS)


def test_forbidden_pairs(writer: Engine) -> None:
    stock(writer)
    publication = night(writer, 0, until=1, rows=table(PLAIN))
    load_lists(writer, publication, table(PLAIN), 0)
    load_forbidden(
        writer, publication, pa.table({"user_key": [0, 1, 3], "item_key": [7, 2, 6]})
    )  # two of them shown
    with pytest.raises(ServingError, match="forbidden_items: 2"):
        finish(writer, publication, LIMITS)


def test_coverage_below_its_floor(writer: Engine) -> None:
    stock(writer)  # the first 3 places show items 0 … 5: 6 of 8
    assert failing(writer, table(PLAIN), CheckLimits(0.75, 0.5, 0.95)) == []
    assert failing(writer, table(PLAIN), CheckLimits(0.76, 0.5, 0.95), fingerprint="g") == [
        "coverage"
    ]


def test_the_same_list_for_everyone_unless_it_is_the_fallback(writer: Engine) -> None:
    stock(writer)
    with writer.begin() as connection:
        for key in range(4, 20):
            connection.execute(
                sa.text("INSERT INTO recsys.users VALUES (:k, 'u' || :k, 'nl')"), {"k": key}
            )
    same: Lists = {user: [0, 1, 2] for user in range(20)}
    half = {
        **same,
        **{user: [user % 6, 6, 7] for user in range(10)},
    }  # 10 of 20 alike: just allowed
    assert failing(writer, table(same), expected=20) == ["identical_lists"]
    assert failing(writer, table(half), expected=20, fingerprint="g") == []
    popular = table(same, rung=[4] * 20)
    assert failing(writer, popular, expected=20, fingerprint="h") == []


def test_the_same_list_for_everyone_where_a_list_has_room_for_every_item(writer: Engine) -> None:
    stock(writer)
    with writer.begin() as connection:
        connection.execute(sa.text("UPDATE recsys.items SET available = item_key < 3"))
        for key in range(4, 20):
            connection.execute(
                sa.text("INSERT INTO recsys.users VALUES (:k, 'u' || :k, 'nl')"), {"k": key}
            )
    same: Lists = {user: [0, 1, 2] for user in range(20)}
    assert failing(writer, table(same), expected=20) == []
    with writer.begin() as connection:
        connection.execute(sa.text("UPDATE recsys.items SET available = item_key < 4"))
    assert failing(writer, table(same), expected=20, fingerprint="g") == ["identical_lists"]


def test_churn_within_a_release_warns_and_does_not_block(writer: Engine) -> None:
    stock(writer)
    publish_night(writer, 0)
    other: Lists = {0: [5, 6, 7], 1: [5, 6, 7], 2: [0, 1, 7], 3: [0, 1, 2]}  # not one place kept
    done = publish_night(writer, 1, other)
    churn = {check.name: check for check in read_checks(writer, done.publication.id)}["churn"]
    assert done.moved and not churn.passed and churn.severity == "warn" and churn.found == 1.0
    another_release = publish_night(writer, 2, release="r2")
    assert "churn" not in {
        check.name for check in read_checks(writer, another_release.publication.id)
    }


def test_churn_counts_places_of_users_in_both(writer: Engine) -> None:
    stock(writer)
    publish_night(writer, 0)
    # user 0: 0 1 2 → 0 1 7, one place of three; user 1 unchanged: (1/3 + 0) / 2 = 1/6
    done = publish_night(writer, 1, {0: [0, 1, 7], 1: PLAIN[1]})
    checks = {check.name: check for check in read_checks(writer, done.publication.id)}
    assert checks["churn"].found == pytest.approx(1 / 6)
    assert checks["rows_against_current"].passed and checks["rows_against_current"].found == 0.5


def test_a_failed_publication_leaves_readers_alone_and_the_next_run_repairs(
    writer: Engine, reader: Engine
) -> None:
    stock(writer)
    publish_night(writer, 0)
    before = shown(reader)
    with pytest.raises(ServingError, match="readers keep their lists"):
        night(writer, 1, rows=rows_with("scores", NAN))
    with pytest.raises(ServingError):  # retrying the step alone cannot help, and says so
        night(writer, 1, rows=rows_with("scores", NAN), until=5)
    assert shown(reader) == before and recommend(reader, "u0") == before["u0"]
    with reader.connect() as connection:
        statuses = connection.execute(
            sa.text("SELECT status FROM recsys.publications WHERE as_of = '2026-03-02'")
        )
        assert [row.status for row in statuses] == ["failed", "failed"]
    assert publish_night(writer, 1).moved


def test_an_empty_list_with_a_reason_is_allowed(writer: Engine, reader: Engine) -> None:
    stock(writer)
    done = publish_night(writer, 0, {**PLAIN, 0: []})
    assert done.moved and "u0" not in shown(reader)
    assert recommend(reader, "u0") == ["i5", "i6", "i7"]  # nl's list, then everyone's
