"""Commands that list what the database has: for a person, for a program, and of nothing."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
import typer
import yaml
from rich.console import Console
from sqlalchemy.engine import Engine
from typer.testing import CliRunner

from recsys_tasks.cli import app, output
from recsys_tasks.config import DEFAULT_CONFIG
from recsys_tasks.config.environment import PROJECT_ROOT
from tests.serving.nights import publish_night, set_hold, stock

LISTINGS = {
    "status": ("SELECT * FROM recsys.status", 1),
    "publications": ("SELECT * FROM recsys.publications", 2),
    "releases": ("SELECT * FROM recsys.releases", 1),
    "alerts": ("SELECT * FROM recsys.alerts WHERE resolved_at IS NULL", 1),
    "alerts list": ("SELECT * FROM recsys.alerts WHERE resolved_at IS NULL", 1),
    "alerts --all": ("SELECT * FROM recsys.alerts", 2),
    "gate": ("SELECT * FROM recsys.gate_decisions", 1),
    "recommend u0": ("SELECT * FROM recsys.recommend('u0', NULL)", 3),
    "history u0": ("SELECT * FROM recsys.recommendation_history WHERE user_id = 'u0'", 6),
    "similar i0": ("SELECT * FROM recsys.similar_items WHERE item_id = 'i0'", 2),
}
ELSEWHERE = {
    "why": "tests/commands/test_why.py",
    "place-reasons": "tests/stages/test_place_reasons.py",
    "probe": "tests/monitoring/readers/test_probe.py",
    "sql": "tests/commands/test_analysts.py",
}
"""Commands whose forms for programs need a night, or are one object or psql's own: where tried."""
ODD = 'a comma, a "quote", a\nline and [red]markup[/]'


@pytest.fixture
def shop(writer: Engine, empty: Mapping[str, str]) -> Mapping[str, str]:
    """Two nights, an open and a past alert, a verdict and a release."""
    stock(writer)
    publish_night(writer, 0, release="r20260301-abcdef")
    publish_night(writer, 1, release="r20260301-abcdef")
    set_hold(writer, "ann", ODD)
    with writer.begin() as connection:
        for number, resolved in ((1, None), (2, datetime(2026, 3, 2, tzinfo=UTC))):
            connection.execute(
                sa.text(
                    "INSERT INTO recsys.alerts (incident, raised_at, as_of, kind, severity,"
                    " message, reader_state, remedy, runbook, delivered, resolved_at) VALUES (:n,"
                    " '2026-03-01Z', '2026-03-01', 'unexpected', 'critical', :m, 'lists', 'recsys"
                    " doctor', 'https://x', '{\"log\": \"sent\"}', :r)"
                ),
                {"n": f"incident {number}", "m": ODD, "r": resolved},
            )
        connection.execute(
            sa.text(
                "INSERT INTO recsys.gate_decisions (as_of, challenger, verdict, paragraph, rules)"
                " VALUES ('2026-03-01', 'r20260301-abcdef', 'promote', :m, '[]')"
            ),
            {"m": ODD},
        )
        connection.execute(
            sa.text(
                "INSERT INTO recsys.release_events (ts, event, release, who, why) VALUES"
                " ('2026-03-01Z', 'registered', 'r20260301-abcdef', 'gate', :m)"
            ),
            {"m": ODD},
        )
    return empty


def call(urls: Mapping[str, str], words: str) -> Any:
    return CliRunner().invoke(
        app, words.split(), env={"RECSYS_DATABASE_URL": urls["recsys"], "COLUMNS": "400"}
    )


def commands(group: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, set[str]]]:
    """Each command of the command line, a group that is one itself, too, with its options."""
    options = {one for parameter in group.params for one in parameter.opts}
    if before and getattr(group, "invoke_without_command", True):
        yield " ".join(before), options
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*before, name))


def test_every_command_that_lists_something_is_tried_for_programs() -> None:
    """By the command line's own list: one that prints rows has both forms, and a test."""
    known = dict(commands(typer.main.get_command(app)))
    assert len(known) > 35
    forms = {name for name, options in known.items() if options & {"--json", "--csv"}}
    tried = {words for words in known for line in LISTINGS if f"{line} ".startswith(f"{words} ")}
    assert forms == {"alerts"} | tried | set(ELSEWHERE)
    for name in forms - {"probe", "sql"}:
        assert {"--json", "--csv"} <= known[name], name
    for place in ELSEWHERE.values():
        assert (PROJECT_ROOT / place).is_file()


def test_jq_reads_every_listing(shop: Mapping[str, str]) -> None:
    jq = shutil.which("jq")
    if jq is None:
        pytest.skip("no jq on PATH: apt-get install jq")
    for words, (_, expected) in LISTINGS.items():
        told = call(shop, f"{words} --json").stdout
        counted = subprocess.run(
            [jq, "length"], input=told, capture_output=True, text=True, check=True
        )
        assert int(counted.stdout) == expected, words


