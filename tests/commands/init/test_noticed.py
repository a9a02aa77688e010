"""`recsys init` says what is wrong with the data, though it can propose settings for it."""

from __future__ import annotations

from pathlib import Path

from recsys_tasks.commands.init import file_text
from tests.commands.init.test_odd_files import iso, settled, shop, written


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
