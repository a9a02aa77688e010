from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.clock import parse_day, start_of
from recsys_tasks.serving.load import load_dimensions
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.entities import NEVER
from tests.serving.nights import sell_out
from tests.worlds import make_config, make_snapshot

CONFIG = make_config(
    users={"attributes": [{"name": "country", "kind": "categorical"}], "segment_by": "country"},
    items={
        "category": "kind",
        "attributes": [
            {"name": "kind", "kind": "categorical"},
            {"name": "price", "kind": "numeric"},
            {"name": "image", "kind": "vector", "dimensions": 2},  # not for readers of SQL
        ],
    },
)
ODD = ["007", 'say "hi", \\ he\nsaid', "ü😀\u2028x"]


def snapshot(
    folder: Path,
    as_of: str,
    kind: str = "k",
    available: bool = True,
    launches: Sequence[int] = (0, 0, 0),
) -> Snapshot:
    events = pd.DataFrame(
        {"user_id": ["u", "v"], "item_id": ODD[:2], "ts": [start_of(parse_day("2026-02-01"))] * 2},
    )
    users = pd.DataFrame({"user_id": ["u", "v"], "country": ["nl", None]})
    items = pd.DataFrame(
        {
            "item_id": ODD,
            "available_from": list(launches),
            "available": [True, available, True],
            "kind": [kind, None, 'a "b"\n'],
            "price": [1.5, None, 2.0],
            "image": [[1.0, 2.0], None, [3.0, 4.0]],
        }
    )
    return make_snapshot(folder, CONFIG, as_of, events, items, users)


def ask(engine: Engine, question: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(question))]


def available(engine: Engine) -> dict[str, bool]:
    return dict(ask(engine, "SELECT item_id, available FROM recsys.item_availability"))


def test_odd_ids_and_attributes_round_trip(writer: Engine, tmp_path: Path) -> None:
    load_dimensions(writer, snapshot(tmp_path, "2026-03-01"))
    assert ask(writer, "SELECT user_key, user_id, segment FROM recsys.users ORDER BY 1") == [
        (0, "u", "nl"),
        (1, "v", None),
    ]
    found = ask(writer, "SELECT item_id, category, attributes FROM recsys.items")
    assert sorted(found) == sorted(
        [
            (ODD[0], "k", {"kind": "k", "price": 1.5}),
            (ODD[1], None, {"kind": None, "price": None}),
            (ODD[2], 'a "b"\n', {"kind": 'a "b"\n', "price": 2.0}),
        ]
    )


def test_an_item_keeps_the_day_since_which_it_exists(
    writer: Engine, reader: Engine, tmp_path: Path
) -> None:
    """Out of stock for a night and back: not new. What is announced and never sold has its day,
    too.
    """
    launches = [start_of(parse_day("2026-01-15")) + 3600, start_of(parse_day("2026-02-01")), NEVER]
    for as_of, in_stock in (("2026-03-01", True), ("2026-03-02", False), ("2026-03-03", True)):
        load_dimensions(writer, snapshot(tmp_path, as_of, available=in_stock, launches=launches))
        found = ask(reader, "SELECT item_id, available_from::text, available FROM recsys.catalogue")
        assert {item: (day, there) for item, day, there in found} == {
            ODD[0]: ("2026-01-15", True),
            ODD[1]: ("2026-02-01", in_stock),
            ODD[2]: (None, True),
        }


def test_a_later_night_changes_rows_and_an_older_one_does_not(
    writer: Engine, tmp_path: Path
) -> None:
    load_dimensions(writer, snapshot(tmp_path, "2026-03-01"))
    load_dimensions(writer, snapshot(tmp_path, "2026-03-02", kind="new", available=False))
    categories = "SELECT category FROM recsys.items WHERE item_id = '007'"
    assert ask(writer, categories) == [("new",)] and not available(writer)[ODD[1]]
    with writer.begin() as connection:  # readers see 2 March
        connection.execute(
            sa.text(
                "WITH p AS (INSERT INTO recsys.publication (as_of, fingerprint, learned_before,"
                " history_before, k, spares, shards, expected_rows, created_at) VALUES"
                " ('2026-03-02', 'f', '2026-03-02', '2026-03-02', 1, 0, 1, 0, now()) RETURNING id)"
                " INSERT INTO recsys.current_publication (publication_id, fence, moved_at,"
                " moved_by, why) SELECT id, 1, now(), 'x', 'x' FROM p"
            )
        )
    load_dimensions(writer, snapshot(tmp_path, "2026-03-01", kind="old"))
    assert ask(writer, categories) == [("new",)] and not available(writer)[ODD[1]]


