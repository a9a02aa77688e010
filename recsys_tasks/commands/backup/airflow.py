"""Airflow's own database in a backup: connections, variables, runs, with the key that reads them.

The key of the launcher's Airflow is a file of the home, and goes into the backup. That of another
Airflow is kept with its operator's secrets: of it the backup has the hash alone, so that a restore
beside another key is refused.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import sqlalchemy as sa

from recsys_tasks.commands.airflow_database import URL, has_tables, is_elsewhere, named_url
from recsys_tasks.commands.backup import folder as kept
from recsys_tasks.config import Environment
from recsys_tasks.database import create_engine, has_server, safe_url, urls
from recsys_tasks.database.clients import dump, load
from recsys_tasks.errors import ConfigError
from recsys_tasks.stages.night import running

KEY = "AIRFLOW__CORE__FERNET_KEY"
_AT_WORK = sa.text(
    "SELECT count(*) FROM job WHERE job_type = 'SchedulerJob' AND state = 'running'"
    " AND latest_heartbeat > now() - interval '5 minutes'"
)
_TABLES = sa.text("SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = 'public'")


def installed() -> str:
    """The version of Airflow that runs here."""
    return version("apache-airflow-core")


def key_hashes() -> str:
    """Of the keys that the environment names, the newest first; empty where it names none."""
    keys = [key.strip() for key in os.environ.get(KEY, "").split(",")]
    return " ".join(hashlib.sha256(key.encode()).hexdigest() for key in keys if key)


def back_up_airflow(environment: Environment, folder: Path) -> dict[str, kept.Facts]:
    """Airflow's database and the key of the launcher's; nothing where there are no tables of it.

    Raises what `dump` raises.
    """
    with _server_of(environment) as url:
        if url is None or not has_tables(url):
            return {}
        dump(url, folder / kept.AIRFLOW, "--exclude-schema=recsys")
    files = {kept.AIRFLOW: kept.facts_of(folder / kept.AIRFLOW)}
    key = _key_file(environment)
    if not is_elsewhere(environment) and key.exists():
        (folder / kept.AIRFLOW_KEYS).parent.mkdir(mode=0o700)
        files[kept.AIRFLOW_KEYS] = kept.copy(key, folder / kept.AIRFLOW_KEYS)
    return files


def left_out(environment: Environment, files: dict[str, kept.Facts]) -> Iterator[str]:
    """What of Airflow a person keeps by other means, a line each."""
    elsewhere, is_there = is_elsewhere(environment), (environment.home / "airflow").exists()
    if kept.AIRFLOW in files and elsewhere:
        yield f"{KEY}: connections are read with it; keep it where your secrets are"
    elif kept.AIRFLOW not in files and (elsewhere or is_there):
        yield "Airflow's database: no PostgreSQL with its tables was found"
    if is_there:
        yield "Airflow's logs"


@contextmanager
def refusing_airflow(environment: Environment, about: kept.About) -> Iterator[str | None]:
    """Where the backup's Airflow is to be restored, its server running meanwhile; None where the
    backup has none.

    Raises ConfigError for a database with tables, or one whose scheduler is at work, for a backup
    of a later Airflow, and where the key is another one.
    """
    if kept.AIRFLOW not in about.files:
        yield None
        return
    _refuse_later(about)
    with _server_of(environment, made=True) as url:
        if url is None:
            raise ConfigError(
                expected="a PostgreSQL database for Airflow, as the backup has it",
                found="another kind",
                where=URL,
                remedy="name an empty PostgreSQL database, or unset it for the launcher's own",
            )
        _refuse_used(url)
        _refuse_other_key(environment, about)
        yield url


def restore_airflow(
    environment: Environment, folder: Path, about: kept.About, url: str | None
) -> Iterator[str]:
    """Load it; a line on what is left to do. Raises what `load` raises."""
    if url is None:
        return
    key = _key_file(environment)
    if kept.AIRFLOW_KEYS in about.files and not is_elsewhere(environment):
        key.parent.mkdir(parents=True, exist_ok=True)
        kept.copy(folder / kept.AIRFLOW_KEYS, key)
    load(url, folder / kept.AIRFLOW, about.dumped_by)
    yield "Airflow: connections, variables, pools, runs and who paused what are as they were"
    if kept.AIRFLOW_KEYS in about.files and is_elsewhere(environment):
        yield (
            f"Airflow: set {KEY} to fernet_key of {folder / kept.AIRFLOW_KEYS} before it starts;"
            " without it no connection can be read"
        )


# --- what is there --------------------------------------------------------------------------------


@contextmanager
def _server_of(environment: Environment, *, made: bool = False) -> Iterator[str | None]:
    """URL of Airflow's database, while its server runs: the named one, else the embedded one, which
    is `made` where there is none yet.
    """
    if is_elsewhere(environment):
        yield named_url()
    elif made or has_server(environment.home):
        with running(environment.model_copy(update={"database_url": None}), migrated=False):
            yield urls(environment.home)["airflow"]
    else:
        yield None


def _key_file(environment: Environment) -> Path:
    return environment.home / "airflow" / Path(kept.AIRFLOW_KEYS).name


def _refuse_later(about: kept.About) -> None:
    if _parts(about.airflow) > _parts(installed()):
        raise ConfigError(
            expected=f"a backup of Airflow {installed()} or earlier",
            found=f"Airflow {about.airflow}",
            where=kept.ABOUT,
            remedy="restore with the version of nightshelf that made it, or a later one",
        )


def _parts(number: str) -> tuple[int, ...]:
    return tuple(int(part) for part in number.split(".")[:3] if part.isdigit())


def _refuse_used(url: str) -> None:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            tables = connection.scalar(_TABLES)
            at_work = connection.scalar(_AT_WORK) if tables and has_tables(url) else 0
    finally:
        engine.dispose()
    if tables:
        raise ConfigError(
            expected="an empty database for Airflow's tables, and no scheduler at work on it",
            found="a scheduler at work" if at_work else "tables",
            where=safe_url(url),
            remedy=f"stop Airflow, name an empty database; for the launcher's own unset {URL}",
        )


def _refuse_other_key(environment: Environment, about: kept.About) -> None:
    lacking = set(about.fernet.split()) - set(key_hashes().split())
    if is_elsewhere(environment) and lacking:
        raise ConfigError(
            expected="the keys with which the backup's connections were encrypted",
            found="another key" if key_hashes() else "none",
            where=KEY,
            remedy=f"export {KEY} as it was when the backup was made",
        )
