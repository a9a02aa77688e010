from __future__ import annotations

import os
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from recsys_tasks.launcher.environment import (
    LOCALHOST,
    Place,
    Ports,
    airflow_environment,
    free_ports,
    not_taken,
    write_exports,
)


def environment(home: Path) -> dict[str, str]:
    return airflow_environment(
        Place(
            home,
            airflow_url="postgresql://a",
            recsys_url="postgresql://r",
            mlflow_url="postgresql://m",
            ports=Ports(8081, 8082, 8083),
            config_path=Path("/c.yaml"),
        )
    )


def test_a_taken_port_is_left_to_its_owner() -> None:
    with socket.socket() as taken:
        taken.bind((LOCALHOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        ports = free_ports(preferred_api=port)
    assert len({port, ports.api, ports.worker_log, ports.trigger_log}) == 4
    assert free_ports(preferred_api=port).api == port


def test_airflow_listens_on_this_machine_only_and_calls_nobody(tmp_path: Path) -> None:
    made = environment(tmp_path)
    assert made["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert made["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8081/execution/"
    assert made["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] == "False"
    assert made["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    assert (
        int(made["AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL"]) <= 30
    )  # Airflow's own: 300
    assert made["RECSYS_HOME"] == str(tmp_path)


def test_another_airflow_around_us_does_not_leak_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW_HOME", "/elsewhere")
    monkeypatch.setenv("AIRFLOW__SMTP__SMTP_PASSWORD", "hunter2")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    made = environment(tmp_path)
    assert made["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert "AIRFLOW__SMTP__SMTP_PASSWORD" not in made
    assert "PYTHONDONTWRITEBYTECODE" not in made
    assert not_taken(made) == [
        "AIRFLOW_HOME",
        "AIRFLOW__CORE__EXECUTOR",
        "AIRFLOW__SMTP__SMTP_PASSWORD",
    ]


def test_a_channel_of_the_shell_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"AIRFLOW_CONN_SLACK_ALERTS": '{"password": "T/B/X"}', "AIRFLOW_VAR_TEAM": "search"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    made = environment(tmp_path)
    assert {name: made[name] for name in given} == given
    assert not_taken(made) == [name for name in not_taken(made) if name not in given]


def test_a_shell_that_sourced_this_home_is_told_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        monkeypatch.delenv(name)
    made = environment(tmp_path)
    for name, value in made.items():
        monkeypatch.setenv(name, value)
    assert not_taken(environment(tmp_path)) == []


def test_secrets_are_made_once_and_for_their_owner_only(tmp_path: Path) -> None:
    first, second = environment(tmp_path), environment(tmp_path)
    keys = [
        "AIRFLOW__CORE__FERNET_KEY",
        "AIRFLOW__API_AUTH__JWT_SECRET",
        "AIRFLOW__API__SECRET_KEY",
    ]
    assert [first[k] for k in keys] == [second[k] for k in keys]
    assert len({first[k] for k in keys}) == 3
    assert stat.S_IMODE((tmp_path / "airflow" / "secrets.json").stat().st_mode) == 0o600


def test_a_shell_can_source_the_exports(tmp_path: Path) -> None:
    path = write_exports(
        tmp_path / "env.sh", {"RECSYS_HOME": "/a b'c", "PATH": "/bin:/usr/bin", "OTHER": "x"}
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    command = ["sh", "-c", f'. {path}; echo "$RECSYS_HOME$OTHER"']
    said = subprocess.run(command, env={}, capture_output=True, text=True, check=True)
    assert said.stdout == "/a b'c\n"