def test_availability_reported_after_the_cutoff_stays(
    empty: Mapping[str, str], writer: Engine, tmp_path: Path
) -> None:
    load_dimensions(writer, snapshot(tmp_path, "2026-03-01"))
    sell_out(empty, ODD[0])  # reported now, which is after these nights
    load_dimensions(writer, snapshot(tmp_path, "2026-03-02"))
    assert available(writer)[ODD[0]] is False
    load_dimensions(writer, snapshot(tmp_path, "2126-03-03"))  # a night that knows better
    assert available(writer)[ODD[0]] is True


def test_loading_the_same_night_twice_rewrites_nothing(writer: Engine, tmp_path: Path) -> None:
    load_dimensions(writer, snapshot(tmp_path, "2026-03-01"))
    before = ask(writer, "SELECT xmin::text, item_key FROM recsys.items ORDER BY 2")
    load_dimensions(writer, snapshot(tmp_path, "2026-03-01"))
    assert ask(writer, "SELECT xmin::text, item_key FROM recsys.items ORDER BY 2") == before


def test_a_row_changed_by_hand_is_mended_and_the_others_are_not_sent(
    writer: Engine, tmp_path: Path
) -> None:
    night = snapshot(tmp_path, "2026-03-01")
    load_dimensions(writer, night)
    before = dict(ask(writer, "SELECT item_key, xmin::text FROM recsys.items"))
    with writer.begin() as connection:
        connection.execute(
            sa.text(
                "UPDATE recsys.items SET title = 'oops', attributes = '{}' WHERE item_id = '007'"
            )
        )
    load_dimensions(writer, night)
    assert ask(writer, "SELECT title, attributes FROM recsys.items WHERE item_key = 0") == [
        ("Item 007", {"kind": "k", "price": 1.5})
    ]
    after = dict(ask(writer, "SELECT item_key, xmin::text FROM recsys.items"))
    assert {key for key in after if after[key] != before[key]} == {0}


def test_another_choice_of_columns_is_seen(writer: Engine, tmp_path: Path) -> None:
    night = snapshot(tmp_path, "2026-03-01")
    load_dimensions(writer, night)
    items = CONFIG.items.model_copy(update={"category": None})
    load_dimensions(writer, replace(night, config=CONFIG.model_copy(update={"items": items})))
    assert ask(writer, "SELECT DISTINCT category FROM recsys.items") == [(None,)]


def test_analysts_see_the_price_that_the_settings_name_and_when_a_user_was_last_active(
    writer: Engine, reader: Engine, tmp_path: Path
) -> None:
    """Both users' only event is of 1 February 2026; a year later it is no longer looked back to."""
    night = snapshot(tmp_path, "2026-03-01")
    load_dimensions(writer, night)
    prices = "SELECT price FROM recsys.catalogue ORDER BY item_id = '007' DESC, price"
    active = "SELECT user_id, last_active::text, attributes FROM recsys.audience ORDER BY 1"
    assert ask(reader, prices) == [(None,)] * 3
    assert ask(reader, active) == [
        ("u", "2026-02-01", {"country": "nl"}),
        ("v", "2026-02-01", {"country": None}),
    ]
    items = CONFIG.items.model_copy(update={"price": "price"})
    load_dimensions(writer, replace(night, config=CONFIG.model_copy(update={"items": items})))
    assert ask(reader, prices) == [(1.5,), (2.0,), (None,)]
    load_dimensions(writer, snapshot(tmp_path, "2027-02-02"))
    assert [row[1] for row in ask(reader, active)] == [None, None]


def test_chunks_of_one_row_give_the_same_tables(
    writer: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_dimensions(writer, snapshot(tmp_path, "2026-03-01"))
    everything = " UNION ALL ".join(
        f"SELECT row_to_json(t)::text FROM recsys.{name} AS t" for name in ("items", "users")
    )
    whole = sorted(ask(writer, everything))
    with writer.begin() as connection:
        connection.execute(sa.text("DELETE FROM recsys.items"))
        connection.execute(sa.text("DELETE FROM recsys.users WHERE user_key = 0"))
    monkeypatch.setattr("recsys_tasks.serving.dimensions.ROWS_PER_CHUNK", 1)
    load_dimensions(writer, snapshot(tmp_path, "2026-03-01"))
    assert sorted(ask(writer, everything)) == whole
