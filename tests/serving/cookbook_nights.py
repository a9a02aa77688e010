"""Two nights and what analysts ask of them: figures, verdicts, alerts, towers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine, Row

from benchmarks.serving.queries import queries
from recsys_tasks.errors import ServingError
from recsys_tasks.gate.evaluate import item_sets
from recsys_tasks.monitoring.lists.health import list_health
from recsys_tasks.monitoring.lists.realised import realised
from recsys_tasks.serving.pointer import resume, rollback
from recsys_tasks.serving.vectors import VectorSet, publish_vectors
from recsys_tasks.stages.monitoring.for_analysts import count_audience
from recsys_tasks.stages.outcome import StageResult
from recsys_tasks.stages.records import (
    SliceFigure,
    record_metrics,
    record_slices,
    record_stage,
    record_tower,
)
from tests.serving.nights import NOW, publish_night, stock, table
from tests.serving.nights import night as run_night

ROOT = Path(__file__).resolve().parents[2]


QUERIES = {query.title: query.sql for query in queries()}


LATER = datetime(2026, 3, 2, 9, tzinfo=UTC)


FIRST = {0: [0, 1, 2, 3], 1: [1, 2, 3, 4], 2: [2, 3, 4, 5], 3: [3, 4]}


SECOND = {0: [0, 1, 2, 3], 1: [2, 1, 5, 4], 2: [7, 6, 5, 0], 3: [3, 4]}
"""k = 3 and one spare. Item i7 is out of stock on the first night and back on the second; i6 is
launched in between.
"""


LAUNCHED = dict.fromkeys(range(8), "2025-06-01") | {6: "2026-03-01"}


IDLE = {4: "nl", 5: None}
"""Users without a list, and their segments."""


def figures() -> dict[str, dict[str, float]]:
    """What monitoring would write of the first night: the names are its own, the lists and what was
    done are ours.

    u0 took i1, second in the list and first among popular items; u1 took i3, third in the list, not
    popular.
    """
    lists = np.array([FIRST[0][:3], FIRST[1][:3]], np.int32)
    popular = np.array([[1, 0, 2]] * 2, np.int32)
    truth = item_sets(np.array([0, 1], np.int32), np.array([0, 1]), np.array([1, 3], np.int32))
    bought = item_sets(np.array([0, 1], np.int32), np.array([0]), np.array([1], np.int32))
    shown = np.array([[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, -1]], np.int32)
    offered, counts = np.arange(8) < 6, np.ones(8, np.int64)
    return {
        "realised": {**realised(lists, popular, truth, 4), "shown": 1.0},
        "realised/event=buy": realised(lists, popular, bought, 4),
        "realised/objective=sales": realised(lists, popular, bought, 4),
        "lists": list_health(shown, np.zeros(4, np.int8), counts, offered, 3),
        "churn": {"mean": 1 / 3},
    }


def fill(writer: Engine) -> None:
    for scope, values in figures().items():
        record_metrics(writer, date(2026, 3, 1), scope, values)
    record_slices(
        writer,
        date(2026, 3, 1),
        "realised",
        [SliceFigure("lists", "country=nl", "ndcg@10", 2, 0.5, 0.4, 0.6)],
    )
    with writer.begin() as connection:
        for statement in OUTCOMES:
            connection.execute(sa.text(statement))
        shown = "SELECT id FROM recsys.publication WHERE published_at IS NOT NULL"
        for publication in connection.scalars(sa.text(shown)).all():
            count_audience(connection, publication)
    record_stage(writer, StageResult("embed", date(2026, 3, 1), "a", 1, 2.0))
    with writer.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO recsys.alerts (incident, raised_at, kind, severity, message,"
                " reader_state, remedy) VALUES ('i', :now, 'stale', 'critical', 'm', 's', 'r')"
            ),
            {"now": NOW},
        )
        connection.execute(
            sa.text(
                "INSERT INTO recsys.gate_decisions (as_of, challenger, verdict, paragraph, rules) "
                r"""VALUES ('2026-03-02', 'r2', 'reject', 'worse', '[{"name"\: "x", "bound"\: 0.5,
                "value"\: null, "passed"\: false, "words"\: "w", "leads_to"\: "reject"}]')"""
            )
        )
        for day, event, release in (
            (1, "promoted", "r1"),
            (2, "promoted", "r2"),
            (3, "rolled_back", "r1"),
        ):
            connection.execute(
                sa.text(
                    "INSERT INTO recsys.release_events (ts, event, release, who, why) "
                    "VALUES (:ts, :event, :r, 'x', 'y')"
                ),
                {"ts": NOW + timedelta(days=day - 1), "event": event, "r": release},
            )


