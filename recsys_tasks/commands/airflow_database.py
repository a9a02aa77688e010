"""Airflow's own database: where it is, and its rows of long ago.

Airflow's own program does the work; none of Airflow is imported.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from recsys_tasks.config import Environment, load_config, read_environment
from recsys_tasks.database import create_engine, database_url, has_server, is_running, urls
from recsys_tasks.errors import ServingError
from recsys_tasks.stages.sweep import oldest_told

URL = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
_CLEANED = (
    *("asset_event", "callback", "dag_run", "dag_version", "deadline", "import_error", "job"),
    *("log", "partitioned_asset_key_log", "revoked_token", "task_instance"),
    *("task_instance_history", "task_reschedule", "xcom"),
)
"""Not `dag`: a DAG that could not be read for long would lose that it is paused."""
_IS_THERE = "SELECT to_regclass('dag_run') IS NOT NULL"
_REFUSAL = "airflow-db-not-allowed"
_TOLD = 400


def airflow_url(environment: Environment) -> str | None:
    """URL of Airflow's database: as AIRFLOW__DATABASE__SQL_ALCHEMY_CONN names a PostgreSQL, else
    that of the embedded server, where it runs and Airflow's tables are in it; None for any other.
    """
    if is_elsewhere(environment):
        return named_url()
    if not (has_server(environment.home) and is_running(environment.home)):
        return None
    url = urls(environment.home)["airflow"]
    return url if has_tables(url) else None


def is_elsewhere(environment: Environment) -> bool:
    """Whether the environment names another database than the launcher's as Airflow's. A task is
    given a word of refusal there; a shell that has sourced `env.sh`, the launcher's own.
    """
    named = os.environ.get(URL, "")
    if not named or named.startswith(_REFUSAL):
        return False
    return not (has_server(environment.home) and named == urls(environment.home)["airflow"])


def named_url() -> str | None:
    """The PostgreSQL that the environment names as Airflow's; None where it is of another kind."""
    named = os.environ.get(URL, "")
    return named if named.startswith("postgres") else None


def has_tables(url: str) -> bool:
    """Whether Airflow's tables are in a database."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return bool(connection.scalar(sa.text(_IS_THERE)))
    finally:
        engine.dispose()


def run_clean_airflow(now: datetime) -> str:
    """See `clean_airflow`, of the environment's home."""
    return clean_airflow(read_environment(), now)


def clean_airflow(environment: Environment, now: datetime) -> str:
    """Remove Airflow's rows of runs long past, as long as their logs stay; a line on it.

    Raises ServingError for what Airflow says.
    """
    url = airflow_url(environment)
    if url is None:
        return "Airflow's tables are not in this home: `airflow db clean` is for that database"
    nights = load_config(environment.config_path).serving.keep_publications
    engine = create_engine(database_url(environment))
    before = oldest_told(engine, nights, now)
    engine.dispose()
    words = ["db", "clean", "--yes", "--skip-archive", "--error-on-cleanup-failure"]
    words += ["--tables", ",".join(_CLEANED), "--clean-before-timestamp", before.isoformat()]
    _run_airflow(environment, url, words)
    return f"Airflow's rows from before {before:%Y-%m-%d} are removed"


def _run_airflow(environment: Environment, url: str, words: list[str]) -> None:
    home = environment.home / "airflow"
    done = subprocess.run(
        [str(Path(sys.executable).with_name("airflow")), *words],
        env={"AIRFLOW_HOME": str(home), **os.environ, URL: url},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ServingError(
            expected="`airflow db clean` to end well",
            found=" ".join(done.stderr.split())[-_TOLD:] or f"exit code {done.returncode}",
            where="Airflow's database",
            remedy="correct what it says, then run it again",
        )