@pytest.mark.parametrize("words", LISTINGS)
def test_json_and_csv_have_every_row_and_the_same_columns(
    shop: Mapping[str, str], writer: Engine, words: str
) -> None:
    query, expected = LISTINGS[words]
    with writer.connect() as connection:
        counted = len(connection.execute(sa.text(query)).all())
    assert counted == expected
    as_json, as_csv = call(shop, f"{words} --json"), call(shop, f"{words} --csv")
    assert (as_json.exit_code, as_csv.exit_code) == (0, 0), as_json.output + as_csv.output
    objects = json.loads(as_json.stdout)
    table = list(csv.DictReader(io.StringIO(as_csv.stdout)))
    assert len(objects) == len(table) == expected
    for one, row in zip(objects, table, strict=True):
        assert list(one) == list(row)
        for name, value in one.items():
            if value is None:
                assert row[name] == ""
            elif isinstance(value, str):
                assert row[name] == value  # what a text holds survives both
            elif isinstance(value, bool):
                assert row[name] == str(value)
            elif isinstance(value, int | float):
                assert float(row[name]) == pytest.approx(value)
            else:
                assert json.loads(row[name]) == value


@pytest.mark.parametrize("words", ["history nobody", "similar nothing"])
def test_of_an_unknown_id_programs_get_an_empty_list_and_the_columns(
    shop: Mapping[str, str], words: str
) -> None:
    known = words.replace("nobody", "u0").replace("nothing", "i0")
    assert json.loads(call(shop, f"{words} --json").stdout) == []
    assert (
        call(shop, f"{words} --csv").stdout
        == call(shop, f"{known} --csv").stdout[
            : call(shop, f"{known} --csv").stdout.index("\n") + 1
        ]
    )


@pytest.mark.parametrize(
    "words", ["publications", "releases", "alerts", "gate", "recommend u0", "history u0"]
)
def test_of_an_empty_schema_a_person_is_told_and_a_program_gets_no_rows(
    empty: Mapping[str, str], words: str
) -> None:
    told = call(empty, words)
    assert told.exit_code == 0 and len(told.output.splitlines()) == 1
    assert json.loads(call(empty, f"{words} --json").stdout) == []
    assert len(call(empty, f"{words} --csv").stdout.splitlines()) == 1


def test_status_says_what_readers_see_and_why_nights_wait(
    shop: Mapping[str, str], empty: Mapping[str, str]
) -> None:
    said = call(shop, "status").output
    assert "the lists of 2026-03-02: 4 users" in said
    assert "r20260301-abcdef" in said
    assert "by ann" in said and "[red]markup[/]" in said and "`recsys resume`" in said
    assert "open alerts    1" in said


def test_status_says_what_is_left_to_readers_deadline(
    shop: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "deadline" not in call(shop, "status").output
    settings = yaml.safe_load(DEFAULT_CONFIG.read_text()) | {"clock": "wall"}
    settings["schedule"] = {"ready_by": "06:00", "timezone": "Europe/Amsterdam"}
    (tmp_path / "recsys.yaml").write_text(yaml.safe_dump(settings))
    monkeypatch.setenv("RECSYS_CONFIG", str(tmp_path / "recsys.yaml"))
    (told,) = json.loads(call(shop, "status --json").stdout)
    said = call(shop, "status").output
    of = f"of the night of {told['expected_night']}: readers' deadline 06:00 Europe/Amsterdam, "
    assert of in said and re.search(r"(\d+ min left|passed (\d+ h )?\d+ min ago)$", said, re.M)
    deadline = datetime.fromisoformat(told["readers_deadline"])
    assert f"{deadline.astimezone(ZoneInfo('Europe/Amsterdam')):%H:%M}" == "06:00"


def test_status_before_the_first_night(empty: Mapping[str, str]) -> None:
    assert "readers see nothing" in call(empty, "status").output
    assert json.loads(call(empty, "status --json").stdout)[0]["publication_id"] is None


@pytest.mark.parametrize("words", LISTINGS)
def test_a_narrow_screen_keeps_night_release_and_id_whole(
    shop: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    """What does not fit is named, not cut."""
    screen = io.StringIO()
    monkeypatch.setattr(output, "console", Console(file=screen, width=80))
    told = CliRunner().invoke(
        app, words.split(), env={"RECSYS_DATABASE_URL": shop["recsys"], "COLUMNS": "80"}
    )
    assert told.exit_code == 0
    said = screen.getvalue() + told.stdout
    table = [line for line in said.splitlines() if line[:1] in ("┃", "│")]
    assert max(map(len, table), default=0) <= 80 and "…" not in said
    for row in json.loads(call(shop, f"{words} --json").stdout):
        for name in ("as_of", "release", "challenger", "id", "publication_id", "item_id"):
            assert row.get(name) is None or str(row[name]) in said, (name, said)
    if table and words == "publications":
        assert "not shown, the screen is too narrow" in said and "tower_version" in said


def test_both_forms_at_once_are_a_usage_error(shop: Mapping[str, str]) -> None:
    assert call(shop, "publications --json --csv").exit_code == 2


@pytest.mark.parametrize("words", LISTINGS)
def test_looking_at_a_home_that_does_not_exist_makes_nothing(tmp_path: Path, words: str) -> None:
    home = tmp_path / "nowhere"
    told = CliRunner().invoke(app, words.split(), env={"RECSYS_HOME": str(home)})
    assert told.exit_code == 1
    assert "no such folder" in told.output and str(home) in told.output
    assert not home.exists()


def test_the_version_is_the_packages() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"nightshelf {version('nightshelf')}\n"
