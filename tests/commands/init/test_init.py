"""`recsys init`: what it proposes for shops whose tables, names and times differ."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.commands.init import FolderPlace, file_text, propose
from recsys_tasks.config import load_config
from recsys_tasks.errors import ConfigError
from recsys_tasks.sources.base import open_source

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def visits(users: int = 40, days: int = 59) -> Iterator[tuple[int, int, datetime, str]]:
    """Every user views one item each day but Sundays, and buys one of them a week; items come
    back.
    """
    for day in range(days):
        for user in range(users):
            at = FIRST + timedelta(days=day, hours=user % 24, minutes=user)
            if at.weekday() != 6:
                yield user, (user * 7 + day) % 20, at, "view"
                if day % 7 == user % 6:
                    yield user, (user * 7 + day) % 20, at, "buy"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """An odd but honest shop: German decimal export, camel case, milliseconds."""
    rows = pd.DataFrame(visits(), columns=["n", "p", "moment", "what"])
    events = pd.DataFrame(
        {
            "CustomerID": "c" + rows.n.astype(str),
            "ProductID": "p" + rows.p.astype(str),
            "CreatedAt": rows.moment.map(lambda at: int(at.timestamp() * 1000)),
            "EventType": rows.what,
            "UnitPrice": 5.0,
        }
    )
    folder = tmp_path / "shop"
    folder.mkdir()
    for month, part in events.groupby(rows.moment.dt.month):
        part.to_csv(folder / f"log-2026-{month:02d}.csv", sep=";", index=False)
    items = pd.DataFrame({"ProductID": [f"p{n}" for n in range(20)]})
    items["Name"] = [f"Größe {n} im Karton" for n in range(20)]
    items["ProductGroup"] = ["a", "b", "c", "d"] * 5
    items["Colours"] = ["red|blue", "green|red", "blue|green", "red|green"] * 5
    items["AvgRating"] = [n / 7 for n in range(20)]
    items["InStock"] = ["true", "false"] * 10
    items.to_csv(folder / "products.csv", sep=";", index=False, encoding="cp1252")
    people = pd.DataFrame(
        {"CustomerID": [f"c{n}" for n in range(40)], "Country": ["DE", "NL"] * 20}
    )
    people.to_csv(folder / "customers.csv", sep=";", index=False)
    return folder


def proposed(folder: Path, now: datetime = NOW) -> dict[str, Any]:
    return {setting.key: setting.value for setting in propose(FolderPlace(folder), now).settings}


def test_roles_units_and_kinds_are_found_by_names_and_values(shop: Path) -> None:
    found = proposed(shop)
    assert Path(found["source.events"]).name == "log-*-*.csv"
    assert Path(found["source.items"]).name == "products.csv"
    assert Path(found["source.users"]).name == "customers.csv"
    assert (found["source.delimiter"], found["source.encoding"]) == (";", "cp1252")
    assert found["events.user_column"] == "CustomerID"
    assert found["events.item_column"] == "ProductID"
    assert (found["events.timestamp_column"], found["events.timestamp_unit"]) == (
        "CreatedAt",
        "milliseconds",
    )
    assert found["events.event_column"] == "EventType"
    assert {kind["name"]: kind["weight"] for kind in found["events.kinds"]} == {"view": 1, "buy": 5}
    assert found["objectives"][0] == {"name": "success", "events": ["buy"], "weight": 2}
    assert found["users.segment_by"] == "country"
    assert found["items.available_column"] == "InStock"
    assert found["items.title_column"] == "Name"
    assert {a["name"]: a["kind"] for a in found["items.attributes"]} == {
        "name": "text",
        "product_group": "categorical",
        "colours": "multi",
    }
    assert found["repeat_consumption"] == "allow"
    assert found["validation.closed_days"] == ["sunday"]
    assert "validation.allow_empty_days" not in found
    assert found["clock"] == "wall"


def test_returns_and_dislikes_are_negative_events_and_no_goal(shop: Path) -> None:
    for path in shop.glob("log-*.csv"):
        log = pd.read_csv(path, sep=";")
        numbers = range(len(log))
        kinds = {n: {7: "refund", 11: "dislike"}.get(n % 20) for n in numbers}
        log["EventType"] = [kinds[n] or log["EventType"][n] for n in numbers]
        log["Qty"] = [-1 if n % 50 == 0 else 1 for n in numbers]
        log.to_csv(path, sep=";", index=False)
    found = proposed(shop)
    assert sorted(found["events.negatives"], key=lambda one: one["name"]) == [
        {"name": "dislike", "takes_back": "all"},
        {"name": "refund", "takes_back": "newest"},
        {"name": "return", "rows": "negative_quantity", "takes_back": "units"},
    ]
    assert {kind["name"] for kind in found["events.kinds"]} == {"view", "buy"}
    assert [goal["events"] for goal in found["objectives"]] == [["buy"], ["view"]]
    assert found["events.quantity_column"] == "Qty"


def test_a_column_of_ratings_is_proposed_and_every_row_counts(shop: Path) -> None:
    for path in shop.glob("log-*.csv"):
        log = pd.read_csv(path, sep=";").drop(columns="EventType")
        log["Stars"] = [1 + n % 5 for n in range(len(log))]
        log.to_csv(path, sep=";", index=False)
    proposal = propose(FolderPlace(shop), NOW)
    found = {setting.key: setting.value for setting in proposal.settings}
    kind = found["events.kinds"][0]["name"]
    assert found["events.rating"] == {
        "column": "Stars",
        "levels": [{"at_least": 0, "event": kind}],
    }
    path = shop / "recsys.yaml"
    path.write_text(file_text(proposal), encoding="utf-8")
    assert load_config(path).events.rating is not None


def test_what_changes_with_what_users_do_is_left_out_and_said(shop: Path) -> None:
    assert any(
        "AvgRating" in words and "future" in words
        for words in propose(FolderPlace(shop), NOW).left_out
    )


def test_the_file_says_what_was_proposed_and_reads_the_delivered_rows(shop: Path) -> None:
    proposal = propose(FolderPlace(shop), NOW)
    path = shop / "recsys.yaml"
    path.write_text(file_text(proposal), encoding="utf-8")
    assert yaml.safe_load(path.read_text(encoding="utf-8")) == proposal.as_mapping()
    reader = open_source(load_config(path), shop)
    reader.prepare(NOW.date())
    rows = reader.read_events(None, NOW.date())
    assert rows.num_rows == sum(1 for _ in visits())
    assert rows["ts"].null_count == 0
    assert min(rows["ts"].to_pylist()) == int(FIRST.timestamp())
    assert "Größe 3 im Karton" in reader.read_items()["title"].to_pylist()


@pytest.mark.parametrize(
    ("written", "unit"),
    [
        (lambda at: int(at.timestamp()), None),
        (lambda at: int(at.timestamp() * 1e6), "microseconds"),
        (lambda at: at.strftime("%Y%m%d"), "yyyymmdd"),
        (lambda at: at.strftime("%Y-%m-%d %H:%M:%S"), None),
        (lambda at: at.isoformat(), None),
    ],
)
def test_the_unit_of_times_is_the_one_that_fits(shop: Path, written: Any, unit: str | None) -> None:
    for path in shop.glob("log-*.csv"):
        rows = pd.read_csv(path, sep=";")
        moments = pd.to_datetime(rows.CreatedAt, unit="ms", utc=True)
        rows["CreatedAt"] = moments.map(written)
        rows.to_csv(path, sep=";", index=False)
    assert proposed(shop).get("events.timestamp_unit") == unit


def test_times_that_nobody_reads_are_quoted(shop: Path) -> None:
    for path in shop.glob("log-*.csv"):
        rows = pd.read_csv(path, sep=";")
        rows["CreatedAt"] = "week 12 of 2010"
        rows.to_csv(path, sep=";", index=False)
    with pytest.raises(ConfigError) as caught:
        propose(FolderPlace(shop), NOW)
    assert "'week 12 of 2010'" in str(caught.value)


def test_a_shop_without_users_and_kinds_that_nothing_is_known_of(shop: Path) -> None:
    (shop / "customers.csv").unlink()
    for path in shop.glob("log-*.csv"):
        text = path.read_text().replace(";view;", ";A7;").replace(";buy;", ";B9;")
        path.write_text(text)
    proposal = propose(FolderPlace(shop), NOW)
    found = {setting.key: setting for setting in proposal.settings}
    assert "source.users" not in found
    assert found["events.kinds"].confidence == "a guess"
    kinds = [{"name": "A7", "weight": 1}, {"name": "B9", "weight": 4}]
    proposal.asked(lambda setting: kinds if setting.key == "events.kinds" else setting.value)
    assert proposal.as_mapping()["events"]["kinds"] == kinds


def test_rows_of_unknown_items_are_a_question(shop: Path) -> None:
    items = pd.read_csv(shop / "products.csv", sep=";", encoding="cp1252")
    items.iloc[:15].to_csv(shop / "products.csv", sep=";", index=False, encoding="cp1252")
    found = {s.key: s for s in propose(FolderPlace(shop), NOW).settings}[
        "validation.max_unknown_item_share"
    ]
    assert found.confidence == "a guess"
    assert 0.25 <= found.value <= 0.35


def test_a_day_that_has_only_begun_is_no_whole_day(shop: Path) -> None:
    late = pd.read_csv(shop / "log-2026-02.csv", sep=";")
    one = late.iloc[[-1]].assign(
        CreatedAt=int(datetime(2026, 3, 2, 0, 0, 9, tzinfo=UTC).timestamp() * 1000)
    )
    pd.concat([late, one]).to_csv(shop / "log-2026-02.csv", sep=";", index=False)
    assert (
        propose(FolderPlace(shop), datetime(2026, 3, 2, 5, tzinfo=UTC)).first_night == "2026-03-01"
    )


@pytest.mark.parametrize(
    ("lacking", "words"),
    [("log-*.csv", "events:"), ("*", "files that")],
)
def test_a_table_that_lacks_is_named_with_what_was_seen(
    shop: Path, lacking: str, words: str
) -> None:
    for path in shop.glob(lacking):
        path.unlink()
    with pytest.raises(ConfigError) as caught:
        propose(FolderPlace(shop), NOW)
    assert words in caught.value.expected


def test_the_command_writes_a_file_once_and_config_check_accepts_it(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = CliRunner().invoke(app, ["init", str(shop), "--yes"])
    assert said.exit_code == 0, said.output
    assert "not used: items, AvgRating" in said.output
    monkeypatch.setenv("RECSYS_HOME", str(shop / "home"))
    checked = CliRunner().invoke(app, ["config", "check", str(shop / "recsys.yaml")])
    assert checked.exit_code == 0, checked.output
    assert "events log-*-*.csv, items products.csv, users customers.csv" in checked.output
    before = (shop / "recsys.yaml").read_bytes()
    again = CliRunner().invoke(app, ["init", str(shop), "--yes"])
    assert again.exit_code == 1
    assert (shop / "recsys.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "online-retail-ii",
            {
                "repeat_consumption": "allow",
                "users.segment_by": "country",
                "validation.closed_days": ["saturday"],
                "events.quantity_column": "quantity",
            },
        ),
        ("movietweetings", {"repeat_consumption": "forbid", "clock": "simulated"}),
        ("amazon-beauty-s3rec", {"repeat_consumption": "forbid"}),
        ("completejourney-sample", {"repeat_consumption": "allow", "items.category": "department"}),
    ],
)
def test_real_shops(name: str, expected: dict[str, Any], tmp_path: Path) -> None:
    data = os.environ.get("RECSYS_TEST_DATA")
    if not data:
        pytest.skip("RECSYS_TEST_DATA is not set: no real data sets to look at")
    proposal = propose(FolderPlace(Path(data) / name), NOW)
    found = {setting.key: setting.value for setting in proposal.settings}
    assert {key: found.get(key) for key in expected} == expected
    path = tmp_path / "recsys.yaml"
    path.write_text(file_text(proposal), encoding="utf-8")
    load_config(path)
