"""Superset's import bundle: it is whole, its datasets have the views' columns, and each chart's
query answers the reader with the tables' figures.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from sqlalchemy.engine import Engine

from recsys_tasks.config.environment import PROJECT_ROOT

BUNDLE = PROJECT_ROOT / "include" / "dashboards" / "superset"
EMPTY = {"Open alerts"}
"""Charts that are empty on a good day."""


def parts(kind: str) -> dict[str, dict[str, Any]]:
    """The bundle's files of a kind by their uuid."""
    loaded = [yaml.safe_load(path.read_text()) for path in sorted(BUNDLE.glob(f"{kind}/**/*.yaml"))]
    return {one["uuid"]: one for one in loaded}


DATASETS, CHARTS = parts("datasets"), parts("charts")


def source(dataset: dict[str, Any]) -> str:
    if dataset["sql"]:
        return f"({dataset['sql']}) AS asked"
    return f"{dataset['schema']}.{dataset['table_name']}"


def column(one: Any) -> str:
    return one["sqlExpression"] if isinstance(one, dict) else f'"{one}"'


def query(chart: dict[str, Any]) -> str:
    """What Superset would ask for a chart."""
    of, params = source(DATASETS[chart["dataset_uuid"]]), chart["params"]
    assert params["viz_type"] == chart["viz_type"]
    where = " AND ".join(f"({one['sqlExpression']})" for one in params["adhoc_filters"])
    where = f" WHERE {where}" if where else ""
    if params.get("query_mode") == "raw":
        order = [json.loads(text) for text in params["order_by_cols"]]
        by = ", ".join(f'"{name}" {"ASC" if up else "DESC"}' for name, up in order)
        names = ", ".join(map(column, params["all_columns"]))
        tail = f" ORDER BY {by}" if by else ""
        return f"SELECT {names} FROM {of}{where}{tail} LIMIT {params['row_limit']}"
    metrics = params.get("metrics") or [params["metric"]]
    groups = [*([params["x_axis"]] if "x_axis" in params else []), *params["groupby"]]
    names = ", ".join([*map(column, groups), *(one["sqlExpression"] for one in metrics)])
    by = ", ".join(str(place + 1) for place in range(len(groups)))
    return f"SELECT {names} FROM {of}{where} GROUP BY {by} ORDER BY {by}"


def test_the_bundle_is_whole_and_its_password_is_nobodys() -> None:
    (database,) = parts("databases").values()
    assert "recsys_reader:XXXXXXXXXX@" in database["sqlalchemy_uri"]
    assert {one["database_uuid"] for one in DATASETS.values()} == {database["uuid"]}
    assert {one["dataset_uuid"] for one in CHARTS.values()} == set(DATASETS) - _SPARE
    (board,) = parts("dashboards").values()
    placed = [one for one in board["position"].values() if isinstance(one, dict)]
    shown = {one["meta"]["uuid"] for one in placed if one["type"] == "CHART"}
    assert shown == set(CHARTS) and len(CHARTS) > 10
    for row in (one for one in placed if one["type"] == "ROW"):
        widths = [board["position"][child]["meta"]["width"] for child in row["children"]]
        assert sum(widths) == 12


_SPARE = {one["uuid"] for one in DATASETS.values() if one["table_name"] == "slices"}
"""Datasets for charts of the shop's own."""


@pytest.mark.parametrize("uuid", DATASETS, ids=lambda uuid: str(DATASETS[uuid]["table_name"]))
def test_a_dataset_has_the_columns_of_its_view(two_nights: Engine, uuid: str) -> None:
    dataset = DATASETS[uuid]
    with two_nights.connect() as connection:
        found = connection.execute(sa.text(f"SELECT * FROM {source(dataset)} LIMIT 0")).keys()
    assert [one["column_name"] for one in dataset["columns"]] == list(found)
    assert all(one["description"] for one in dataset["columns"])


def test_every_charts_query_answers_the_reader(two_nights: Engine) -> None:
    with two_nights.connect() as connection:
        assert connection.scalar(sa.text("SELECT session_user")) == "recsys_reader"
        for chart in CHARTS.values():
            asked = query(chart).replace(":", r"\:")
            rows = connection.execute(sa.text(asked)).all()
            assert rows or chart["slice_name"] in EMPTY, chart["slice_name"]


def test_the_charts_figures_are_those_of_the_tables(two_nights: Engine) -> None:
    queries = {one["slice_name"]: query(one) for one in CHARTS.values()}

    def ask(sql: str) -> list[Any]:
        with two_nights.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(sql.replace(":", r"\:")))]

    served = ask("SELECT served_by, count(*) FROM recsys.audience GROUP BY 1 ORDER BY 1")
    assert ask(queries["Who is served what"]) == served
    places = dict(ask("SELECT item_id, count(*) FROM recsys.recommendations GROUP BY 1"))
    shown = {row[0]: row[3] for row in ask(queries["Most recommended items"])}
    assert {item: lists for item, lists in shown.items() if lists} == places
    (status,) = ask(queries["What readers see"])
    assert status[1] == ask("SELECT count(*) FROM recsys.recommendation_lists")[0][0]


def test_the_bundle_has_only_files_that_the_import_reads() -> None:
    files = {path.relative_to(BUNDLE) for path in BUNDLE.rglob("*") if path.is_file()}
    assert Path("metadata.yaml") in files
    tops = {path.parts[0] for path in files}
    assert tops == {"metadata.yaml", "databases", "datasets", "charts", "dashboards"}
