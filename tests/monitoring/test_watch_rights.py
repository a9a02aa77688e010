"""Readers who lost a right, or may write, on the real server: told once, mended by the command that
the alert gives, over by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.commands.doctor_database import rights
from recsys_tasks.config import Environment
from recsys_tasks.database import EmbeddedServer, create_engine
from recsys_tasks.database.roles import SUPERUSER
from recsys_tasks.errors import ServingError
from recsys_tasks.monitoring.alerts.alert import Alert
from tests.database.schemas import execute, fresh_schema
from tests.monitoring.watched import Watch, open_now, raised

MENDED = "RECSYS_DATABASE_URL=URL_OF_THE_SCHEMA_OWNER recsys migrate"


@pytest.fixture
def owner(empty: Mapping[str, str]) -> Iterator[str]:
    """URL of the schema's owner; what a test does to the schema is gone afterwards."""
    yield empty["recsys_owner"]
    fresh_schema(empty["recsys_owner"])


@pytest.fixture
def administrator(embedded_server: EmbeddedServer) -> Iterator[psycopg.Connection]:
    known = json.loads((embedded_server.home / "database.json").read_text())
    login = {"user": SUPERUSER, "password": known["passwords"][SUPERUSER], "dbname": "recsys"}
    with psycopg.connect(host=known["socket"], autocommit=True, **login) as connection:
        yield connection


def only_alert(environment: Environment) -> Alert:
    (alert,) = (alert for alert in raised(environment) if alert.kind == "permissions")
    return alert


def refused(engine: Engine, query: str) -> bool:
    try:
        with engine.begin() as connection:
            connection.execute(sa.text(query))
    except ServingError as error:
        assert "permission denied" in str(error)
        return True
    return False


def migrate(owner: str) -> None:
    """What the alert says, as a person types it."""
    result = CliRunner().invoke(app, ["migrate"], env={"RECSYS_DATABASE_URL": owner})
    assert result.exit_code == 0, result.output


LOST = {
    "a view": ("REVOKE SELECT ON recsys.status FROM recsys_reader", "cannot read 'status'"),
    "some views": (
        "REVOKE SELECT ON recsys.status, recsys.metrics FROM recsys_reader",
        "cannot read 'metrics', 'status'",
    ),
    "a view made again": (
        "DO $$ DECLARE said text := pg_get_viewdef('recsys.slices'::regclass); BEGIN"
        " DROP VIEW recsys.slices; EXECUTE 'CREATE VIEW recsys.slices AS ' || said; END $$",
        "cannot read 'slices'",
    ),
    "a view that is gone": ("DROP VIEW recsys.slices", "readers miss 'slices'"),
    "the schema": ("REVOKE USAGE ON SCHEMA recsys FROM recsys_reader", "cannot enter the schema"),
    "recommend()": (
        "REVOKE EXECUTE ON FUNCTION recsys.recommend FROM recsys_reader",
        "cannot call 'recommend'",
    ),
}
SURPLUS = {
    "a table": ("GRANT INSERT ON recsys.users TO recsys_reader", "may write 'users'"),
    "everyone": ("GRANT DELETE ON recsys.alerts TO PUBLIC", "may write 'alerts'"),
    "a column": ("GRANT UPDATE (title) ON recsys.items TO recsys_reader", "may write 'items'"),
    "a function": (
        "GRANT EXECUTE ON FUNCTION recsys.erase_user TO recsys_reader",
        "may call 'erase_user'",
    ),
    "the schema": ("GRANT CREATE ON SCHEMA recsys TO recsys_reader", "may make tables"),
}


@pytest.mark.parametrize("name", [*LOST, *(f"too much: {name}" for name in SURPLUS)])
def test_a_wrong_right_is_one_alert_that_its_command_ends(
    environment: Environment, watch: Watch, owner: str, name: str
) -> None:
    statement, words = {**LOST, **{f"too much: {key}": of for key, of in SURPLUS.items()}}[name]
    watch(0, -20)
    assert raised(environment) == [] and rights(environment).passed
    execute(owner, statement)
    for hours in (-19, -18):
        assert words in watch(0, hours)
    alert = only_alert(environment)
    assert (alert.severity, alert.remedy) == ("warning", MENDED)
    assert words in alert.message and alert.runbook.endswith("/readers-rights.md")
    found = rights(environment)
    assert not found.passed and words in found.words and MENDED in found.words
    migrate(owner)
    assert "readers" not in watch(0, -17) and "permissions" not in open_now(environment)
    assert rights(environment).passed


def test_what_was_revoked_is_refused_and_then_answered_and_told_again(
    environment: Environment, watch: Watch, owner: str, reader: Engine
) -> None:
    for hours in (-20, -18):
        execute(owner, "REVOKE SELECT ON recsys.recommendations FROM recsys_reader")
        assert refused(reader, "SELECT * FROM recsys.recommendations")
        watch(0, hours)
        assert open_now(environment) == ["permissions"]
        migrate(owner)
        assert not refused(reader, "SELECT * FROM recsys.recommendations")
        watch(0, hours + 1)
        assert open_now(environment) == []
    assert len(raised(environment)) == 2


def test_rights_by_a_group_are_an_administrators_to_take(
    environment: Environment, watch: Watch, owner: str, administrator: psycopg.Connection
) -> None:
    watch(0, -20)
    administrator.execute("GRANT recsys_writer TO recsys_reader")
    try:
        watch(0, -19)
        alert = only_alert(environment)
        statement = "REVOKE recsys_writer FROM recsys_reader"
        assert f"server: {statement}; then: {MENDED}" in alert.remedy
        migrate(owner)
        watch(0, -18)
        assert open_now(environment) == ["permissions"]  # the owner cannot take it
        administrator.execute(statement)
        watch(0, -17)
        assert open_now(environment) == []
    finally:
        administrator.execute("REVOKE recsys_writer FROM recsys_reader")


def test_an_older_schema_is_told_by_its_version_not_by_rights(
    environment: Environment, watch: Watch, owner: str
) -> None:
    """A view of a newer version, or of other grants, is not there until it is migrated."""
    execute(
        owner, "REVOKE SELECT ON recsys.status FROM recsys_reader", "DROP VIEW recsys.slices",
        "UPDATE recsys.sql_objects SET digest = 'older' WHERE name IN ('status', 'slices',"
        " 'recommend')",
    )  # fmt: skip
    watch(0, -20)
    assert raised(environment) == [] and rights(environment).passed


def test_a_home_without_a_schema_has_no_wrong_rights(empty: Mapping[str, str]) -> None:
    from recsys_tasks.database.rights import WrongRights, wrong_rights

    engine = create_engine(empty["mlflow"])
    with engine.connect() as connection:
        assert wrong_rights(connection) == WrongRights()
    engine.dispose()