OUTCOMES = (
    "INSERT INTO recsys.items VALUES (8, 'i8', 'Item 8', 'c', '{}', true)",
    "INSERT INTO recsys.together_rows SELECT c.publication_id, 2, '{1}', '{1.5}', '{7}' FROM"
    " recsys.current_publication AS c ON CONFLICT DO NOTHING",
    "INSERT INTO recsys.again_rows SELECT c.publication_id, 0, '{1}', '{20500}', '{20510}', '{2}'"
    " FROM recsys.current_publication AS c ON CONFLICT DO NOTHING",
    "INSERT INTO recsys.place_count_rows SELECT p.id, 'nl', 1, 0, 2 FROM recsys.publication AS p"
    " WHERE p.published_at IS NOT NULL",
    "INSERT INTO recsys.outcome_windows SELECT p.id, 'purchase', 1, p.as_of, p.as_of + 1, true, 3,"
    " 4, 20.0 FROM recsys.publication AS p WHERE p.published_at IS NOT NULL",
    "INSERT INTO recsys.segment_item_rows SELECT p.id, 'nl', 2, 2 FROM recsys.publication AS p",
    "INSERT INTO recsys.place_reason_rows SELECT c.publication_id, 0, 1, 0, 1, 'x', 1, 0.5"
    " FROM recsys.current_publication AS c ON CONFLICT DO NOTHING",
    "INSERT INTO recsys.liked_rows SELECT c.publication_id, 1, '{1}', '{5}', '{1.5}'"
    " FROM recsys.current_publication AS c ON CONFLICT DO NOTHING",
    "INSERT INTO recsys.recommend_call_rows VALUES ('2026-03-02', 'own', 7)",
    "INSERT INTO recsys.item_event_rows VALUES (2, 'purchase', 20514, 3, 4, 20.0)",
    "INSERT INTO recsys.outcome_rows SELECT p.id, 0, 1, 'purchase', 0, 0, 'nl', 1, 5.0 FROM"
    " recsys.publication AS p WHERE p.published_at IS NOT NULL",
    "INSERT INTO recsys.audience_change_rows SELECT c.publication_id, c.publication_id, 'nl',"
    " 'lost', 'inactive', 2 FROM recsys.current_publication AS c",
    "INSERT INTO recsys.list_change_rows SELECT c.publication_id, c.publication_id, 0, 3, 1, 1, 0,"
    " 0, 2 FROM recsys.current_publication AS c",
)
"""Item i8 comes when both nights are over. The others are rows of what monitoring counts, for the
columns alone: their values are tried after real nights.
"""


LEDGER = {
    "start": "cold",
    "parent": None,
    "kept": 0,
    "new": 8,
    "archived": 0,
    "returned": 0,
    "drift": 0.0,
    "examples": 90,
    "replayed": 0,
    "seconds": 9.5,
    "recall_before": None,
    "recall_after": None,
    "held_back_rows": 0,
    "refresh_ok": True,
    "loss": [3.0, 2.0],
    "why": "the first version",
}
WARM = {
    "start": "warm",
    "parent": "h-20260301.2026-03-01",
    "kept": 8,
    "new": 1,
    "drift": 0.01234,
    "loss": [1.5],
    "examples": 10,
    "replayed": 30,
    "seconds": 1.0,
    "recall_before": 0.5,
    "recall_after": 0.75,
    "why": None,
    "recall_cold": 0.625,
}


