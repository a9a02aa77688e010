"""Grafana's dashboards: each panel asks what is there, as the reader may."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from sqlalchemy.engine import Engine

from recsys_tasks.config.environment import PROJECT_ROOT
from recsys_tasks.monitoring.prometheus import exposition
from tests.serving.nights import NOW

GRAFANA = PROJECT_ROOT / "include" / "dashboards" / "grafana"
BOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
EMPTY = {"Open alerts"}
"""Panels that are empty on a good day."""


def panels(name: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each panel of a dashboard with each of its queries."""
    board = json.loads((GRAFANA / "dashboards" / name).read_text())
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield panel, target


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_panels_stand_side_by_side_and_ask_a_provisioned_source(path: Path) -> None:
    sources = yaml.safe_load((GRAFANA / "provisioning/datasources/nightshelf.yaml").read_text())
    known = {source["uid"]: source["type"] for source in sources["datasources"]}
    taken: set[tuple[int, int]] = set()
    board = json.loads(path.read_text())
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"]) > 5
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken and max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells
        for target in panel["targets"]:
            source = target["datasource"]
            assert known[source["uid"]] == source["type"] == panel["datasource"]["type"]


def test_every_query_of_a_panel_answers_the_reader(two_nights: Engine) -> None:
    asked = 0
    with two_nights.connect() as connection:
        assert connection.scalar(sa.text("SELECT session_user")) == "recsys_reader"
        for panel, target in panels("nights.json"):
            found = connection.execute(sa.text(target["rawSql"].replace(":", r"\:")))
            rows = found.mappings().all()
            assert rows or panel["title"] in EMPTY, panel["title"]
            if target["format"] == "time_series":  # Grafana draws what has a moment and numbers
                assert next(iter(found.keys())) == "time"
                for row in rows:
                    values = [
                        value for name, value in row.items() if name not in ("time", "metric")
                    ]
                    assert row["time"].tzinfo and values
                    assert all(value is None or float(value) >= 0 for value in values)
            asked += 1
    assert asked == 11


def test_the_panels_figures_are_those_of_the_tables(two_nights: Engine) -> None:
    queries = {panel["title"]: target["rawSql"] for panel, target in panels("nights.json")}

    def ask(sql: str) -> list[Any]:
        with two_nights.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(sql.replace(":", r"\:")))]

    lists = ask("SELECT count(*) FROM recsys.recommendation_lists")
    (status,) = ask(queries["What readers see"])
    assert status[1] == lists[0][0]
    served = ask("SELECT served_by, count(*) FROM recsys.audience GROUP BY 1 ORDER BY 2 DESC, 1")
    assert sorted(ask(queries["Who is served what"])) == sorted(served)
    places = ask("SELECT item_id, count(*) FROM recsys.recommendations GROUP BY 1")
    shown = {row[0]: row[3] for row in ask(queries["Most recommended items"])}
    assert {item: lists for item, lists in shown.items() if lists} == dict(places)


def test_the_metrics_of_the_panels_are_those_that_prometheus_reads(two_nights: Engine) -> None:
    page, answered = exposition(two_nights, NOW, None)
    assert answered
    told = set(re.findall(r"^# TYPE (nightshelf_\w+)", page, re.M))
    only_by_the_wall = {"nightshelf_readers_deadline_missed"}
    for panel, target in panels("readers.json"):
        named = set(re.findall(r"nightshelf_\w+", target["expr"]))
        assert named and named <= told | only_by_the_wall, panel["title"]
