"""Who kept, gained and lost a list of their own since the night before."""

from __future__ import annotations

from datetime import date

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.serving.pointer import rollback
from recsys_tasks.serving.retire import forget_history, retire
from recsys_tasks.stages.monitoring.for_analysts import count_audience_changes
from tests.serving.cookbook_nights import LATER, ask
from tests.serving.nights import NOW, publish_night, stock

CHANGES = "SELECT change, segment, why, users FROM recsys.audience_changes ORDER BY 1, 2, 3"
USERS = {4: "nl", 5: "be", 6: None, 7: "be"}
FIRST = {key: [0, 1, 2, 3] for key in range(7)}
SECOND = {key: [1, 2, 3, 4] for key in (0, 2, 7)}
"""u0 (nl) and u2 (be) keep their lists, u7 (be) gets one; u1 (nl) did something, too little, u3
(be) nothing lately, u4 (nl) something after that night's cutoff, u5 is gone from the users table,
and u6, of no segment, did nothing lately.
"""
ACTIVE = {0: "2026-02-28", 1: "2026-02-27", 2: "2026-02-28", 4: "2026-03-02"}


@pytest.fixture
def two(writer: Engine) -> tuple[int, int]:
    """Numbers of both nights' publications, counted."""
    stock(writer)
    with writer.begin() as connection:
        for key, segment in USERS.items():
            values = {"key": key, "id": f"u{key}", "segment": segment}
            insert = "INSERT INTO recsys.users VALUES (:key, :id, :segment)"
            connection.execute(sa.text(insert), values)
        for key, day in ACTIVE.items():
            active = (
                "UPDATE recsys.users SET last_active = CAST(:day AS date) WHERE user_key = :key"
            )
            connection.execute(sa.text(active), {"key": key, "day": day})
    first, second = publish_night(writer, 0, FIRST), publish_night(writer, 1, SECOND)
    numbers = (first.publication.id, second.publication.id)
    with writer.begin() as connection:
        connection.execute(sa.text("DELETE FROM recsys.users WHERE user_key = 5"))
        for _ in range(2):  # a rerun counts anew
            count_audience_changes(connection, numbers[1], numbers[0])
    return numbers


def changes(reader: Engine) -> list[tuple[object, ...]]:
    with reader.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(CHANGES))]


LOST = [
    ("lost", "be", "inactive", 1),
    ("lost", "nl", "active since", 1),
    ("lost", "nl", "too few events", 1),
    ("lost", None, "inactive", 1),
    ("lost", None, "unknown", 1),
]
COUNTED: list[tuple[object, ...]] = [
    ("gained", "be", None, 1),
    ("kept", "be", None, 1),
    ("kept", "nl", None, 1),
    *LOST,
]


@pytest.mark.usefixtures("two")
def test_each_user_of_either_night_is_counted_once(reader: Engine) -> None:
    assert changes(reader) == COUNTED
    answered = [(row.change, row.segment, row.why, row.users) for row in ask(reader, "Who lost")]
    assert set(answered) == {row for row in COUNTED if row[0] != "kept"}
    assert len(answered) == 6


def test_an_erased_user_is_lost_and_of_no_segment(
    two: tuple[int, int], writer: Engine, reader: Engine
) -> None:
    """u0 had both lists, u1 the one before, u7 the new one alone."""
    with writer.begin() as connection:
        for key in (0, 1, 7):
            erase = "SELECT count(*) FROM recsys.erase_user(:key, :id, :id, false)"
            connection.execute(sa.text(erase), {"key": key, "id": f"u{key}"})
    erased = [
        ("kept", "be", None, 1),
        *(row for row in LOST if row[2] != "too few events"),
        ("lost", None, "erased", 2),
    ]
    assert sorted(changes(reader), key=str) == sorted(erased, key=str)
    with reader.connect() as connection:
        lists = "SELECT sum(lists) FROM recsys.list_counts WHERE publication_id = :id"
        before, now = (connection.scalar(sa.text(lists), {"id": number}) for number in two)
    assert (before, now) == (5, 1)
    with writer.begin() as connection:
        count_audience_changes(connection, two[1], two[0])
    assert sorted(changes(reader), key=str) == sorted(erased, key=str)


def test_counts_stay_when_lists_go_and_go_with_the_history(
    two: tuple[int, int], writer: Engine, reader: Engine
) -> None:
    with writer.begin() as connection:
        retire(connection, two[0], NOW)
        count_audience_changes(connection, two[1], two[0])
    assert changes(reader) == COUNTED
    publish_night(writer, 3, SECOND)
    with writer.begin() as connection:
        retire(connection, two[1], NOW)
    forget_history(writer, 3, 3)
    assert changes(reader) == COUNTED
    forget_history(writer, 2, 2)
    assert changes(reader) == []


@pytest.mark.usefixtures("two")
def test_after_a_rollback_the_answer_is_of_what_readers_see(writer: Engine, reader: Engine) -> None:
    rollback(writer, who="ann", why="odd lists", now=LATER)
    assert ask(reader, "Who lost a list") == []
    days = "SELECT DISTINCT as_of, before_as_of FROM recsys.audience_changes"
    with reader.connect() as connection:
        found = [tuple(row) for row in connection.execute(sa.text(days))]
    assert found == [(date(2026, 3, 2), date(2026, 3, 1))]
