"""Calls of recommend() are counted by what they answered, without readers writing."""

from __future__ import annotations

import time
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.database import create_engine
from recsys_tasks.serving.calls import note_calls
from tests.serving.nights import publish_night, sell_out, stock

COUNTED = "SELECT outcome, calls FROM recsys.recommend_calls"
SEEN = """SELECT coalesce(sum(pg_stat_get_function_calls(oid)), 0) FROM pg_proc
    WHERE pronamespace = 'recsys'::regnamespace AND proname = 'recommend'"""


def call(urls: Mapping[str, str], *users: str) -> None:
    """One reader's session, which tells the server of its calls when it ends."""
    engine = create_engine(urls["recsys_reader"])
    with engine.connect() as connection:
        for user in users:
            connection.execute(sa.text("SELECT * FROM recsys.recommend(:u, 3)"), {"u": user})
    engine.dispose()


def wait_for(writer: Engine, calls: int) -> None:
    """Until the server has been told of so many calls in all."""
    for _ in range(100):
        with writer.connect() as connection:
            if connection.execute(sa.text(SEEN)).scalar_one() >= calls:
                return
        time.sleep(0.1)
    raise AssertionError("the server was not told of the calls")


def test_calls_are_counted_by_what_they_answered_with(
    writer: Engine, empty: Mapping[str, str]
) -> None:
    """k = 3: u0's own list has three items; u9 is unknown, so everyone's; u8 is of a segment. With
    i0, i1 and i2 sold out, u0 has one spare left, and the fallback list fills it up.
    """
    stock(writer)
    publish_night(writer, 0)
    note_calls(writer, 90)  # what earlier tests called
    with writer.begin() as connection:
        connection.execute(sa.text("DELETE FROM recsys.recommend_call_rows"))
        connection.execute(sa.text("INSERT INTO recsys.users VALUES (8, 'u8', 'nl')"))
        before = connection.execute(sa.text(SEEN)).scalar_one()
    call(empty, "u0", "u0", "u9", "u8")
    wait_for(writer, before + 4)
    assert note_calls(writer, 90) == 4
    with writer.connect() as connection:
        counted: dict[str, int] = dict(connection.execute(sa.text(COUNTED)).tuples().all())
    assert counted == {"own": 2, "everyone": 1, "segment": 1}
    sell_out(empty, "i0", "i1", "i2")
    call(empty, "u0")
    wait_for(writer, before + 5)
    assert note_calls(writer, 90) == 1 and note_calls(writer, 90) == 0
    with writer.connect() as connection:
        counted = dict(connection.execute(sa.text(COUNTED)).tuples().all())
        today = connection.execute(sa.text("SELECT max(day) FROM recsys.recommend_calls"))
        assert str(today.scalar_one()) == time.strftime("%Y-%m-%d", time.gmtime())
    assert counted == {"own": 2, "everyone": 1, "segment": 1, "filled_up": 1}
    assert note_calls(writer, 90) == 0
