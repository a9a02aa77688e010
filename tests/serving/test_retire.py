"""What retention does with publications that were never finished."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.serving.retire import drop_old
from tests.serving.nights import NOW, night, publish_night, shown, stock

LOADED = 3
"""Steps of a night until its rows are there, unchecked."""


def test_half_made_lists_of_a_night_that_a_later_one_passed_go(writer: Engine) -> None:
    """A night that failed as it was published, and was never run again, left its rows for good."""
    stock(writer)
    publish_night(writer, 0)
    night(writer, 1, until=LOADED)
    publish_night(writer, 2)
    night(writer, 3, until=LOADED)  # the newest: its next try goes on with them
    before = shown(writer)
    assert states(writer) == ["published", "building", "published", "building"]
    assert len(drop_old(writer, keep=5, now=NOW + timedelta(days=3))) == 1
    assert states(writer) == ["published", "failed", "published", "building"]
    with writer.connect() as connection:
        tables = "SELECT count(*) FROM pg_class WHERE relname ~ '^list_rows_[0-9]+$'"
        assert connection.scalar(sa.text(tables)) == 3
    assert shown(writer) == before
    assert publish_night(writer, 3).moved


def states(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        query = sa.text("SELECT status FROM recsys.publication ORDER BY as_of")
        return list(connection.scalars(query))
