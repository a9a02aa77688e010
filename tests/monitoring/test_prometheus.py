"""`recsys metrics`: every figure by its name, with the reader's rights only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.engine import Engine
from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.config.nights import Nights
from recsys_tasks.monitoring.alerts.alert import Alert
from recsys_tasks.monitoring.alerts.table import keep_alert
from recsys_tasks.monitoring.prometheus import exposition
from tests.monitoring.watched import finish_stages
from tests.serving.nights import FIRST, publish_night, stock

MIDNIGHT = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
PAGES = Path(__file__).resolve().parents[2] / "docs" / "operations"
CLOSED = "postgresql://recsys_reader:hunter2@127.0.0.1:1/recsys"


def samples(page: str) -> dict[tuple[str, ...], float]:
    """Name and the values of its labels in their names' order → value; each is once on the page."""
    found = [
        (
            (
                sample.name.removeprefix("nightshelf_"),
                *(sample.labels[name] for name in sorted(sample.labels)),
            ),
            sample.value,
        )
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    ]
    assert len(dict(found)) == len(found)
    return dict(found)


def test_a_shop_without_a_night_has_no_figures(empty: Mapping[str, str], reader: Engine) -> None:
    page, answered = exposition(reader, MIDNIGHT, None)
    assert answered and samples(page) == {
        ("up",): 1, ("on_hold",): 0, ("publications_waiting",): 0,
    }  # fmt: skip


def test_a_night_is_told_by_lists_alerts_figures_and_stages(writer: Engine, reader: Engine) -> None:
    stock(writer)
    publish_night(writer, 0)
    finish_stages(writer, 0, ["extract", "freeze", "extract"])
    alert = Alert(
        "i1", MIDNIGHT.isoformat(), "", "validate_data", "freeze", "SchemaError", "critical",
        message='a "quoted" word', reader_state="r", remedy="d", runbook="b",
    )  # fmt: skip
    keep_alert(writer, alert, [])
    with writer.begin() as connection:
        insert = "INSERT INTO recsys.metrics (as_of, scope, name, value) VALUES (:n, :s, :m, :v)"
        for ago, scope, name, value in (
            (0, "realised", "ndcg@10", 0.25),
            (1, "realised", "ndcg@10", 0.5),  # an earlier night's
            (0, 'realised/event="buy"', "hr@10", None),  # could not be computed
            (40, "gate/gone", "ndcg@10", 0.1),  # of long ago
        ):
            about = {"n": FIRST - timedelta(days=ago), "s": scope, "m": name, "v": value}
            connection.execute(sa.text(insert), about)
    page, _ = exposition(reader, MIDNIGHT, None)
    found = samples(page)
    assert found[("night_timestamp_seconds",)] == MIDNIGHT.timestamp()
    assert found[("lists",)] > 0
    assert found[("alerts_open", "SchemaError", "critical")] == 1
    figures = {key: value for key, value in found.items() if key[0] == "figure"}
    assert figures == {("figure", "ndcg@10", "realised"): 0.25}
    stages = {key[1] for key in found if key[0] == "stage_seconds"}
    assert stages == {"extract", "freeze"} and "quoted" not in page


def test_the_page_of_the_documentation_names_every_figure_and_no_other(
    writer: Engine, reader: Engine
) -> None:
    stock(writer)
    publish_night(writer, 0)
    nights = Nights("0 3 * * *", "UTC", time(6))
    page, _ = exposition(reader, MIDNIGHT + timedelta(days=1), nights)
    told = set(re.findall(r"`(nightshelf_\w+)`", (PAGES / "monitoring.md").read_text()))
    made = set(re.findall(r"^# TYPE (\w+) gauge", page, flags=re.M))
    assert made | {"nightshelf_gate_night_timestamp_seconds"} == told  # no gate judged here


@pytest.mark.parametrize(("hours", "missed"), [(4, 0), (5, 1)])
def test_readers_deadline_is_told_by_the_shops_clocks(
    writer: Engine, reader: Engine, hours: int, missed: int
) -> None:
    """06:00 in Amsterdam is 05:00 UTC."""
    stock(writer)
    publish_night(writer, 0)
    nights = Nights("0 3 * * *", "Europe/Amsterdam", time(6))
    tomorrow = MIDNIGHT + timedelta(days=1)
    page, _ = exposition(reader, tomorrow + timedelta(hours=hours), nights)
    found = samples(page)
    expected = tomorrow + timedelta(hours=5)
    assert found[("readers_deadline_timestamp_seconds",)] == expected.timestamp()
    assert found[("readers_deadline_missed",)] == missed
    assert found[("night_started_timestamp_seconds",)] == tomorrow.timestamp()


def test_the_file_of_the_node_exporter_is_replaced_also_without_a_database(
    empty: Mapping[str, str], tmp_path: Path
) -> None:
    target = tmp_path / "nightshelf.prom"

    def call(url: str) -> tuple[int, str]:
        nothing = {"RECSYS_HOME": "/nowhere", "RECSYS_CONFIG": "/nowhere.yaml"}
        result = CliRunner().invoke(
            app, ["metrics", "--to", str(target)], env={"RECSYS_DATABASE_URL": url, **nothing}
        )
        return result.exit_code, result.output

    assert call(empty["recsys_reader"]) == (0, "")
    assert samples(target.read_text())[("up",)] == 1
    assert call(CLOSED) == (1, "")
    assert samples(target.read_text()) == {("up",): 0}
    assert [path.name for path in tmp_path.iterdir()] == ["nightshelf.prom"]
