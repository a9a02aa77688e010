"""Paths and names as people write them under `source`, and what is refused with the settings."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from recsys_tasks.config import load_config, parse_config
from recsys_tasks.errors import ConfigError
from recsys_tasks.sources.base import open_source, source_of
from tests.sources.files.test_reader import write
from tests.sources.test_deliveries import HEADER, ROW


def settings(folder: Path, events: str) -> Path:
    path = folder / "recsys.yaml"
    path.write_text(
        f"project: p\nsource: {{kind: files, events: '{events}', items: items.csv}}\n"
        "objectives: [{name: purchase, events: [purchase]}]\n"
    )
    return path


@pytest.mark.parametrize("events", ["events", "./events/a.csv", "ev*/*.csv", "~/data/events"])
def test_paths_as_people_write_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, events: str
) -> None:
    write(tmp_path, "data/events/a.csv", HEADER + ROW)
    write(tmp_path, "data/items.csv", "item_id\nlamp\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir("/")
    config = load_config(settings(tmp_path / "data", events))
    assert open_source(config, tmp_path).read_events(None, date(2026, 2, 1)).num_rows == 1
    assert open_source(config, tmp_path).read_items().num_rows == 1
    # the doctor looks where the night does
    there, first_rows = source_of(config).examine(config, config.source)
    assert there == (True, "data files: there")
    assert first_rows[0]


def test_a_relative_path_that_means_two_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("data", "here"):
        write(tmp_path, f"{folder}/events/a.csv", HEADER + ROW)
        write(tmp_path, f"{folder}/items.csv", "item_id\nlamp\n")
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ConfigError, match="write the whole path"):
        open_source(load_config(settings(tmp_path / "data", "events")), tmp_path)
    (tmp_path / "data" / "events").rename(tmp_path / "data" / "moved")
    (tmp_path / "data" / "items.csv").rename(tmp_path / "data" / "moved.csv")
    config = load_config(
        settings(tmp_path / "data", "events")
    )  # as it always was: below the current folder
    assert open_source(config, tmp_path).read_events(None, date(2026, 2, 1)).num_rows == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"items": {"attributes": [{"name": "available", "kind": "categorical"}]}},
            "items.available_column",
        ),
        (
            {"items": {"attributes": [{"name": "item_key", "kind": "numeric"}]}},
            "name: shop_item_key, column: item_key",
        ),
        (
            {"users": {"attributes": [{"name": "user_id", "kind": "text"}]}},
            "column that each table of users has",
        ),
        (
            {"users": {"attributes": [{"name": "Land", "kind": "text"}]}},
            "name: land, column: 'Land'",
        ),
        ({"events": {"kinds": [{"name": 3}]}}, "write it in quotes, '3'"),
        ({"validation": {"accepted_losses": ["soon"]}}, "accepted_losses"),
        (
            {"source": {"kind": "files", "events": "e", "items": "i", "encoding": "utf-1"}},
            "no encoding",
        ),
        ({"events": {"kinds": [{"name": "a\0b"}]}}, "NUL"),
        ({"events": {"kinds": [{"name": "a\ud800b"}]}}, "surrogate"),
    ],
)
def test_names_that_cannot_be_are_refused_with_the_settings(
    changes: dict[str, Any], words: str
) -> None:
    source = {"kind": "files", "events": "e", "items": "i"}
    with pytest.raises(ConfigError) as caught:
        parse_config(
            {
                "project": "p",
                "source": source,
                "objectives": [{"name": "o", "events": ["purchase"]}],
                **changes,
            }
        )
    assert words in str(caught.value)
