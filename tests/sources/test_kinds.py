"""Sources are found by their name: built in, deleted from a copy, or installed by the guide."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from recsys_tasks.config import PROJECT_ROOT
from recsys_tasks.errors import ConfigError
from tests.worlds import make_config

_CHECK = (
    "import sys, yaml\n"
    "from recsys_tasks.config import parse_config\n"
    "from recsys_tasks.config.source import SOURCES\n"
    "from recsys_tasks.sources.base import has_users_table, source_of\n"
    "print(SOURCES.names(), [name for name in ('numpy', 'pyarrow') if name in sys.modules])\n"
    "config = parse_config(yaml.safe_load(sys.stdin))\n"
    "print(source_of(config).describe(config.source), has_users_table(config))\n"
)


def run(folder: Path, code: str, settings: object = None) -> subprocess.CompletedProcess[str]:
    """Python with the packages of a folder before all others."""
    return subprocess.run(
        [sys.executable, "-c", code],
        input=yaml.safe_dump(settings),
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )


@pytest.mark.parametrize(
    ("gone", "other", "words"),
    [
        (
            ["kinds/files.py"],
            {"kind": "shop", "users": 9, "items": 8},
            "('shop', 'sql') []\nsimulated shop: 9 users, 8 items from 2026-01-05, seed 7 True\n",
        ),
        (
            ["kinds/shop.py", "shop"],
            {"kind": "files", "events": "e.csv", "items": "i.csv"},
            "('files', 'sql') []\n"
            "files: events e.csv, items i.csv, users those of the events False\n",
        ),
    ],
)
def test_a_source_that_is_deleted_leaves_the_other_running(
    tmp_path: Path, gone: list[str], other: dict[str, object], words: str
) -> None:
    copy = tmp_path / "recsys_tasks"
    shutil.copytree(
        PROJECT_ROOT / "recsys_tasks", copy, ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in gone:
        path = copy / "sources" / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    settings = {
        "project": "shop",
        "source": other,
        "objectives": [{"name": "buy", "events": ["purchase"]}],
    }
    done = run(tmp_path, _CHECK, settings)
    assert (done.stdout, done.returncode) == (words, 0), done.stderr


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (None, "source: say where rows come from"),
        ({}, "source: say where rows come from"),
        ({"kind": "bigquery"}, "'bigquery' is no kind of source that is built in or installed"),
        ({"kind": "files"}, "source.events: Field required"),
        ({"kind": "shop", "user": 3}, "source.user: Extra inputs are not permitted"),
    ],
)
def test_a_source_that_is_none_is_refused(source: object, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        make_config(source=source)
    assert words in refused.value.found


# --- the guide, word for word ---------------------------------------------------------------------


def guide(folder: Path) -> dict[str, Any]:
    """Write the package of the guide as an installer would leave it; the settings that name it."""
    text = (PROJECT_ROOT / "docs" / "extending.md").read_text()
    section = text[text.index("## Source\n") :]
    section = section[: section.index("\n## ")]
    package = folder / "my_nightshelf"
    package.mkdir()
    (package / "__init__.py").write_text("")
    for block in re.finditer(r"\n```python\n(.*?)```", section, re.S):
        names = re.findall(r"`my-nightshelf/my_nightshelf/(\w+\.py)`", section[: block.start()])
        (package / names[-1]).write_text(block[1])
    group, line = re.findall(r'\[project\.entry-points\."(.+?)"\]\n(.+)\n', section)[0]
    info = folder / "my_nightshelf-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-nightshelf\nVersion: 0.1.0\n")
    entry = line.replace('"', "")
    (info / "entry_points.txt").write_text(f"[{group}]\n{entry}\n")
    settings: dict[str, Any] = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", section, re.S)[0])
    return settings


_CLI = "from recsys_tasks.cli import app; app(['config', 'check', 'settings.yaml'])"
_NIGHT = (
    "import sys, yaml\n"
    "from datetime import UTC, date, datetime\n"
    "from pathlib import Path\n"
    "from recsys_tasks.config import parse_config\n"
    "from recsys_tasks.lake import Lake\n"
    "from recsys_tasks.snapshot.extract import extract\n"
    "from recsys_tasks.sources.base import open_source\n"
    "config = parse_config(yaml.safe_load(sys.stdin))\n"
    "night, now = date(2026, 1, 7), datetime(2026, 1, 7, 1, tzinfo=UTC)\n"
    "reader = open_source(config, Path('.'))\n"
    "done = extract(config, Lake(Path('lake')), reader, night, now)\n"
    "items = reader.read_items()['item_id'].to_pylist()\n"
    "print(done.rows, [str(day) for day in done.parts], items)\n"
    "print(reader.read_users()['user_id'].to_pylist(), reader.odd_values())\n"
)


def test_the_source_of_the_guide_is_checked_and_read(tmp_path: Path) -> None:
    settings = guide(tmp_path)
    settings["source"]["path"] = str(tmp_path / "shop.db")
    settings["events"] = {"event_column": None, "price_column": "price"}
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("CREATE TABLE events (user_id, item_id, timestamp, price)")
        database.execute("CREATE TABLE items (item_id)")
        # 2026-01-05 12:00 and 2026-01-06 12:00 UTC; a price of a third row cannot be
        rows = [("007", "a", 1_767_614_400, 5), ("7", "b", 1_767_700_800, 1)]
        rows.append(("7", "a", 1_767_700_801, -3))
        database.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", rows)
        database.executemany("INSERT INTO items VALUES (?)", [("a",), ("b",)])
    done = run(tmp_path, _NIGHT, settings)
    assert done.stdout == (
        "3 ['2026-01-05', '2026-01-06'] ['a', 'b']\n['007', '7'] {'events.price': (\"'-3'\",)}\n"
    ), done.stderr
    check = run(tmp_path, _CHECK, settings)
    assert check.stdout == (
        f"('files', 'shop', 'sql', 'sqlite') []\nSQLite {tmp_path}/shop.db: events, items False\n"
    ), check.stderr
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings))
    lines = run(tmp_path, _CLI).stdout.splitlines()
    assert f"source       SQLite {tmp_path}/shop.db: events, items" in lines
    assert lines[-1] == f"data         SQLite database {tmp_path}/shop.db: there"
    assert lines[-2] == "plug-ins     sqlite of my-nightshelf 0.1.0 (sources)"


def test_the_settings_of_the_guides_source_are_checked_by_its_model(tmp_path: Path) -> None:
    settings = guide(tmp_path)
    (tmp_path / "settings.yaml").write_text(
        yaml.safe_dump({**settings, "source": {"kind": "sqlite", "event": "orders"}})
    )
    done = run(tmp_path, _CLI)
    assert done.returncode == 1
    assert "2 mistake(s): source.path: Field required; source.event: Extra inputs" in done.stderr
    assert [part for part in ("expected:", "found:", "where:", "todo:") if part in done.stderr] == [
        "expected:",
        "found:",
        "where:",
        "todo:",
    ]
