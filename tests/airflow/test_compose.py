"""docker-compose.yaml cannot be run here: its form, its secrets and its health checks are what a test can hold."""

from __future__ import annotations

import re
import subprocess
import sys

import yaml

from tests.airflow.conftest import ROOT

TEXT = (ROOT / "docker-compose.yaml").read_text()
COMPOSE = yaml.safe_load(TEXT)
EXAMPLE = dict(
    line.split("=", 1) for line in (ROOT / ".env.example").read_text().splitlines() if line and line[0] != "#"
)
VARIABLES = re.findall(r"(?<!\$)\$\{([A-Z_]+)(:[?-])?([^}]*)\}", TEXT)


def test_it_is_a_compose_file():
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, str(ROOT / "docker-compose.yaml")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_variable_is_in_the_example_and_none_is_unused():
    assert {name for name, _, _ in VARIABLES} == set(EXAMPLE)


def test_secrets_have_no_default_anywhere():
    assert set(EXAMPLE.values()) == {""}
    optional = {name for name, sign, _ in VARIABLES if sign == ":-"}
    assert optional == {"AIRFLOW_CONN_SLACK_ALERTS", "AIRFLOW_CONN_ALERT_WEBHOOK"}
    assert all(default == "" for _, _, default in VARIABLES)


def test_no_secret_is_written_out():
    for name, service in COMPOSE["services"].items():
        for key, value in (service.get("environment") or {}).items():
            if re.search("PASSWORD|SECRET|KEY|TOKEN", key) and not key.endswith("_FILE"):
                assert re.fullmatch(r"\$\{[A-Z_]+:\?\}", value), f"{name}: {key}"
    assert not re.search(r"://[^\s:/]+:(?!\$)[^\s@$/]+@", TEXT)


def test_ports_are_open_on_this_host_only():
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_lasting_service_has_a_health_check():
    services = COMPOSE["services"]
    assert set(services) >= {"postgres", "redis", "api-server", "scheduler", "dag-processor", "triggerer", "mlflow"}
    assert len([name for name in services if name.startswith("worker")]) == 2
    assert [name for name, service in services.items() if "healthcheck" not in service] == ["init"]


def test_the_image_runs_as_nobody_special():
    stages = (ROOT / "Dockerfile").read_text().split("\nFROM ")[1:]
    assert all("\nUSER nightshelf\n" in stage for stage in stages)
    assert "libgomp1" in stages[0]
