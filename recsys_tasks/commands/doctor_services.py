"""What a night needs outside this machine's libraries: model registry, lake, data files, alert
channels.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from recsys_tasks.config import Config, Environment, cron, load_config
from recsys_tasks.database import (
    create_engine,
)
from recsys_tasks.errors import RecsysError
from recsys_tasks.sources.base import source_of

_AIRFLOW_SECONDS = 120
_HTTP_SECONDS = 10
_SOON = timedelta(minutes=15)
"""Between readers' deadline and the first message that their lists are not there."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    passed: bool
    words: str


# --- the model registry ---------------------------------------------------------------------------


def registry(running: Environment) -> Finding:
    """Whether the model registry's store answers. Raises nothing: a missing URL is a finding."""
    from recsys_tasks.stages.night import mlflow_url

    try:
        url = mlflow_url(running)
        shown = _without_login(url)
        if url.startswith(("http://", "https://")):
            _http_answers(url)
        elif url.startswith("postgres"):
            _connects(url)
        else:
            _opens(url)
    except RecsysError as error:
        return Finding(False, f"model registry: {error}")
    except Exception as error:
        words = f"model registry {shown}: {type(error).__name__}"
        return Finding(False, f"{words}: start its server, or correct RECSYS_MLFLOW_URL")
    return Finding(True, f"model registry {shown}")


def _without_login(url: str) -> str:
    from recsys_tasks.monitoring.alerts.wording import without_secrets

    return without_secrets(url)


def _http_answers(url: str) -> None:
    import httpx

    httpx.get(f"{url.rstrip('/')}/health", timeout=_HTTP_SECONDS).raise_for_status()


def _connects(url: str) -> None:
    engine = create_engine(url)
    try:
        engine.connect().close()
    finally:
        engine.dispose()


def _opens(url: str) -> None:
    """A store that SQLAlchemy opens; a SQLite file is not made by looking."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        path = Path(parsed.database)
        if not path.parent.is_dir() or not os.access(
            path if path.exists() else path.parent, os.W_OK
        ):
            raise FileNotFoundError(parsed.database)
        return
    engine = sa.create_engine(url)
    try:
        engine.connect().close()
    finally:
        engine.dispose()


# --- the lake -------------------------------------------------------------------------------------


def lake(environment: Environment) -> Finding:
    """Whether artifacts can be written: a small file is, and is removed."""
    from recsys_tasks.lake import open_root

    try:
        folder = open_root(environment.lake)
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".doctor-{os.getpid()}"
        probe.write_text("ok")
        probe.unlink()
    except RecsysError as error:
        return Finding(False, f"lake {environment.lake}: {error}")
    except Exception as error:
        words = f"lake {environment.lake}: cannot be written ({type(error).__name__})"
        return Finding(False, f"{words}: correct RECSYS_LAKE, its rights or its credentials")
    return Finding(True, f"lake {environment.lake}: writable")


# --- settings that contradict what is there -------------------------------------------------------


def by_settings(environment: Environment) -> Iterator[Finding]:
    """Data files, alert channels and bounds of a settings file that is right by itself."""
    try:
        config = load_config(environment.config_path)
    except RecsysError:
        return  # a finding of its own says so
    for passed, words in source_of(config).examine(config, config.source):
        yield Finding(passed, words)
    if config.clock == "wall":
        yield _stale_bound(config)
        yield from _first_message(config)
    yield from _channels(config, environment)


def _stale_bound(config: Config) -> Finding:
    gap, bound = (
        cron.shortest_gap(config.schedule.nightly, config.schedule.timezone),
        timedelta(hours=config.monitoring.stale_after_hours),
    )
    hours = gap.total_seconds() / 3600
    words = (
        f"monitoring.stale_after_hours {config.monitoring.stale_after_hours:g}, a night each"
        f" {hours:g} hours"
    )
    if bound <= gap:
        return Finding(
            False, f"{words}: lists are called stale between any two nights: set it above that"
        )
    return Finding(True, words)


def _first_message(config: Config) -> Iterator[Finding]:
    """Whether somebody looks soon after readers' deadline."""
    schedule = config.schedule
    if schedule.ready_by is None:
        return
    gap = cron.longest_gap(schedule.watch_freshness, schedule.timezone)
    words = (
        f"schedule.watch_freshness {schedule.watch_freshness!r}: lists that miss schedule.ready_by"
        f" {schedule.ready_by} {schedule.timezone} are told up to {gap.total_seconds() / 60:g}"
        " minutes later"
    )
    yield Finding(gap <= _SOON, words if gap <= _SOON else f"{words}: set '*/10 * * * *'")


def _channels(config: Config, environment: Environment) -> Iterator[Finding]:
    """Whether alerts reach somebody. A connection that the settings file names by itself must
    exist.
    """
    there = []
    for name in (name for name in type(config.alerts).model_fields if name.endswith("_connection")):
        connection = getattr(config.alerts, name)
        if not connection:
            continue
        found = _connection_exists(connection, environment)
        there += [connection] if found and name != "heartbeat_connection" else []
        if not found and name in config.alerts.model_fields_set:
            words = f"alerts.{name}: Airflow has no connection {connection!r}"
            variable = f"AIRFLOW_CONN_{connection.upper()}"
            yield Finding(
                False,
                f"{words}: `airflow connections add {connection} …`, or export {variable}, or drop"
                " the setting",
            )
    words = (
        f"alert channels: {', '.join(there)}"
        if there
        else "alert channels: none; alerts go to recsys.alerts only"
    )
    yield Finding(True, words)


def _connection_exists(name: str, environment: Environment) -> bool:
    if f"AIRFLOW_CONN_{name.upper()}" in os.environ:
        return bool(os.environ[f"AIRFLOW_CONN_{name.upper()}"].strip())
    variables = _airflow_variables(environment)
    if variables is None:
        return False
    if variables.get(f"AIRFLOW_CONN_{name.upper()}", "").strip():
        return True
    command = [
        str(Path(sys.executable).with_name("airflow")),
        "connections",
        "get",
        name,
        "--output",
        "json",
    ]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **variables},
            capture_output=True,
            timeout=_AIRFLOW_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and b'"' in done.stdout


def _airflow_variables(environment: Environment) -> dict[str, str] | None:
    """What a shell needs to speak to this home's Airflow; None where none was ever set up."""
    if "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" in os.environ:
        return {}
    exports = environment.home / "airflow" / "env.sh"
    if not exports.is_file():
        return None
    code = (
        f'set -a; . "$1"; "{sys.executable}" -c "import json, os;'
        ' print(json.dumps(dict(os.environ)))"'
    )
    done = subprocess.run(
        ["bash", "-c", code, "bash", str(exports)], capture_output=True, text=True, check=False
    )
    found: dict[str, str] = json.loads(done.stdout) if done.returncode == 0 else {}
    return found
