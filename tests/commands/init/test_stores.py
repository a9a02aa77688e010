"""`recsys init` on an object store proposes what it proposes on the same files in a folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.commands.init import FolderPlace, Place, StorePlace, propose
from recsys_tasks.config import load_config
from recsys_tasks.sources.base import open_source
from tests.commands.init.test_init import FIRST, NOW, shop
from tests.sources.files.conftest import s3, server, store

__all__ = ["s3", "server", "shop", "store"]


def proposed(place: Place) -> dict[str, Any]:
    return {s.key: s.value for s in propose(place, NOW).settings if s.key != "project"}


def test_the_proposal_is_that_of_the_folder_and_a_night_reads_it(
    shop: Path, store: tuple[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Series of files, a folder of files, and single ones; another delimiter and encoding."""
    (shop / "people").mkdir()
    shutil.move(shop / "customers.csv", shop / "people" / "customers.csv")
    url, files = store
    files.put(f"{shop}/", f"{url.partition('://')[2]}/data/", recursive=True)
    expected = proposed(FolderPlace(shop, shop))
    found = proposed(StorePlace(f"{url}/data"))
    where = {key for key in expected if key.startswith("source.") and key.count("/") == 0}
    assert {"source.delimiter", "source.encoding"} <= where
    for key in ("source.events", "source.items", "source.users"):
        assert found.pop(key) == f"{url}/data/{expected.pop(key)}"
    assert found == expected
    monkeypatch.chdir(tmp_path)
    made = CliRunner().invoke(app, ["init", f"{url}/data/", "--yes"])
    assert made.exit_code == 0, made.output
    written = tmp_path / "recsys.yaml"
    assert yaml.safe_load(written.read_text())["source"]["users"] == f"{url}/data/people"
    reader = open_source(load_config(written), tmp_path)
    reader.prepare(NOW.date())
    assert reader.read_events(FIRST.date(), NOW.date()).num_rows > 1000
    reader.close()


def test_an_empty_bucket_says_what_is_missing(
    store: tuple[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(app, ["init", f"{store[0]}/nothing", "--yes"])
    assert said.exit_code == 1
    assert "todo" in said.output
    assert not (tmp_path / "recsys.yaml").exists()
