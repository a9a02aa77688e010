"""Moves of the pointer: holds, rollbacks, and what is written down of them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.errors import ServingError
from recsys_tasks.serving.pointer import resume, rollback
from recsys_tasks.serving.publication import read_publication
from recsys_tasks.serving.publish import publish
from tests.serving.nights import (
    FIRST_LISTS,
    NOW,
    PLAIN,
    hold_of,
    night,
    publish_night,
    set_hold,
    shown,
    stock,
)

OTHER = {user: [7, 6, 5, 4] if user == 0 else items for user, items in PLAIN.items()}


def test_a_newer_fence_keeps_a_late_publisher_out(writer: Engine, reader: Engine) -> None:
    stock(writer)
    late = night(writer, 1, until=5)
    assert publish_night(writer, 1, OTHER, fingerprint="g").moved
    refused = publish(writer, late, "late", NOW)
    assert not refused.moved and "went ahead" in refused.reason
    assert shown(reader)["u0"] == ["i7", "i6", "i5"]


def test_rollback_holds_and_resume_shows_the_newest_ready(writer: Engine, reader: Engine) -> None:
    stock(writer)
    first, second = publish_night(writer, 0), publish_night(writer, 1, OTHER)
    back = rollback(writer, who="ann", why="odd lists", now=NOW)
    assert back.id == first.publication.id and shown(reader) == FIRST_LISTS
    assert read_publication(writer, second.publication.id).status == "held"
    hold = hold_of(writer)
    assert hold is not None and (hold.who, hold.why) == ("ann", "odd lists")
    waiting = publish_night(writer, 2, OTHER)
    assert not waiting.moved and "on hold" in waiting.reason and shown(reader) == FIRST_LISTS
    resumed = resume(writer, who="ann", now=NOW)
    assert resumed is not None and resumed.id == waiting.publication.id
    assert shown(reader)["u0"] == ["i7", "i6", "i5"] and hold_of(writer) is None
    assert publish_night(writer, 3).moved


def test_a_night_that_was_rolled_back_from_does_not_come_back_by_a_rerun(
    writer: Engine, reader: Engine
) -> None:
    stock(writer)
    publish_night(writer, 0)
    publish_night(writer, 1, OTHER)
    rollback(writer, who="ann", why="odd", now=NOW)
    assert resume(writer, who="ann", now=NOW) is None
    again = publish_night(writer, 1, OTHER)
    assert not again.moved and again.publication.status == "held"
    assert shown(reader) == FIRST_LISTS
    by_name = rollback(writer, who="ann", why="it was right", now=NOW, to=again.publication.id)
    assert by_name.status == "published" and shown(reader)["u0"] == ["i7", "i6", "i5"]


def test_rollback_without_an_earlier_publication_is_refused(writer: Engine) -> None:
    stock(writer)
    for attempt in (None, 99):
        with pytest.raises(ServingError, match="earlier publication"):
            rollback(writer, who="ann", why="x", now=NOW, to=attempt)
    publish_night(writer, 0)
    with pytest.raises(ServingError):
        rollback(writer, who="ann", why="x", now=NOW)
    assert hold_of(writer) is None


def test_every_move_is_written_down_and_cannot_be_changed(writer: Engine) -> None:
    stock(writer)
    publish_night(writer, 0)
    publish_night(writer, 1)
    rollback(writer, who="ann", why="odd", now=NOW)
    with writer.connect() as connection:
        moves = connection.execute(
            sa.text("SELECT moved_by, why, fence FROM recsys.pointer_moves ORDER BY id")
        ).all()
    assert [tuple(move)[:2] for move in moves] == [("night", "published")] * 2 + [
        ("ann", "rollback: odd")
    ]
    assert [move.fence for move in moves] == sorted({move.fence for move in moves})
    with pytest.raises(ServingError, match="permission denied"), writer.begin() as connection:
        connection.execute(sa.text("DELETE FROM recsys.pointer_moves"))


def test_a_manual_hold_keeps_readers_where_they_are(writer: Engine, reader: Engine) -> None:
    stock(writer)
    publish_night(writer, 0)
    set_hold(writer, "ann", "sale")
    assert not publish_night(writer, 1, OTHER).moved
    assert shown(reader) == FIRST_LISTS
