"""The dbt package: its files are those that the database generates, and its tests hold after real
nights. dbt itself is in no environment of ours: what its tests ask is asked here in SQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.config.environment import PROJECT_ROOT
from tests.serving.nights import VIEWS
from tests.stages.shop_nights import TwoNights, rows

PACKAGE = PROJECT_ROOT / "include" / "dbt"


def tables() -> list[dict[str, Any]]:
    (source,) = yaml.safe_load((PACKAGE / "models" / "sources.yml").read_text())["sources"]
    found: list[dict[str, Any]] = source["tables"]
    return found


def faults(table: dict[str, Any]) -> Iterator[str]:
    """A query for each test of a table, which has a row for each fault."""
    view = f"recsys.{table['name']}"
    for test in table.get("data_tests", []):
        columns = ", ".join(test["unique_together"]["columns"])
        yield f"SELECT {columns} FROM {view} GROUP BY {columns} HAVING count(*) > 1"
    for column in table["columns"]:
        name = column["name"]
        for test in column.get("data_tests", []):
            if test == "not_null":
                yield f"SELECT 1 FROM {view} WHERE {name} IS NULL"
            elif test == "unique":
                yield f"SELECT {name} FROM {view} GROUP BY {name} HAVING count(*) > 1"
            elif "accepted_values" in test:
                known = ", ".join(f"'{value}'" for value in test["accepted_values"]["values"])
                yield f"SELECT {name} FROM {view} WHERE {name} NOT IN ({known})"
            else:
                other = test["relationships"]
                of = other["to"].split("'")[3]
                yield (
                    f"SELECT {name} FROM {view} WHERE {name} IS NOT NULL AND {name} NOT IN"
                    f" (SELECT {other['field']} FROM recsys.{of})"
                )


@pytest.mark.parametrize("table", tables(), ids=lambda table: str(table["name"]))
def test_what_dbt_would_test_holds_after_two_nights(
    nights: TwoNights, table: dict[str, Any]
) -> None:
    for query in faults(table):
        assert rows(nights.second, query).empty, query


def test_the_package_has_every_readers_view_and_column() -> None:
    known = {table["name"]: table for table in tables()}
    assert sorted(known) == sorted(VIEWS)
    assert all(table["description"] and table["columns"] for table in known.values())
    assert sum(1 for table in known.values() for _ in faults(table)) > 100
    text = (PACKAGE / "models" / "exposures.yml").read_text()
    for exposure in yaml.safe_load(text)["exposures"]:
        assert {one.split("'")[3] for one in exposure["depends_on"]} <= set(known)


def test_the_package_is_what_the_command_writes(
    nights: TwoNights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSYS_HOME", str(nights.second.environment.home))
    done = CliRunner().invoke(app, ["dbt-package", str(tmp_path / "dbt")])
    assert done.exit_code == 0, done.output
    written = {path.relative_to(tmp_path / "dbt") for path in (tmp_path / "dbt").rglob("*.*")}
    assert len(written) == 5
    for path in written:
        given = (PACKAGE / path).read_text()
        assert (tmp_path / "dbt" / path).read_text() == given, (
            f"{path}: run `recsys dbt-package include/dbt`"
        )
