"""The cookbook's queries, run as a reader; and the data dictionary is what the database says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine, Row

from benchmarks.serving.queries import COOKBOOK, queries
from recsys_tasks.database import create_engine
from recsys_tasks.errors import ServingError
from recsys_tasks.gate.evaluate import item_sets
from recsys_tasks.monitoring.lists.health import list_health
from recsys_tasks.monitoring.lists.realised import realised
from recsys_tasks.serving.dictionary import data_dictionary
from recsys_tasks.serving.pointer import resume, rollback
from recsys_tasks.serving.vectors import VectorSet, publish_vectors
from recsys_tasks.stages.records import record_metrics, record_tower, recorded_towers
from tests.serving.nights import NOW, publish_night, stock, table
from tests.serving.nights import night as run_night
from tests.serving.test_readers import VIEWS

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


@pytest.fixture
def two_nights(writer: Engine, reader: Engine) -> Engine:
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
                "UPDATE recsys.items SET available_from = CAST(:day AS timestamptz) WHERE item_key"
                " = :key"
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
    _fill(writer)
    _fill_retrieval(writer)
    return reader


def _figures() -> dict[str, dict[str, float]]:
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


def _fill(writer: Engine) -> None:
    for scope, values in _figures().items():
        record_metrics(writer, date(2026, 3, 1), scope, values)
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
                "INSERT INTO recsys.gate_decisions (as_of, challenger, verdict, paragraph) "
                "VALUES ('2026-03-02', 'r2', 'reject', 'worse')"
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


def _fill_retrieval(writer: Engine) -> None:
    """Two versions of a tower, what two generators found, and vectors of four directions."""
    ledger = {
        "start": "cold",
        "parent": None,
        "kept": 0,
        "new": 8,
        "archived": 0,
        "returned": 0,
        "drift": 0.0,
    }
    ledger |= {
        "examples": 90,
        "replayed": 0,
        "seconds": 9.5,
        "recall_before": None,
        "recall_after": None,
    }
    ledger |= {
        "held_back_rows": 0,
        "refresh_ok": True,
        "loss": [3.0, 2.0],
        "why": "the first version",
    }
    record_tower(writer, "h-20260301", date(2026, 3, 1), "tower/h-20260301.2026-03-01/1", ledger)
    warm = {
        "start": "warm",
        "parent": "h-20260301.2026-03-01",
        "kept": 8,
        "new": 1,
        "drift": 0.01234,
        "loss": [1.5],
    }
    warm |= {
        "examples": 10,
        "replayed": 30,
        "seconds": 1.0,
        "recall_before": 0.5,
        "recall_after": 0.75,
    }
    warm |= {"why": None, "recall_cold": 0.625}
    for _ in range(2):  # written down again by a rerun, once
        record_tower(
            writer,
            "h-20260301",
            date(2026, 3, 2),
            "tower/h-20260301.2026-03-02/1",
            {**ledger, **warm},
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


COLUMNS = {
    "Is it fresh": (
        "as_of release users published_at age shop_time on_hold hold_who hold_why waiting"
        " last_alert"
    ),
    "Why this item": (
        "rank score reason reason_item_title sources rank_before rung release tower_version"
    ),
    "What changed for": "item_id title change rank_before rank_now reason",
    "What does the application": "rank item_id title score reason rung",
    "How much of what is on offer": "publication_id as_of on_offer shown coverage_on_offer",
    "Most recommended": "item_id title lists share first_places running_share",
    "Which categories": "category items places share_of_items share_of_places",
    "New items:": "item_id title category available_from lists share",
    "New items' part": "category new_items places_of_new share_of_places",
    "Items like this": "rank similar_item_id similar_title score category",
    "Which items gained": "item_id title lists_before lists_now change",
    "Who has a list": "segment served_by users",
    "Lists by segment": "segment lists mean_length",
    "Favourites of each": "segment item_id lists",
    "How many users": "publication_id as_of rung lists share",
    "Short lists": "as_of segment rung short_reason lists mean_length",
    "Churn between": "user_id changed",
    "Where do the places": "reason source places mean_score mean_rank",
    "Realised hit rate:": (
        "as_of hit_rate_at_10 popular_hit_rate_at_10 ndcg_at_10 popular_ndcg_at_10 active "
        "active_share shown"
    ),
    "Realised hit rate by": (
        "as_of measured_by users hit_rate_at_10 popular_hit_rate_at_10 ndcg_at_10 "
        "popular_ndcg_at_10"
    ),
    "Health of the lists": (
        "as_of mean_churn coverage_on_offer coverage_of_all_items gini identical_share short_share"
    ),
    "Why was the newest": "as_of verdict challenger champion paragraph",
    "Which release was live": "release live_from live_until event who why",
    "What happened to releases": "at event release who why",
    "What does each generator": "as_of generator recall found_by_it_alone",
    "Did the tower get": (
        "learned_before lineage start why kept new archived returned drift examples replayed"
        " seconds recall_before recall_after gain recall_cold refresh_ok"
    ),
    "Which users are like": "rank similar_user_id similarity",
    "Which items are nearest": "item_id title similarity",
    "Who rolled back": "moved_at moved_by why from_as_of to_as_of",
    "Which checks": "publication_id as_of status name severity found bound detail",
    "Alerts of the last": "raised_at severity kind as_of message reader_state remedy",
    "Everyone of a segment": "user_id segment served_by rank item_id title",
    "Only those with": "user_id segment rung item_ids scores",
}


def test_every_query_answers_a_reader_with_the_promised_columns(two_nights: Engine) -> None:
    with two_nights.connect() as connection:
        assert connection.scalar(sa.text("SELECT session_user")) == "recsys_reader"
    assert len(COLUMNS) == len(QUERIES)
    for start, columns in COLUMNS.items():
        rows = ask(two_nights, start)
        assert rows, start
        assert " ".join(rows[0]._fields) == columns


def plain(rows: list[Row[tuple[object, ...]]], *columns: str) -> list[tuple[object, ...]]:
    return [tuple(getattr(row, column) for column in columns) for row in rows]


def test_the_catalogue_queries_give_what_the_lists_hold(two_nights: Engine) -> None:
    """First k = 3 places, second night: 0 1 2 | 2 1 5 | 7 6 5 | 3 4, eleven places over eight
    items, all shown.

    First night: 0 1 2 | 1 2 3 | 2 3 4 | 3 4: items 0 to 4 of six: i7 was out of stock, i6 not yet
    launched.
    """
    assert plain(ask(two_nights, "How much of what"), "on_offer", "shown", "coverage_on_offer") == [
        (8, 8, 1.0),
        (6, 5, 5 / 6),
    ]
    top = ask(two_nights, "Most recommended")
    wanted = [("i1", 2, 0.5, 0), ("i2", 2, 0.5, 1), ("i5", 2, 0.5, 0), ("i0", 1, 0.25, 1)]
    assert plain(top, "item_id", "lists", "share", "first_places")[:4] == wanted
    assert [round(float(row.running_share), 6) for row in top[:4]] == [
        round(n / 11, 6) for n in (2, 4, 6, 7)
    ]
    moved = plain(
        ask(two_nights, "Which items gained"), "item_id", "lists_before", "lists_now", "change"
    )
    assert moved[:3] == [("i3", 3, 1, -2), ("i5", 0, 2, 2), ("i2", 3, 2, -1)]


def test_new_items_are_those_of_recent_launch_and_not_what_is_back_in_stock(
    two_nights: Engine,
) -> None:
    found = ask(two_nights, "New items:")
    assert plain(found, "item_id", "available_from", "lists", "share") == [
        ("i6", date(2026, 3, 1), 1, 0.25)
    ]
    parts = plain(ask(two_nights, "New items' part"), "category", "new_items", "places_of_new")
    assert parts == [("c", 1, 1)]  # of eleven places


def test_a_campaigns_list_of_a_segment_loses_nobody(two_nights: Engine) -> None:
    """u4 is of the segment and has no list: the segment's fallback, i5 and i6, then everyone's, i6
    i7 i0.
    """
    shown = ask(two_nights, "Everyone of a segment")
    served = {row.user_id: row.served_by for row in shown}
    assert served == {"u0": "own", "u1": "own", "u4": "segment"}
    assert [(row.rank, row.item_id) for row in shown if row.user_id == "u4"][:2] == [
        (1, "i5"),
        (2, "i6"),
    ]
    assert plain(ask(two_nights, "Who has a list"), "segment", "served_by", "users") == [
        ("be", "own", 2),
        ("nl", "own", 2),
        ("nl", "segment", 1),
        (None, "everyone", 1),
    ]
    assert plain(ask(two_nights, "Only those with"), "user_id", "item_ids") == [
        ("u0", ["i0", "i1", "i2"]),
        ("u1", ["i2", "i1", "i5"]),
    ]


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


@pytest.mark.parametrize(
    "view", ["recommendations", "recommendation_history", "recommendation_lists"]
)
def test_every_view_of_lists_has_the_segment(two_nights: Engine, view: str) -> None:
    question = f"SELECT DISTINCT user_id, segment FROM recsys.{view} ORDER BY 1"
    with two_nights.connect() as connection:
        found = [tuple(row) for row in connection.execute(sa.text(question))]
    assert found == [("u0", "nl"), ("u1", "nl"), ("u2", "be"), ("u3", "be")]


def test_items_like_one_are_given_as_far_as_they_are_on_offer(
    two_nights: Engine, writer: Engine
) -> None:
    with writer.begin() as connection:
        connection.execute(
            sa.text("UPDATE recsys.item_availability SET available = false WHERE item_id = 'i1'")
        )
    assert plain(ask(two_nights, "Items like this"), "rank", "similar_item_id") == [(2, "i3")]
    with two_nights.connect() as connection:
        off = connection.scalars(
            sa.text("SELECT item_id FROM recsys.catalogue WHERE NOT available ORDER BY 1")
        )
        assert list(off) == ["i1", "i7"]


def test_the_user_queries_give_what_the_lists_hold(two_nights: Engine) -> None:
    """u1 had 1 2 3 and has 2 1 5. Of u2's 7 6 5 none was there before, of u1's three places one is
    new.
    """
    assert plain(
        ask(two_nights, "What changed for"), "item_id", "change", "rank_before", "rank_now"
    ) == [
        ("i2", "up", 2, 1),
        ("i1", "down", 1, 2),
        ("i5", "new", None, 3),
        ("i3", "gone", 3, None),
    ]
    assert plain(ask(two_nights, "Churn between"), "user_id", "changed") == [
        ("u2", 1.0),
        ("u1", 1 / 3),
        ("u0", 0.0),
        ("u3", 0.0),
    ]
    assert plain(ask(two_nights, "Lists by segment"), "segment", "lists", "mean_length") == [
        ("be", 2, 2.5),
        ("nl", 2, 3),
    ]
    favourites = ask(two_nights, "Favourites of each")  # nl: 0 1 2 and 2 1 5
    assert plain(favourites, "segment", "item_id", "lists")[-4:] == [
        ("nl", "i1", 2),
        ("nl", "i2", 2),
        ("nl", "i0", 1),
        ("nl", "i5", 1),
    ]
    newest = [row for row in ask(two_nights, "How many users") if str(row.as_of) == "2026-03-02"]
    assert plain(newest, "rung", "lists", "share")[0] == ("heavy", 2, 0.5)
    assert {row.rung: int(row.lists) for row in newest} == {
        "heavy": 2,
        "retrieval": 1,
        "popularity": 1,
    }
    short = plain(
        ask(two_nights, "Short lists"), "segment", "rung", "short_reason", "lists", "mean_length"
    )
    assert short == [("be", "popularity", "too_few_candidates", 1, 2.0)]
    (why,) = ask(two_nights, "Why this item")
    assert (why.rank, why.reason, why.reason_item_title, why.sources) == (
        1,
        "because_of",
        "Item 7",
        ["two_tower", "covisitation"],
    )


def test_the_quality_and_operations_queries_give_what_was_noted(two_nights: Engine) -> None:
    # Of two users who did something both found it, one of them at the second place, one at the
    # third: `_figures`.
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
        "mean_churn",
        "coverage_on_offer",
        "coverage_of_all_items",
        "short_share",
    )
    assert health == [(1 / 3, 5 / 6, 5 / 8, 0.25)]
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


def test_the_retrieval_queries_give_what_was_learned(two_nights: Engine) -> None:
    found = ask(two_nights, "What does each generator")
    assert plain(found, "generator", "recall", "found_by_it_alone") == [
        ("fresh", 0.5, 0.25),
        ("union", 0.5, 0.5),
        ("two_tower", 0.25, 0.125),
    ]
    towers = ask(two_nights, "Did the tower get")
    columns = (
        "start",
        "why",
        "recall_cold",
        "kept",
        "new",
        "drift",
        "examples",
        "replayed",
        "seconds",
        "recall_before",
        "gain",
        "refresh_ok",
    )
    assert plain(towers, *columns) == [
        ("warm", None, 0.625, 8, 1, Decimal("0.0123"), 10, 30, 1.0, 0.5, 0.25, True),
        ("cold", "the first version", None, 0, 8, 0, 90, 0, 9.5, None, None, True),
    ]
    with two_nights.connect() as connection:
        losses = connection.scalars(
            sa.text("SELECT loss FROM recsys.tower_versions ORDER BY learned_before")
        )
        assert list(losses) == [2.0, 1.5]  # of the last pass
    # Cosines of (.6, .8) with (1, 0), (0, 1), (-1, 0): .6, .8, -.6.
    alike = plain(ask(two_nights, "Which users are like"), "similar_user_id", "similarity")
    assert [(user, round(float(value), 6)) for user, value in alike] == [
        ("u2", 0.8),
        ("u0", 0.6),
        ("u3", -0.6),
    ]
    assert plain(ask(two_nights, "Which items are nearest"), "item_id") == [
        ("i1",),
        ("i2",),
        ("i0",),
        ("i3",),
    ]


def test_a_tower_trained_again_on_corrected_data_replaces_its_row(
    writer: Engine, reader: Engine
) -> None:
    day = date(2026, 3, 1)
    for version in ("1", "2", "2"):
        record_tower(
            writer,
            "h-20260301",
            day,
            f"tower/h-20260301.2026-03-01/{version}",
            {"kept": int(version)},
        )
    with reader.connect() as connection:
        found = connection.execute(
            sa.text("SELECT artifact, kept FROM recsys.tower_versions")
        ).all()
    assert [tuple(row) for row in found] == [("tower/h-20260301.2026-03-01/2", 2)]
    assert recorded_towers(writer) == {"tower/h-20260301.2026-03-01/2"}


def test_a_retired_publication_keeps_its_counts_of_lists(
    two_nights: Engine, writer: Engine
) -> None:
    with writer.begin() as connection:
        connection.execute(
            sa.text("UPDATE recsys.publication SET retired_at = now() WHERE as_of = '2026-03-01'")
        )
    nights = "SELECT DISTINCT as_of::text FROM recsys.{} ORDER BY 1"
    with two_nights.connect() as connection:
        assert list(connection.scalars(sa.text(nights.format("item_exposure")))) == ["2026-03-02"]
        assert list(connection.scalars(sa.text(nights.format("list_counts")))) == [
            "2026-03-01",
            "2026-03-02",
        ]


def test_the_sample_is_everyone_in_a_small_shop_and_some_hundreds_in_a_large_one(
    writer: Engine, reader: Engine
) -> None:
    stock(writer)
    with reader.connect() as connection:
        assert list(
            connection.scalars(sa.text("SELECT user_id FROM recsys.user_sample ORDER BY 1"))
        ) == [
            "u0",
            "u1",
            "u2",
            "u3",
        ]
    with writer.begin() as connection:
        more = (
            "INSERT INTO recsys.users SELECT n, 'x' || n, n % 4 FROM generate_series(4, 4999) AS n"
        )
        connection.execute(sa.text(more))
    with reader.connect() as connection:  # one of every eight
        assert connection.scalar(sa.text("SELECT count(*) FROM recsys.user_sample")) == 625
        segments = connection.scalar(
            sa.text("SELECT count(DISTINCT segment) FROM recsys.user_sample")
        )
    assert segments >= 4


def test_the_data_dictionary_is_current(postgres: Mapping[str, str]) -> None:
    engine = create_engine(postgres["recsys"])
    with engine.connect() as connection:
        found = data_dictionary(connection)
    engine.dispose()
    written = (ROOT / "docs" / "reference" / "data-dictionary.md").read_text()
    assert written == found, "run: recsys data-dictionary > docs/reference/data-dictionary.md"


def test_every_view_column_and_function_has_a_comment(postgres: Mapping[str, str]) -> None:
    silent = """
        SELECT c.relname || '.' || a.attname FROM pg_class AS c
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE c.relnamespace = 'recsys'::regnamespace AND c.relkind = 'v'
          AND has_table_privilege('recsys_reader', c.oid, 'SELECT')
          AND (obj_description(c.oid, 'pg_class') IS NULL OR col_description(c.oid,
            a.attnum) IS NULL)
        UNION ALL
        SELECT p.proname FROM pg_proc AS p
        WHERE p.pronamespace = 'recsys'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL
    """
    engine = create_engine(postgres["recsys"])
    with engine.connect() as connection:
        assert list(connection.scalars(sa.text(silent))) == []
    engine.dispose()


def test_a_new_view_gets_a_query_or_is_left_out_on_purpose() -> None:
    """A view that no query uses is one that an analyst will not find."""
    text = COOKBOOK.read_text()
    left_out = {"fallback_lists", "releases"}
    assert {view for view in VIEWS if f"recsys.{view}" not in text} == left_out
