"""`recsys init` says what is wrong with the data, though it can propose settings for it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from recsys_tasks.commands.init import file_text
from tests.commands.init.test_init import NOW
from tests.commands.init.test_odd_files import iso, settled, shop, values, written


def test_ids_that_a_spreadsheet_has_shortened(tmp_path: Path) -> None:
    tables = shop()
    iso(tables["events"])
    for table in ("events", "items"):
        numbers = tables[table]["product"].str[1:].astype(int) * 10_000_000 + 4_006_381_333_931
        tables[table]["product"] = [f"{number:.5E}" for number in numbers]
    tables["items"] = tables["items"].drop_duplicates("product")
    proposal, _ = settled(written(tmp_path / "shop", tables))
    told = [words for words in proposal.noticed if "lost digits" in words]
    assert [words.partition(":")[0] for words in told] == ["events, product", "items, product"]
    assert "'4.00638E+12'" in told[0]
    assert "Wrong with the data:" in file_text(proposal)


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%d.%m.%Y"])
def test_dates_on_which_items_end(tmp_path: Path, form: str) -> None:
    tables = shop()
    iso(tables["events"])
    ends = ["", *(f"{NOW + timedelta(days=n):{form}}" for n in range(1, 20))]
    tables["items"]["discontinued_at"] = ends
    proposal, _ = settled(written(tmp_path / "shop", tables))
    assert values(proposal)["items.available_until_column"] == "discontinued_at"
    known = form == "%Y-%m-%d"
    assert values(proposal).get("items.available_until_format") == (None if known else form)
    names = [one["name"] for one in values(proposal)["items.attributes"]]
    assert "discontinued_at" not in names


def test_dates_before_which_items_are_bought_are_no_ends(tmp_path: Path) -> None:
    tables = shop()
    iso(tables["events"])
    tables["items"]["valid_until"] = ["2020-01-01"] * 20
    proposal, _ = settled(written(tmp_path / "shop", tables))
    assert "items.available_until_column" not in values(proposal)
    assert any(words.startswith("items, valid_until: ") for words in proposal.left_out)


def test_a_column_of_states_of_orders(tmp_path: Path) -> None:
    tables = shop()
    iso(tables["events"])
    states = ["paid", "shipped", "cancelled", "refunded"]
    tables["events"]["status"] = [states[n % 4] for n in range(len(tables["events"]))]
    proposal, reader = settled(written(tmp_path / "shop", tables))
    (status,) = [s for s in proposal.settings if s.key == "events.status"]
    assert status.confidence == "a guess"
    assert set(status.value["counts"]) == {"paid", "shipped"}
    assert set(status.value["left_out"]) == {"cancelled", "refunded"}
    kinds = reader.read_events(None, NOW.date())["event"].to_pylist()
    assert kinds.count("left out by its status") == len(kinds) // 2


def test_files_that_are_not_read(tmp_path: Path) -> None:
    tables = shop()
    iso(tables["events"])
    folder = written(tmp_path / "shop", tables)
    (folder / "events-2024.zip").write_bytes(b"PK\x03\x04")
    proposal, _ = settled(folder)
    assert any("'events-2024.zip': an archive" in words for words in proposal.noticed)
