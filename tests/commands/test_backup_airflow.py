"""Airflow's database in a backup: what a shop set up there is back, and can be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.commands.airflow_database import URL
from recsys_tasks.commands.backup import back_up, restore
from recsys_tasks.commands.backup.airflow import KEY
from recsys_tasks.database import urls
from recsys_tasks.errors import ConfigError
from tests.commands.airflow_home import AirflowHome, airflow_home, connection_in, home_of

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
PASSWORD = "hunter2-of-slack"


@dataclass(frozen=True)
class Kept:
    """A backup of the launcher's Airflow, and its key."""

    folder: Path
    key: str


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    folder = tmp_path_factory.mktemp("kept")
    environment = home_of(folder)
    with airflow_home(environment) as home, pytest.MonkeyPatch.context() as patch:
        add = ("connections", "add", "slack_alerts", "--conn-type", "http", "--conn-host", "a")
        home.airflow(*add, "--conn-password", PASSWORD)
        home.airflow("variables", "set", "who_is_on_call", "ann")
        home.ran("march", datetime(2026, 3, 1, tzinfo=UTC))
        assert PASSWORD not in str(home.rows("SELECT password FROM connection"))  # encrypted
        patch.setenv("RECSYS_HOME", str(environment.home))
        patch.delenv("RECSYS_DATABASE_URL", raising=False)
        for name in (URL, KEY):  # whoever is on call has sourced the launcher's env.sh
            patch.setenv(name, home.variables[name])
        done = CliRunner().invoke(app, ["backup", str(folder / "backup")])
        assert done.exit_code == 0, done.output
        key = home.variables[KEY]
        about = (folder / "backup" / "backup.json").read_text()
        assert "not in it: Airflow's logs" in done.output
        assert key not in done.output and key not in about
    yield Kept(folder / "backup", key)


def is_back(home: AirflowHome) -> bool:
    """Whether what was set up is there, and can be read."""
    found = connection_in(home.airflow("connections", "get", "slack_alerts", "-o", "json"))
    assert found["password"] == PASSWORD
    assert home.airflow("variables", "get", "who_is_on_call").strip().endswith("ann")
    return home.rows("SELECT run_id FROM dag_run") == ["march"]


def test_connections_variables_and_runs_are_back_on_an_empty_home(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(URL, raising=False)
    environment = home_of(tmp_path)
    done = restore(environment, kept.folder)
    assert done.about.airflow and any(line.startswith("Airflow: conn") for line in done.next)
    key = environment.home / "airflow" / "secrets.json"
    assert key.stat().st_mode & 0o077 == 0 and kept.key not in "".join(done.next)
    with airflow_home(environment, migrated=False) as home:
        assert is_back(home)
        home.airflow("db", "migrate")  # as the launcher does at each start
        assert is_back(home)


@pytest.mark.slow
def test_a_database_in_use_or_of_another_key_is_refused_before_anything_is_written(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow has a database of its own, which AIRFLOW__DATABASE__SQL_ALCHEMY_CONN names."""
    with airflow_home(home_of(tmp_path / "server"), migrated=False) as home:
        monkeypatch.setenv(URL, urls(home.environment.home)["airflow"])
        named = copied(kept, tmp_path, fernet="0" * 64)
        monkeypatch.setenv(KEY, kept.key)
        with pytest.raises(ConfigError, match="another key") as refused:
            restore(home_of(tmp_path / "new"), named)
        assert kept.key not in str(refused.value)
        assert not (tmp_path / "new" / "home").exists()
        restore(home_of(tmp_path / "second"), kept.folder)
        assert is_back_in(home, kept)
        with pytest.raises(ConfigError, match="found: tables"):
            restore(home_of(tmp_path / "new"), kept.folder)
        with home.connected() as connection:
            connection.execute(
                sa.text(
                    "INSERT INTO job (job_type, state, latest_heartbeat)"
                    " VALUES ('SchedulerJob', 'running', now())"
                )
            )
        with pytest.raises(ConfigError, match="a scheduler at work"):
            restore(home_of(tmp_path / "new"), kept.folder)
        assert not (tmp_path / "new" / "home").exists()


def is_back_in(home: AirflowHome, kept: Kept) -> bool:
    return is_back(AirflowHome(home.environment, {**home.variables, KEY: kept.key}))


def copied(kept: Kept, folder: Path, **changes: object) -> Path:
    """The backup with another thing said of it."""
    target = folder / "copied"
    target.mkdir()
    for path in kept.folder.iterdir():
        (target / path.name).symlink_to(path)
    (target / "backup.json").unlink()
    about = json.loads((kept.folder / "backup.json").read_text())
    (target / "backup.json").write_text(json.dumps({**about, **changes}))
    return target


def test_a_later_airflow_and_another_kind_of_database_are_refused(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(URL, raising=False)
    with pytest.raises(ConfigError, match=r"Airflow 99\.0\.0"):
        restore(home_of(tmp_path), copied(kept, tmp_path, airflow="99.0.0"))
    monkeypatch.setenv(URL, "sqlite:////tmp/airflow.db")
    with pytest.raises(ConfigError, match="another kind"):
        restore(home_of(tmp_path / "second"), kept.folder)


def test_what_is_not_in_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = home_of(tmp_path)
    with airflow_home(environment, migrated=False):
        monkeypatch.setenv(URL, "mysql://a/b")
        done = back_up(environment, tmp_path / "backup", NOW)
        assert any(line.startswith("Airflow's database:") for line in done.left_out)
