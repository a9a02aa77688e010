"""`recsys probe`: what an outside monitor hears, with the reader's rights only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import Engine
from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.config.nights import Nights
from recsys_tasks.database import EmbeddedServer, is_running, urls
from recsys_tasks.monitoring.alerts.alert import Alert
from recsys_tasks.monitoring.alerts.table import keep_alert
from recsys_tasks.monitoring.readers.probe import Bounds, Finding, probe
from recsys_tasks.serving.pointer import resume
from tests.serving.nights import (
    FIRST,
    NOW,
    PLAIN,
    publish_night,
    set_hold,
    spec,
    steps,
    stock,
    table,
)

HOUR = timedelta(hours=1)


def look(engine: Engine, now: datetime) -> Finding:
    return probe(engine, now, Bounds())


def alert(raised: datetime) -> Alert:
    words: dict[str, Any] = {"message": "m", "reader_state": "r", "remedy": "d", "runbook": "b"}
    return Alert(
        "i1", raised.isoformat(), "", "validate_data", "freeze", "SchemaError", "critical", **words
    )


def call(**environment: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["probe"], env={"RECSYS_DATABASE_URL": "", **environment})
    return result.exit_code, result.output


def test_no_lists_and_no_database_are_critical_in_one_line(
    empty: Mapping[str, str], reader: Engine
) -> None:
    assert look(reader, NOW) == Finding(2, "readers have no lists: nothing was ever published")
    code, said = call(RECSYS_DATABASE_URL="postgresql://recsys_reader:hunter2@127.0.0.1:1/recsys")
    assert code == 2 and said.startswith("CRITICAL: the readers' database does not answer")
    assert said.count("\n") == 1 and "hunter2" not in said


def test_lists_are_judged_by_their_night_and_by_how_long_they_are_shown(
    writer: Engine, reader: Engine
) -> None:
    stock(writer)
    publish_night(writer, 0)
    fresh = look(reader, NOW)
    assert fresh.code == 0 and f"the night of {FIRST}, current for 0.0 hours" in fresh.words
    assert look(reader, NOW + 29 * HOUR).code == 0
    assert look(reader, NOW + 31 * HOUR).code == 2


def test_lists_of_five_nights_ago_are_not_fresh_because_they_were_published_just_now(
    writer: Engine, reader: Engine
) -> None:
    stock(writer)
    value: object = None
    for step in steps(writer, table(PLAIN), spec(0), NOW + 5 * 24 * HOUR):
        value = step(value)
    found = look(reader, NOW + 5 * 24 * HOUR + HOUR)
    assert found.code == 2 and "current for 1.0 hours; 5 nights behind today" in found.words


def test_who_is_held_is_not_stale_and_a_hold_is_said(writer: Engine, reader: Engine) -> None:
    stock(writer)
    publish_night(writer, 0)
    set_hold(writer, "kim", "prices")
    found = look(reader, NOW + 100 * HOUR)
    assert found.code == 1 and "by kim" in found.words and "behind" not in found.words
    resume(writer, who="kim", now=NOW)
    assert look(reader, NOW).code == 0


def test_an_open_alert_is_said_for_a_day(writer: Engine, reader: Engine) -> None:
    stock(writer)
    publish_night(writer, 0)
    keep_alert(writer, alert(NOW), [])
    found = look(reader, NOW + HOUR)
    assert found.code == 1 and found.words.endswith(
        "1 critical alert(s) open in the last 24 hours, the newest: SchemaError"
    )
    assert look(reader, NOW + 25 * HOUR).code == 0


def test_it_works_with_the_readers_url_alone_and_without_settings(
    empty: Mapping[str, str], writer: Engine
) -> None:
    stock(writer)
    publish_night(writer, 0)
    nothing = {"RECSYS_HOME": "/nowhere", "RECSYS_CONFIG": "/nowhere.yaml"}
    code, said = call(RECSYS_DATABASE_URL=empty["recsys_reader"], **nothing)
    assert code == 2 and f"the night of {FIRST}" in said  # a night of long ago


def test_readers_deadline_is_the_bound_where_it_is_known(writer: Engine, reader: Engine) -> None:
    stock(writer)
    publish_night(writer, 0)
    bounds = Bounds(None, None, Nights("0 3 * * *", "Europe/Amsterdam", time(6)))
    tomorrow = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC) + timedelta(days=1)

    def at(hours: float) -> Finding:
        return probe(reader, tomorrow + timedelta(hours=hours), bounds)

    assert at(1.9).code == 0 and "deadline" not in at(1.9).words  # it starts at 02:00 UTC
    assert at(3 + 1 / 3).code == 0
    assert at(3 + 1 / 3).words.endswith("readers' deadline 06:00 Europe/Amsterdam, 1 h 40 min left")
    late = at(5)
    assert late.code == 2 and late.words.endswith(
        f"the night of {tomorrow.date()} is not there: readers' deadline 06:00 Europe/Amsterdam,"
        " passed 0 min ago"
    )
    assert late.figures["expected_night"] == str(tomorrow.date())
    assert late.figures["readers_deadline"] == (tomorrow + timedelta(hours=5)).isoformat()
    publish_night(writer, 1)
    assert at(5).code == 0 and "deadline" not in at(5).words


def test_a_program_gets_json_and_wrong_settings_do_not_silence_it(
    empty: Mapping[str, str], writer: Engine, tmp_path: Path
) -> None:
    stock(writer)
    publish_night(writer, 0)
    wrong = tmp_path / "recsys.yaml"
    wrong.write_text("clock: wall\nschedule: {ready_by: '06:00'}\nnonsense: 1\n")
    there = {
        "RECSYS_DATABASE_URL": empty["recsys_reader"],
        "RECSYS_HOME": str(tmp_path),
        "RECSYS_CONFIG": str(wrong),
    }
    result = CliRunner().invoke(app, ["probe", "--json"], env=there)
    said = json.loads(result.output)
    assert (result.exit_code, said["code"], said["state"]) == (2, 2, "CRITICAL")
    assert said["as_of"] == str(FIRST) and "readers' deadline 06:00 UTC, passed" in said["words"]
    zone = ["--timezone", "Asia/Tokyo", "--nightly", "0 10 * * *"]
    assert "06:00 Asia/Tokyo" in CliRunner().invoke(app, ["probe", *zone], env=there).output
    refused = CliRunner().invoke(app, ["probe", "--ready-by", "6 am"], env=there)
    assert refused.exit_code == 1 and "where: --ready-by" in refused.output.replace("  ", " ")


@pytest.mark.slow
def test_it_starts_no_server(tmp_path: Path) -> None:
    code, said = call(RECSYS_HOME=str(tmp_path))
    assert code == 2 and "none was started here" in said
    EmbeddedServer.start(tmp_path).stop()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(urls(tmp_path)["recsys_reader"].replace("+psycopg", ""))
    code, said = call(RECSYS_HOME=str(tmp_path))
    assert code == 2 and "does not answer" in said and not is_running(tmp_path)
