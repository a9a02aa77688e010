"""`recsys init` on files as shops write them: each is proposed settings that read every row."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.commands.init import FolderPlace, Proposal, file_text, propose
from recsys_tasks.config import load_config
from recsys_tasks.sources.base import Reader, open_source
from tests.commands.init.test_init import FIRST, NOW, visits

Tables = dict[str, pd.DataFrame]


def shop() -> Tables:
    rows = pd.DataFrame(visits(), columns=["n", "p", "moment", "what"])
    events = pd.DataFrame(
        {
            "customer": "c" + rows.n.astype(str),
            "product": "p" + rows.p.astype(str),
            "time": rows.moment,
            "event": rows.what,
            "price": 2.5 + rows.p,
        }
    )
    items = pd.DataFrame({"product": [f"p{n}" for n in range(20)]})
    items["name"] = [f"Lamp {n} of glass" for n in range(20)]
    items["weight"] = [n + 0.25 for n in range(20)]
    users = pd.DataFrame({"customer": [f"c{n}" for n in range(40)], "country": ["DE", "NL"] * 20})
    return {"events": events, "items": items, "users": users}


def iso(events: pd.DataFrame) -> None:
    events["time"] = events.time.dt.strftime("%Y-%m-%dT%H:%M:%SZ")


def written(folder: Path, tables: Tables, **how: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False, **how)
    return folder


def settled(folder: Path, now: datetime = NOW) -> tuple[Proposal, Reader]:
    """What is proposed, and a reader under just that."""
    proposal = propose(FolderPlace(folder, folder), now)
    path = folder / "recsys.yaml"
    path.write_text(file_text(proposal), encoding="utf-8")
    reader = open_source(load_config(path), folder)
    reader.prepare(now.date())
    return proposal, reader


def values(proposal: Proposal) -> dict[str, Any]:
    return {setting.key: setting.value for setting in proposal.settings}


def read_whole(reader: Reader) -> None:
    """Every row is read, with its time and its price."""
    rows = reader.read_events(None, NOW.date())
    assert rows.num_rows == sum(1 for _ in visits())
    assert rows["ts"].null_count == rows["price"].null_count == 0
    assert min(rows["ts"].to_pylist()) == int(FIRST.timestamp())
    assert set(rows["price"].to_pylist()) == {2.5 + n for n in range(20)}
    items = reader.read_items()
    assert set(items["item_id"].to_pylist()) == {f"p{n}" for n in range(20)}
    assert reader.odd_values() == {}


@pytest.mark.parametrize("sign", [";", ","])
def test_numbers_with_decimal_commas(tmp_path: Path, sign: str) -> None:
    tables = shop()
    iso(tables["events"])
    proposal, reader = settled(written(tmp_path / "shop", tables, sep=sign, decimal=","))
    assert values(proposal)["source.decimal"] == ","
    assert {"name": "weight", "kind": "numeric"} in values(proposal)["items.attributes"]
    read_whole(reader)


def test_tables_that_are_written_differently(tmp_path: Path) -> None:
    """Events by the till, items by an office program."""
    tables = shop()
    iso(tables["events"])
    tables["items"]["name"] = [f"Größe {n} im Karton" for n in range(20)]
    folder = written(tmp_path / "shop", {n: tables[n] for n in ("events", "users")})
    written(folder, {"items": tables["items"]}, sep=";", decimal=",", encoding="cp1252")
    proposal, reader = settled(folder)
    assert values(proposal)["source.dialects"] == {"items": {"delimiter": ";", "decimal": ","}}
    assert "source.delimiter" not in values(proposal)
    read_whole(reader)
    assert "Größe 3 im Karton" in reader.read_items()["title"].to_pylist()


@pytest.mark.parametrize("headed", [(), ("items",), ("events", "items")])
def test_files_without_a_header_are_named_by_what_they_hold(
    tmp_path: Path, headed: tuple[str, ...]
) -> None:
    tables = shop()
    iso(tables["events"])
    folder = written(tmp_path / "shop", {n: t for n, t in tables.items() if n in headed})
    written(folder, {n: t for n, t in tables.items() if n not in headed}, header=False)
    proposal, reader = settled(folder)
    named = values(proposal)["source.columns"]
    assert set(named) == set(tables) - set(headed)
    if "events" not in headed:
        assert named["events"] == ["user_id", "item_id", "timestamp", "event", "price"]
    if "items" not in headed:
        assert named["items"][:2] == ["item_id", "title"]
    assert named["users"][0] == "user_id"
    guessed = {s.key for s in proposal.settings if s.confidence == "a guess"}
    assert "source.columns" in guessed
    read_whole(reader)
    assert len(reader.read_users()) == 40


def test_columns_whose_names_say_nothing(tmp_path: Path) -> None:
    tables = shop()
    iso(tables["events"])
    tables["events"].columns = pd.Index(["f2", "f1", "f4", "f3", "price"])
    tables["events"] = tables["events"][["f1", "f2", "f3", "f4", "price"]]  # items come first
    tables["items"].columns = pd.Index(["k", "words", "w"])
    tables["users"].columns = pd.Index(["k", "c"])
    tables = {"fact": tables["events"], "dim_a": tables["items"], "dim_b": tables["users"]}
    proposal, reader = settled(written(tmp_path / "shop", tables))
    found = values(proposal)
    assert (found["events.user_column"], found["events.item_column"]) == ("f2", "f1")
    assert (found["events.event_column"], found["items.title_column"]) == ("f3", "words")
    read_whole(reader)


@pytest.mark.parametrize(
    ("form", "asked"),
    [
        ("%d.%m.%Y %H:%M:%S", False),
        ("%d/%m/%Y %H:%M", False),
        ("%m/%d/%Y %I:%M %p", False),
        ("%d-%b-%Y %H:%M:%S", False),
    ],
)
def test_times_that_are_written_as_people_write_them(
    tmp_path: Path, form: str, asked: bool
) -> None:
    tables = shop()
    tables["events"]["time"] = tables["events"].time.dt.strftime(form)
    proposal, reader = settled(written(tmp_path / "shop", tables))
    found = {setting.key: setting for setting in proposal.settings}
    assert found["events.timestamp_format"].value == form
    assert (found["events.timestamp_format"].confidence == "a guess") == asked
    assert found["events.timezone"].confidence == "a guess"
    read_whole(reader)


def test_a_day_that_may_be_a_month_is_asked(tmp_path: Path) -> None:
    tables = shop()
    early = tables["events"].time.dt.day <= 2
    tables["events"] = tables["events"][early]
    tables["events"]["time"] = tables["events"].time.dt.strftime("%d/%m/%Y %H:%M")
    (found,) = [
        setting
        for setting in propose(FolderPlace(written(tmp_path / "s", tables)), NOW).settings
        if setting.key == "events.timestamp_format"
    ]
    assert found.confidence == "a guess"
    assert "%m/%d/%Y %H:%M" in found.evidence


def test_a_zone_is_told_by_the_hour_that_its_clocks_skip(tmp_path: Path) -> None:
    """12 events in each hour of March 2026, on the clocks of Berlin, which have no 2:00 on the
    29th.
    """
    tables = shop()
    hours = pd.date_range("2026-03-10", "2026-04-05", freq="5min", tz="Europe/Berlin")
    tables["events"] = pd.DataFrame(
        {
            "customer": [f"c{n % 40}" for n in range(len(hours))],
            "product": [f"p{n % 20}" for n in range(len(hours))],
            "time": hours.strftime("%Y-%m-%d %H:%M:%S"),
        }
    )
    now = datetime(2026, 4, 6, 1, tzinfo=UTC)
    proposal, reader = settled(written(tmp_path / "shop", tables), now)
    assert values(proposal)["events.timezone"] == "Europe/Berlin"
    rows = reader.read_events(None, now.date())
    begin = datetime(2026, 3, 10, tzinfo=ZoneInfo("Europe/Berlin"))
    assert min(rows["ts"].to_pylist()) == int(begin.timestamp())


def _packed(folder: Path) -> None:
    for path in list(folder.glob("*.csv")):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()


def _in_folders(folder: Path) -> None:
    for path in list(folder.glob("*.csv")):
        (folder / path.stem).mkdir()
        path.rename(folder / path.stem / "part-0.csv")


@pytest.mark.parametrize("change", [_packed, _in_folders])
def test_packed_files_and_a_folder_each(tmp_path: Path, change: Callable[[Path], None]) -> None:
    tables = shop()
    tables["events"]["time"] = tables["events"].time.map(lambda at: int(at.timestamp() * 1000))
    folder = written(tmp_path / "shop", tables)
    change(folder)
    proposal, reader = settled(folder)
    assert values(proposal)["events.timestamp_unit"] == "milliseconds"
    read_whole(reader)


def test_files_of_several_places_in_german(tmp_path: Path) -> None:
    tables = shop()
    iso(tables["events"])
    tables["events"].columns = pd.Index(["Kunde", "Artikelnr", "Zeitpunkt", "Aktion", "Preis"])
    tables["items"].columns = pd.Index(["Artikelnr", "Bezeichnung", "Gewicht"])
    tables["users"].columns = pd.Index(["Kundennr", "Land"])
    log = written(tmp_path / "till", {"journal": tables["events"]}) / "journal.csv"
    office = written(tmp_path / "office", {"a": tables["items"], "b": tables["users"]})
    to = tmp_path / "recsys.yaml"
    said = CliRunner().invoke(app, ["init", str(log), str(office), "--yes", "--to", str(to)])
    assert said.exit_code == 0, said.output
    config = load_config(to)
    reader = open_source(config, tmp_path)
    reader.prepare(NOW.date())
    read_whole(reader)
    assert (config.users.segment_by, config.items.title_column) == ("land", "Bezeichnung")
    assert "till/journal.csv" in to.read_text(encoding="utf-8")


def test_a_table_that_is_not_used_is_named(tmp_path: Path) -> None:
    tables = shop()
    iso(tables["events"])
    tables["wishes"] = tables["events"].head(100)
    tables["weather"] = pd.DataFrame({"town": ["a", "b"], "rain": [1, 2]})
    left_out = propose(FolderPlace(written(tmp_path / "shop", tables)), NOW).left_out
    assert any("wishes.csv" in words and "also has a user" in words for words in left_out)
    assert any("weather.csv" in words for words in left_out)


def test_a_log_alone_is_a_shop(tmp_path: Path) -> None:
    tables = {"log": shop()["events"]}
    iso(tables["log"])
    proposal, reader = settled(written(tmp_path / "shop", tables))
    assert not any(key.startswith("items.") for key in values(proposal))
    assert any("items are those of the events" in words for words in proposal.left_out)
    read_whole(reader)
    assert len(reader.read_users()) == 40


@pytest.mark.parametrize("below", ["log", ""])
def test_folders_that_are_columns(tmp_path: Path, below: str) -> None:
    tables = shop()
    iso(tables["events"])
    events = tables.pop("events")
    folder = written(tmp_path / "shop", tables)
    for kind, rows in events.groupby("event"):
        place = folder / below / f"event={kind}"
        place.mkdir(parents=True)
        rows.drop(columns="event").to_csv(place / "part.csv", index=False)
    proposal, reader = settled(folder)
    assert values(proposal)["source.events"] == (below or "event=*")
    assert {kind["name"] for kind in values(proposal)["events.kinds"]} == {"view", "buy"}
    read_whole(reader)
    kinds = reader.read_events(None, NOW.date())["event"].to_pylist()
    assert kinds.count("buy") == int((events.event == "buy").sum())


def test_words_for_missing_values_of_one_table(tmp_path: Path) -> None:
    """`NA` is a missing weight of an item, and a user's country."""
    tables = shop()
    iso(tables["events"])
    tables["items"]["weight"] = ["NA" if n % 4 == 0 else str(n + 0.5) for n in range(20)]
    tables["users"]["country"] = ["NA", "DE"] * 20
    proposal, reader = settled(written(tmp_path / "shop", tables))
    assert values(proposal)["source.dialects"] == {"items": {"null_words": ["NA"]}}
    assert {"name": "weight", "kind": "numeric"} in values(proposal)["items.attributes"]
    read_whole(reader)
    assert reader.read_items()["weight"].null_count == 5
    assert reader.read_users()["country"].to_pylist().count("NA") == 20


def test_a_table_without_kinds_says_what_its_rows_are(tmp_path: Path) -> None:
    tables = shop()
    iso(tables["events"])
    events = tables.pop("events")
    tables["views"] = events[events.event == "view"].drop(columns="event")
    (kind,) = values(propose(FolderPlace(written(tmp_path / "shop", tables)), NOW))["events.kinds"]
    assert kind["name"] == "view"
