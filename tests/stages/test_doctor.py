"""`recsys doctor` says what is so: it passes a healthy set-up, and finds each planted fault with
its remedy.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from recsys_tasks.commands.doctor import examine
from recsys_tasks.config import DEFAULT_CONFIG, Environment
from tests.database.schemas import fresh_schema, older_schema


@pytest.fixture
def healthy(
    postgres: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Environment:
    """As docker-compose.yaml has it: the pipeline's own role, a registry of its own, files that are
    there.
    """
    for name in (
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
        "AIRFLOW_CONN_SLACK_ALERTS",
        "AIRFLOW_CONN_ALERT_WEBHOOK",
    ):
        monkeypatch.delenv(name, raising=False)
    for name, rows in TABLES.items():
        (tmp_path / f"{name}.csv").write_text(rows)
    home = tmp_path / "home"
    environment = Environment(
        home=home,
        lake=str(home / "lake"),
        database_url=postgres["recsys"],
        mlflow_url=postgres["mlflow"],
        config_path=tmp_path / "recsys.yaml",
    )
    write(environment)
    return environment


TABLES = {
    "events": "user_id,item_id,timestamp,event,price\nu1,i1,2026-01-05 10:00:00,view,1.5\n",
    "items": "item_id,title,category,brand,tags,price,available_from,available\n"
    "i1,Lamp,home,Acme,new|sale,1.5,2026-01-01,true\n",
}


def write(environment: Environment, **changes: Any) -> None:
    folder = environment.config_path.parent
    files = {
        "kind": "files",
        "events": str(folder / "events.csv"),
        "items": str(folder / "items.csv"),
    }
    settings = (
        yaml.safe_load(DEFAULT_CONFIG.read_text()) | {"clock": "wall", "source": files} | changes
    )
    environment.config_path.write_text(yaml.safe_dump(settings))


def failed(environment: Environment) -> list[str]:
    return [finding.words for finding in examine(environment) if not finding.passed]


def test_the_documented_set_up_passes_with_the_pipelines_own_role(healthy: Environment) -> None:
    found = list(examine(healthy))
    assert [f.words for f in found if not f.passed] == []
    assert any("schema revision 00" in f.words for f in found)


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


PLANTED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no URL of the registry": ({"mlflow_url": None}, "model registry", "RECSYS_MLFLOW_URL"),
    "a dead registry": (
        {"mlflow_url": "postgresql://u:pw@127.0.0.1:{port}/mlflow"},
        "model registry",
        "PostgreSQL",
    ),
    "a dead registry by HTTP": (
        {"mlflow_url": "http://127.0.0.1:{port}"},
        "model registry",
        "RECSYS_MLFLOW_URL",
    ),
    "a registry's file without a folder": (
        {"mlflow_url": "sqlite:////nowhere/x.db"},
        "model registry",
        "RECSYS_MLFLOW",
    ),
    "a lake that cannot be written": ({"lake": "/proc/lake"}, "lake /proc/lake", "RECSYS_LAKE"),
    "a lake without a driver": (
        {"lake": "gs://bucket/lake"},
        "lake gs://bucket/lake",
        "RECSYS_LAKE",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_of_the_environment_is_found(healthy: Environment, name: str) -> None:
    changes, found, remedy = PLANTED[name]
    port = closed_port()
    changes = {k: v.format(port=port) if isinstance(v, str) else v for k, v in changes.items()}
    (words,) = failed(healthy.model_copy(update=changes))
    assert words.startswith(found) and remedy in words and "pw@" not in words


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an impossible cron": ({"schedule": {"nightly": "61 25 * * *"}}, "schedule.nightly"),
    "an approval longer than a night": (
        {"gate": {"approval": True, "approval_hours": 72}},
        "gate.approval_hours",
    ),
    "lists that are stale each day": (
        {"monitoring": {"stale_after_hours": 2}},
        "monitoring.stale_after_hours 2",
    ),
    "nobody who looks soon after readers' deadline": (
        {"schedule": {"ready_by": "06:00", "watch_freshness": "0 * * * *"}},
        "told up to 60 minutes later: set '*/10 * * * *'",
    ),
    "two bounds of a late night": (
        {"schedule": {"ready_by": "06:00"}, "monitoring": {"late_after_hours": 3}},
        "monitoring.late_after_hours: schedule.ready_by 06:00 says",
    ),
    "a time of day that YAML takes for a number": (
        {"schedule": {"ready_by": 750}},
        "write the time in quotes",
    ),
    "no data": (
        {"source": {"kind": "files", "events": "/nowhere/e.csv", "items": "/nowhere"}},
        "/nowhere/e.csv",
    ),
    "an unset variable": (
        {"source": {"kind": "files", "events": "${UNSET_X}/e", "items": "/"}},
        "${UNSET_X}",
    ),
    "a channel that does not exist": (
        {"alerts": {"webhook_connection": "pager"}},
        "AIRFLOW_CONN_PAGER",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_planted_fault_of_the_settings_is_found(healthy: Environment, name: str) -> None:
    changes, words = WRONG[name]
    write(healthy, **changes)
    (found,) = failed(healthy)
    assert words in found


def test_a_channel_of_the_shell_is_found(
    healthy: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(healthy, alerts={"webhook_connection": "pager"})
    monkeypatch.setenv("AIRFLOW_CONN_PAGER", '{"conn_type": "http", "host": "https://x.example"}')
    assert failed(healthy) == []
    assert any(finding.words == "alert channels: pager" for finding in examine(healthy))


def test_a_database_that_was_never_migrated_fails(
    healthy: Environment, postgres: Mapping[str, str]
) -> None:
    (words,) = failed(healthy.model_copy(update={"database_url": postgres["mlflow"]}))
    assert "never migrated" in words and "recsys migrate" in words


def test_a_schema_of_an_older_version_fails(
    healthy: Environment, postgres: Mapping[str, str]
) -> None:
    older_schema(postgres["recsys_owner"], "0012")
    try:
        (words,) = failed(healthy)
        assert words.startswith("schema") and "recsys migrate" in words
    finally:
        fresh_schema(postgres["recsys_owner"])
