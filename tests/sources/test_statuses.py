"""Rows that count or not by a column of states, and columns of states that nobody declared."""

from __future__ import annotations

import sqlite3
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from recsys_tasks.errors import ConfigError, ValidationFailed
from recsys_tasks.sources.base import open_source, source_of
from tests.snapshot.shops import LiteralShop
from tests.worlds import make_config

STATES = ["paid", "shipped", "cancelled", "pending", "refunded", "paid "]
STATUS = {"column": "order_status", "counts": ["paid", "shipped"]}
DECLARED = {**STATUS, "left_out": ["cancelled", "pending"]}
RETURN = {"name": "return", "takes_back": "nothing"}
AS_RETURN = {**DECLARED, "as_events": [{"value": "refunded", "event": "return"}]}


class Shop(LiteralShop):
    """A purchase of each state, by a user and of an item of its own."""

    states: list[str]

    def deliver(self) -> None:
        super().deliver()
        path = self.folder / "events.csv"
        frame = pd.read_csv(path, dtype=str).assign(order_status=self.states)
        frame.to_csv(path, index=False)


def shop(folder: Path, states: list[str], **settings: Any) -> Shop:
    rows = [(f"u{n}", f"i{n}", (5, n)) for n in range(len(states))]
    made = Shop(folder, rows, items=[f"i{n}" for n in range(len(states))], settings=settings)
    made.states = states
    return made


def test_rows_count_are_left_out_or_are_another_event(tmp_path: Path) -> None:
    made = shop(tmp_path, STATES, events={"status": AS_RETURN, "negatives": [RETURN]})
    night = made.night(6)
    facts = night.snapshot.artifact.facts
    assert (night.rows, facts["left_out"], facts["negatives"]) == (3, 2, 1)
    assert "undeclared_status" not in {check.name for check in night.report.warnings}


def test_a_state_that_nobody_declared_stops_the_night_and_is_quoted(tmp_path: Path) -> None:
    made = shop(tmp_path, ["paid", "Cancelled", ""], events={"status": DECLARED})
    with pytest.raises(ValidationFailed) as caught:
        made.night(6)
    assert "events.unknown_event: 2 of 3 rows" in caught.value.found
    assert "'status: Cancelled'" in caught.value.found
    assert "'status: missing'" in caught.value.found
    assert "under events.status" in caught.value.remedy
    lenient = {**DECLARED, "left_out": ["Cancelled"], "missing": "counts"}
    made.settings = {"events": {"status": lenient}}
    assert made.night(6).rows == 2


def test_rows_of_other_kinds_need_no_state(tmp_path: Path) -> None:
    kinds = [{"name": "purchase"}, {"name": "view"}]
    made = shop(
        tmp_path, ["paid", ""], events={"kinds": kinds, "status": {**STATUS, "of": ["purchase"]}}
    )
    made.rows[1] = (*made.rows[1], "view")
    assert made.night(6).rows == 2


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({**STATUS, "left_out": ["paid"]}, "'paid' is there twice"),
        ({**STATUS, "as_events": [{"value": "x", "event": "theft"}]}, "'theft' is neither one of"),
    ],
)
def test_states_that_contradict_other_settings(status: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make_config(events={"status": status})


WORDS = "events.order_status: no setting reads it, and rows that say 'cancelled' 1, 'pending' 1"


def test_a_column_of_states_that_nobody_declared_is_told(tmp_path: Path) -> None:
    made = shop(tmp_path, STATES)
    told = {check.name: check.observed for check in made.night(6).report.warnings}
    assert WORDS in told["undeclared_status"]
    assert "events.status" in told["undeclared_status"]
    found = source_of(made.config).examine(made.config, made.config.source)
    assert WORDS in "; ".join(text for _, text in found)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("state", ["CA", "TX", "NY"]),
        ("status", ["paid", "shipped", "complete"]),
        ("cancelled", ["no", "false", "0"]),
        ("note", ["cancelled", "cancelled", "pending"]),
    ],
)
def test_columns_that_take_no_row_away(tmp_path: Path, name: str, values: list[str]) -> None:
    made = shop(tmp_path, values)
    made.deliver()
    frame = pd.read_csv(tmp_path / "events.csv").rename(columns={"order_status": name})
    frame.to_csv(tmp_path / "events.csv", index=False)
    reader = open_source(made.config, tmp_path)
    reader.read_events(None, date(2026, 1, 6))
    assert reader.remarks() == {}


@pytest.mark.parametrize("form", ["parquet", "json", "sqlite"])
def test_states_of_every_kind_of_source(tmp_path: Path, form: str) -> None:
    made = shop(tmp_path, ["true", "false", "1"])
    made.deliver()
    frame = pd.read_csv(tmp_path / "events.csv", dtype={"order_status": str})
    frame = frame.rename(columns={"order_status": "isCancelled"})
    source: dict[str, Any] = {"kind": "files", "events": str(tmp_path / f"e.{form}")}
    if form == "parquet":
        frame.to_parquet(tmp_path / "e.parquet")
        assert pq.read_schema(tmp_path / "e.parquet").names[-1] == "isCancelled"
    elif form == "json":
        frame.to_json(tmp_path / "e.json", orient="records")
    else:
        with sqlite3.connect(tmp_path / "shop.db") as database:
            frame.to_sql("events", database, index=False)
        source = {"kind": "sql", "url": f"sqlite://{tmp_path}/shop.db", "events": "events"}
    config = make_config(source=source)
    reader = open_source(config, tmp_path)
    reader.read_events(None, date(2026, 1, 6))
    (words,) = reader.remarks()["undeclared_status"]
    assert "rows that say 'true' 1, '1' 1 count" in words
    found = source_of(config).examine(config, config.source)
    assert "events.isCancelled: no setting reads it" in "; ".join(text for _, text in found)
    reader.close()


def test_dates_of_ends_that_nobody_declared_are_told(tmp_path: Path) -> None:
    items = pd.DataFrame({"item_id": ["i0", "i1"], "discontinued_at": ["2026-01-02", ""]})
    made = LiteralShop(tmp_path, [("ann", "i0", (5, 1))], items=items)
    told = {check.name: check.observed for check in made.night(6).report.warnings}
    assert (
        "items.discontinued_at: no setting reads it, and 1 of its 1 dates"
        in told["undeclared_ends"]
    )
    made.settings = {"items": {"available_until_column": "discontinued_at"}}
    assert "undeclared_ends" not in {check.name for check in made.night(6).report.warnings}
