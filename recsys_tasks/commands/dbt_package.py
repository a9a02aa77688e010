"""The dbt package: every readers' view as a source with its comments and tests, and the dashboards
that read them as exposures.

Sources come from the database's own comments, as the data dictionary does; exposures from the
dashboards' own queries. What dbt needs besides lies in include/dbt as it is.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy.engine import Connection

from recsys_tasks.config.environment import PROJECT_ROOT
from recsys_tasks.serving.dictionary import readers_columns

PACKAGE = PROJECT_ROOT / "include" / "dbt"
SOURCES, EXPOSURES = "models/sources.yml", "models/exposures.yml"
STATIC = ("dbt_project.yml", "profiles.yml", "tests/generic/unique_together.sql")
_HEAD = "# Generated from the comments of the database and the dashboards: recsys dbt-package DIR\n"
_KEYS: Mapping[str, tuple[str, ...]] = {
    "alerts": ("id",),
    "also_liked": ("user_id", "item_id"),
    "audience": ("user_id",),
    "audience_changes": ("publication_id", "segment", "change", "why"),
    "audience_counts": ("publication_id", "segment", "served_by", "why_no_list"),
    "bought_together": ("item_id", "other_item_id"),
    "buy_again": ("user_id", "item_id"),
    "catalogue": ("item_id",),
    "champions": ("id",),
    "fallback_lists": ("segment", "rank"),
    "gate_decisions": ("id",),
    "gate_rules": ("decision_id", "place"),
    "item_events": ("item_id", "event"),
    "item_exposure": ("publication_id", "item_id"),
    "item_history": ("publication_id", "item_id"),
    "list_changes": ("user_id",),
    "list_counts": ("publication_id", "segment", "variant", "rung", "short_reason"),
    "metrics": ("as_of", "scope", "name"),
    "nights": ("as_of",),
    "outcome_counts": ("publication_id", "segment", "rank", "reason", "event"),
    "outcome_totals": ("publication_id", "event"),
    "outcomes": ("publication_id", "user_id", "rank", "event"),
    "place_counts": ("publication_id", "segment", "rank", "reason"),
    "place_reasons": ("publication_id", "user_id", "rank", "place"),
    "publication_moves": ("id",),
    "publications": ("publication_id",),
    "recommend_calls": ("day", "outcome"),
    "recommendation_lists": ("user_id",),
    "release_history": ("id",),
    "releases": ("release",),
    "segment_items": ("publication_id", "segment", "place"),
    "similar_items": ("item_id", "similar_item_id"),
    "slices": ("as_of", "measured", "system", "slice", "metric"),
    "stage_runs": ("id",),
    "tower_versions": ("lineage", "learned_before"),
    "user_sample": ("user_id",),
}
"""Columns whose values are together in one row only."""
_MAY_BE_NULL = frozenset({"segment", "why", "why_no_list", "short_reason"})
_VALUES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("alerts", "severity"): ("info", "warning", "critical"),
    ("audience", "served_by"): ("own", "segment", "everyone"),
    ("audience_changes", "change"): ("kept", "gained", "lost"),
    ("audience_counts", "served_by"): ("own", "segment", "everyone"),
    ("gate_decisions", "verdict"): ("promote", "reject", "hold", "refuse"),
    ("publications", "status"): ("building", "ready", "published", "held", "failed"),
}
_OF_OTHERS: Mapping[str, tuple[str, str]] = {
    "item_id": ("catalogue", "item_id"),
    "publication_id": ("publications", "publication_id"),
}
_EACH_PLACE = frozenset({"recommendations", "recommendation_history", "item_vectors"})
"""Views too long for a test of each row; the night's own checks look at every list."""


def write_package(connection: Connection, folder: Path) -> None:
    """Write the package into a folder, which is made; files of the same names are replaced."""
    for name in STATIC:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.resolve() != (PACKAGE / name).resolve():
            shutil.copyfile(PACKAGE / name, target)
    (folder / "models").mkdir(exist_ok=True)
    (folder / SOURCES).write_text(sources(connection))
    (folder / EXPOSURES).write_text(exposures())


def sources(connection: Connection) -> str:
    """models/sources.yml: each readers' view with its comments and tests."""
    rows = readers_columns(connection)
    tables = [_table(name, list(own)) for name, own in groupby(rows, key=lambda row: row.view)]
    known = {
        "name": "recsys",
        "schema": "recsys",
        "description": "The views of Nightshelf, read as the role recsys_reader.",
        "tables": tables,
    }
    return _yaml({"version": 2, "sources": [known]})


def exposures() -> str:
    """models/exposures.yml: each dashboard that reads the views, with those that it reads."""
    found = [
        {
            "name": re.sub(r"\W+", "_", title.lower()).strip("_"),
            "label": title,
            "type": "dashboard",
            "description": about,
            "owner": {"name": "Nightshelf"},
            "depends_on": [f"source('recsys', '{view}')" for view in views],
        }
        for title, about, views in _dashboards()
    ]
    return _yaml({"version": 2, "exposures": found})


def _table(name: str, columns: Sequence[Any]) -> dict[str, Any]:
    key = _KEYS.get(name, ())
    table: dict[str, Any] = {"name": name, "description": columns[0].about}
    if len(key) > 1:
        table["data_tests"] = [{"unique_together": {"columns": list(key)}}]
    table["columns"] = []
    for column in columns:
        one = {"name": column.name, "description": column.meaning, "data_type": column.type}
        tests = list(_tests(name, column.name, key))
        table["columns"].append({**one, "data_tests": tests} if tests else one)
    return table


def _tests(view: str, column: str, key: Sequence[str]) -> Iterator[Any]:
    if view in _EACH_PLACE:
        return
    if column in key and column not in _MAY_BE_NULL:
        yield "not_null"
    if (column,) == tuple(key):
        yield "unique"
    if (view, column) in _VALUES:
        yield {"accepted_values": {"values": list(_VALUES[view, column])}}
    other = _OF_OTHERS.get(column)
    if other is not None and view != other[0] and column in key:
        yield {"relationships": {"to": f"source('recsys', '{other[0]}')", "field": other[1]}}


def _dashboards() -> Iterator[tuple[str, str, list[str]]]:
    """(title, description, views) of each dashboard that asks the views."""
    boards = PROJECT_ROOT / "include" / "dashboards" / "grafana" / "dashboards"
    for path in sorted(boards.glob("*.json")):
        text = path.read_text()
        views = sorted(set(re.findall(r"recsys\.(\w+)", " ".join(_asked(json.loads(text))))))
        if views:
            board = json.loads(text)
            yield f"{board['title']} (Grafana)", board["description"], views


def _asked(board: Mapping[str, Any]) -> Iterator[str]:
    for panel in board["panels"]:
        yield from (target.get("rawSql", "") for target in panel["targets"])


def _yaml(content: Mapping[str, Any]) -> str:
    return _HEAD + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
