"""An analyst gets in by two commands, reads every view, and can change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.database import EmbeddedServer


@pytest.fixture
def _home(
    embedded_server: EmbeddedServer, postgres: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert postgres
    monkeypatch.setenv("RECSYS_HOME", str(embedded_server.home))
    for name in ("RECSYS_DATABASE_URL", "RECSYS_READER_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("_home")
def test_the_printed_url_connects_as_the_reader() -> None:
    result = CliRunner().invoke(app, ["connect"])
    assert result.exit_code == 0, result.output
    url = result.output.splitlines()[0].split()[1]
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("recsys_reader",)
    assert f"psql '{url}'" in result.output and "JDBC    none" in result.output


@pytest.mark.usefixtures("_home")
def test_sql_reads_the_views_by_their_names_and_changes_nothing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    asked = ["sql", "--csv", "-c", "SELECT current_user, count(*) >= 0 AS some FROM publications"]
    assert CliRunner().invoke(app, asked).exit_code == 0
    assert capfd.readouterr().out == "current_user,some\nrecsys_reader,t\n"
    for wrong in ("DELETE FROM recsys.alerts", "CREATE TABLE mine (n int)"):
        assert CliRunner().invoke(app, ["sql", "-c", wrong]).exit_code != 0
        assert "ERROR" in capfd.readouterr().err


@pytest.mark.usefixtures("_home")
def test_a_configured_reader_is_used_and_a_configured_server_is_only_read(
    postgres: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RECSYS_DATABASE_URL", postgres["recsys"])
    assert CliRunner().invoke(app, ["sql", "-c", "DELETE FROM recsys.alerts"]).exit_code != 0
    assert "read-only transaction" in capfd.readouterr().err
    monkeypatch.setenv("RECSYS_READER_URL", "postgresql://ana:p%2Fw@db.example:6432/shop")
    said = CliRunner().invoke(app, ["connect"]).output
    assert "jdbc:postgresql://db.example:6432/shop?currentSchema=recsys" in said
    assert "postgresql://ana:p%2Fw@db.example:6432/shop" in said


def test_a_home_that_is_not_there_says_so_and_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSYS_HOME", str(tmp_path / "none"))
    monkeypatch.delenv("RECSYS_DATABASE_URL", raising=False)
    for command in ("connect", "sql"):
        result = CliRunner().invoke(app, [command])
        assert result.exit_code == 1 and "no such folder" in result.output
    assert not (tmp_path / "none").exists()