def fill_retrieval(writer: Engine) -> None:
    """Two versions of a tower, what two generators found, and vectors of four directions."""
    record_tower(writer, "h-20260301", date(2026, 3, 1), "tower/h-20260301.2026-03-01/1", LEDGER)
    for _ in range(2):  # written down again by a rerun, once
        record_tower(
            writer,
            "h-20260301",
            date(2026, 3, 2),
            "tower/h-20260301.2026-03-02/1",
            {**LEDGER, **WARM},
        )
    for generator, found in (
        ("union", (0.5, 0.5)),
        ("two_tower", (0.25, 0.125)),
        ("fresh", (0.5, 0.25)),
    ):
        values = dict(zip(("recall@300", "unique@300"), found, strict=True))
        record_metrics(writer, date(2026, 3, 2), f"gate/generator={generator}", values)
        record_metrics(writer, date(2026, 3, 1), f"gate/generator={generator}", {"recall@300": 0.0})
    keys = np.arange(4, dtype=np.int32)
    directions = np.array([[1, 0], [0.6, 0.8], [0, 1], [-1, 0]], np.float32)
    vectors = VectorSet(
        date(2026, 3, 2), "h-20260301.2026-03-02", "c", keys, directions, keys, directions
    )
    publish_vectors(writer, vectors, NOW)


def ask(reader: Engine, start: str) -> list[Row[tuple[object, ...]]]:
    """Rows of the query whose title begins so."""
    (sql,) = (text for title, text in QUERIES.items() if title.startswith(start))
    with reader.connect() as connection:
        return list(connection.exec_driver_sql(sql.replace("%", "%%")).all())


def plain(rows: list[Row[tuple[object, ...]]], *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(getattr(row, column) for column in columns) for row in rows]


def two_nights_of_the_cookbook(writer: Engine) -> None:
    """Two nights, a rollback and its end, a night that failed its checks; metrics, an alert and a
    decision.
    """
    stock(writer, unavailable=[7])
    with writer.begin() as connection:
        for key, segment in IDLE.items():
            values = {"key": key, "id": f"u{key}", "segment": segment}
            connection.execute(
                sa.text("INSERT INTO recsys.users VALUES (:key, :id, :segment)"), values
            )
        for key, day in LAUNCHED.items():
            launch = (
                "UPDATE recsys.items SET available_from = CAST(:day AS timestamptz),"
                " price = item_key + 0.5 WHERE item_key = :key"
            )
            connection.execute(sa.text(launch), {"key": key, "day": f"{day} 12:00Z"})
    publish_night(writer, 0, FIRST)
    with writer.begin() as connection:
        connection.execute(sa.text("UPDATE recsys.items SET available = true"))
    rungs = table(SECOND, rung=[0, 0, 2, 4])
    run_night(writer, 1, rows=rungs)
    rollback(writer, who="ann", why="odd lists", now=LATER)
    with writer.begin() as connection:  # as if the night had been run again
        connection.execute(
            sa.text("UPDATE recsys.publication SET status = 'ready' WHERE as_of = '2026-03-02'")
        )
    resume(writer, who="bob", now=LATER + timedelta(hours=1))
    with pytest.raises(ServingError, match="rows"):
        run_night(writer, 2, SECOND, expected=5)  # a user without a list
    with writer.begin() as connection:
        connection.execute(sa.text("UPDATE recsys.similar_rows SET item_key = 2, items = '{1,3}'"))
        connection.execute(
            sa.text("INSERT INTO recsys.shop_clock (simulated, now) VALUES (true, :now)"),
            {"now": LATER},
        )
    fill(writer)
    fill_retrieval(writer)
