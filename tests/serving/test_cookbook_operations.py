"""The cookbook's and the runbooks' queries on quality and operations."""

from __future__ import annotations

import re
from datetime import timedelta

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.serving.pointer import rollback
from tests.serving.cookbook_nights import (
    LATER,
    ROOT,
    ask,
    plain,
)

RUNBOOK_QUERIES = [
    (
        page.stem,
        " ".join(sql.split()).replace("<date>", "2026-03-02").replace("<user>", "u1"),
        after,
    )
    for page in sorted((ROOT / "include" / "runbooks").glob("*.md"))
    for sql, after in re.findall(r"`(SELECT [^`]+)`(.{0,12})", page.read_text(), flags=re.S)
]


def test_every_query_of_the_runbooks_is_answered(two_nights: Engine, writer: Engine) -> None:
    assert len(RUNBOOK_QUERIES) > 10
    for page, sql, after in RUNBOOK_QUERIES:
        engine = writer if "as writer" in after else two_nights
        with engine.connect() as connection:
            assert connection.exec_driver_sql(sql.replace("%", "%%")).keys(), page


def test_the_quality_and_operations_queries_give_what_was_noted(two_nights: Engine) -> None:
    # Of two users who did something both found it, one of them at the second place, one at the
    # third: `figures`.
    (found,) = ask(two_nights, "Realised hit rate:")
    at_10 = (
        found.hit_rate_at_10,
        found.popular_hit_rate_at_10,
        found.active,
        found.active_share,
        found.shown,
    )
    assert at_10 == (1.0, 0.5, 2, 0.5, 1)
    assert found.ndcg_at_10 == pytest.approx((1 / np.log2(3) + 1 / np.log2(4)) / 2)
    assert found.popular_ndcg_at_10 == 0.5
    by_kind = ask(two_nights, "Realised hit rate by")
    assert plain(by_kind, "measured_by", "users", "hit_rate_at_10", "popular_hit_rate_at_10") == [
        ("event=buy", 1, 1.0, 1.0),
        ("objective=sales", 1, 1.0, 1.0),
    ]
    health = plain(
        ask(two_nights, "Health"),
        "churn",
        "coverage",
        "short_share",
    )
    assert health[-1] == (1 / 3, 5 / 6, 0.25)
    assert plain(ask(two_nights, "Which release was live"), "release", "event") == [
        ("r2", "promoted")
    ]
    moves = plain(ask(two_nights, "Who rolled back"), "moved_by", "why")
    assert moves == [("bob", "resumed"), ("ann", "rollback: odd lists")]


def test_after_a_rollback_now_is_what_readers_see_and_not_the_newest_night(
    two_nights: Engine, writer: Engine
) -> None:
    rollback(writer, who="ann", why="odd again", now=LATER + timedelta(hours=2))
    changed = ask(two_nights, "What changed for")
    assert plain(changed, "item_id", "rank_now", "change") == [
        ("i1", 1, "new"),
        ("i2", 2, "new"),
        ("i3", 3, "new"),
    ]
    gained = {row.item_id: row.lists_now for row in ask(two_nights, "Which items gained")}
    assert gained["i3"] == 3 and "i7" not in gained
    assert ask(two_nights, "Churn between") == []  # nothing was shown before


def test_the_newest_alert_is_the_one_that_came_last_whatever_clock_it_was_raised_by(
    two_nights: Engine, writer: Engine
) -> None:
    """A simulated shop's failed runs are raised by the machine's clock, its alarms by that of its
    nights.
    """
    alerts = [
        ("failed", "2027-05-01", "2026-03-01"),
        ("alarm", "2026-03-02 01:00Z", "2026-03-02"),
        ("old", "2026-01-02 01:00Z", "2026-01-02"),
        ("churn", "2026-03-03 01:00Z", "2026-03-03"),
    ]
    with writer.begin() as connection:
        for name, raised, night in alerts:
            insert = (
                "INSERT INTO recsys.alerts (incident, raised_at, as_of, kind, severity, message,"
                " reader_state, remedy) VALUES (:name, CAST(:raised AS timestamptz), CAST(:night AS"
                " date), 'k', 'warning', :name, 's', 'r')"
            )
            connection.execute(sa.text(insert), {"name": name, "raised": raised, "night": night})
    assert [row.last_alert for row in ask(two_nights, "Is it fresh")] == ["churn"]
    assert [row.message for row in ask(two_nights, "Alerts of the last")] == [
        "churn",
        "alarm",
        "failed",
        "m",
    ]
