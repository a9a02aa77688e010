"""A hold outlives the nights; `recsys resume` shows readers the newest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.config import Environment
from recsys_tasks.serving.kinds import PLAN
from recsys_tasks.serving.pointer import resume, rollback
from recsys_tasks.serving.publication import Publication, read_publication
from recsys_tasks.serving.publish import finish, publish
from recsys_tasks.stages import Night, StageResult, run_on
from recsys_tasks.stages.plan import Plan
from tests.serving.nights import (
    FIRST,
    LIMITS,
    NOW,
    PLAIN,
    Lists,
    hold_of,
    night,
    publish_night,
    shown,
    stock,
)
from tests.worlds import make_config

FIRST_LISTS = {
    "u0": ["i0", "i1", "i2"],
    "u1": ["i1", "i2", "i3"],
    "u2": ["i2", "i3", "i4"],
    "u3": ["i3", "i4", "i5"],
}


def lists_of(day: int) -> Lists:
    """Each night puts another item first for u0."""
    first = 7 - day
    return {**PLAIN, 0: [first, *(item for item in PLAIN[0] if item != first)][:4]}


def call(urls: Mapping[str, str], home: Path, *words: str) -> tuple[int, str]:
    environment = {
        "RECSYS_HOME": str(home),
        "RECSYS_DATABASE_URL": urls["recsys"],
        "COLUMNS": "400",
    }
    result = CliRunner().invoke(app, list(words), env=environment)
    return result.exit_code, result.output


def publish_stage(urls: Mapping[str, str], home: Path, loaded: Publication) -> StageResult:
    """The pipeline's own last stage, on a publication whose rows are loaded."""
    environment = Environment(
        home=home,
        lake=str(home / "lake"),
        database_url=urls["recsys"],
        mlflow_url=None,
        config_path=home / "none",
    )
    opened = Night.open(make_config(clock="simulated"), environment, loaded.as_of)
    plan = Plan(loaded.id, loaded.token, "lineage", "tower", "index", None, {})
    with opened.lake.writing(PLAN, loaded.as_of.isoformat()) as draft:
        (draft.path / "plan.json").write_text(json.dumps(asdict(plan)))
    try:
        return run_on(opened, "publish")
    finally:
        opened.engine.dispose()


def test_a_hold_survives_three_nights_and_resume_shows_the_newest(
    empty: Mapping[str, str], writer: Engine, reader: Engine, tmp_path: Path
) -> None:
    stock(writer)
    publish_night(writer, 0)
    assert publish_night(writer, 1, lists_of(1)).moved and shown(reader)["u0"] == ["i6", "i0", "i1"]
    code, text = call(empty, tmp_path, "rollback", "--why", "odd lists", "--who", "ann")
    assert code == 0 and "of 2026-03-01" in text and "not shown until `recsys resume`" in text
    for day in (2, 3, 4):
        loaded = night(writer, day, lists_of(day), until=4)
        result = publish_stage(empty, tmp_path, loaded)
        assert result.figures["shown"] is False
        said = str(result.figures["reason"])
        assert (
            said.startswith("on hold since ")
            and said.endswith(" by ann: odd lists")
            and said in result.summary()
        )
        kept = read_publication(writer, loaded.id)
        assert (kept.status, kept.note) == ("ready", said)
        assert shown(reader) == FIRST_LISTS and hold_of(writer) is not None
    code, text = call(empty, tmp_path, "publications")
    assert code == 0 and text.count("by ann: odd lists") >= 4 and "`recsys resume` ends it" in text
    with reader.connect() as connection:
        status = connection.execute(
            sa.text("SELECT on_hold, hold_who, hold_why, waiting FROM recsys.status")
        ).one()
    assert tuple(status) == (True, "ann", "odd lists", 3)

    code, text = call(empty, tmp_path, "resume", "--who", "bob")
    assert code == 0 and f"the hold is over; readers see {loaded.id} of 2026-03-05" in text
    assert hold_of(writer) is None and shown(reader)["u0"] == ["i3", "i0", "i1"]
    with writer.connect() as connection:
        last = sa.text(
            "SELECT to_publication, moved_by, why FROM recsys.pointer_moves ORDER BY id DESC"
            " LIMIT 1"
        )
        assert tuple(connection.execute(last).one()) == (loaded.id, "bob", "resumed")
    assert publish_night(writer, 5, lists_of(5)).moved and shown(reader)["u0"] == ["i2", "i0", "i1"]


def test_resume_without_a_hold_or_anything_that_waits_changes_nothing(
    empty: Mapping[str, str], writer: Engine, reader: Engine, tmp_path: Path
) -> None:
    stock(writer)
    publish_night(writer, 0)
    code, text = call(empty, tmp_path, "resume", "--who", "ann")
    assert code == 0 and "no publication waited" in text and shown(reader) == FIRST_LISTS


def test_a_night_that_runs_while_the_hold_ends_is_shown(writer: Engine, reader: Engine) -> None:
    """It began under the hold, before `resume` showed an earlier night."""
    stock(writer)
    for day in (0, 1):
        publish_night(writer, day, lists_of(day))
    rollback(writer, who="ann", why="odd", now=NOW)
    assert not publish_night(writer, 2, lists_of(2)).moved
    running = night(writer, 3, lists_of(3), until=4)
    resumed = resume(writer, who="ann", now=NOW)
    assert resumed is not None and resumed.as_of == FIRST + timedelta(days=2)
    assert publish(writer, finish(writer, running, LIMITS), "night", NOW).moved
    assert shown(reader)["u0"] == [
        "i4",
        "i0",
        "i1",
    ]


def test_a_publisher_from_before_the_rollback_stays_out_after_resume(
    writer: Engine, reader: Engine
) -> None:
    stock(writer)
    publish_night(writer, 0)
    late = night(writer, 1, lists_of(1), until=5)
    publish_night(writer, 1, lists_of(2), fingerprint="g")
    rollback(writer, who="ann", why="odd", now=NOW)
    assert not publish_night(writer, 1, lists_of(4), fingerprint="h").moved
    resume(writer, who="ann", now=NOW)
    refused = publish(writer, late, "late", NOW)
    assert not refused.moved and "went ahead" in refused.reason
    assert shown(reader)["u0"] == ["i3", "i0", "i1"]
