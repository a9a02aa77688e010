"""Bring a backup back onto an empty home and an empty schema, and erase again who was erased since.

Nothing is written before every file of the backup was read and is what was written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from recsys_tasks.commands.backup import airflow
from recsys_tasks.commands.backup import folder as kept
from recsys_tasks.commands.backup.make import sqlite_file
from recsys_tasks.config import Environment
from recsys_tasks.database import create_engine, head_revision, migrate, owner_url, safe_url
from recsys_tasks.database.clients import load, require_owner
from recsys_tasks.errors import ConfigError
from recsys_tasks.lake import open_root
from recsys_tasks.stages.night import mlflow_url, running

_TABLES = (
    "SELECT count(*) FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n"
    " ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND n.nspname = :schema"
)
Before = Callable[[str], None]


@dataclass(frozen=True)
class Restored:
    """What was restored, and what is left to a person, a line each."""

    about: kept.About
    next: tuple[str, ...]


def restore(
    environment: Environment, source: Path, *, before: Before = lambda step: None
) -> Restored:
    """Restore a backup. `before` is called with each step's name.

    Raises ConfigError for a folder that is no backup, or one of a later version, for a home, a lake
    or a schema that is not empty, for a role that may not make it, and without a pg_restore for the
    server or an extension that the backup needs, and as `airflow.refusing_airflow` does;
    ArtifactError for files that are not what was written.
    """
    folder = source.expanduser().resolve()
    about = kept.read_about(folder)
    _refuse_later(about)
    _refuse_used_places(environment)
    before("checking")
    kept.check(folder, about)
    with (
        airflow.refusing_airflow(environment, about) as scheduler,
        running(environment, migrated=False),
    ):
        registry = mlflow_url(environment)
        require_owner(owner_url(environment))
        _refuse_used_schemas(environment, registry, about)
        before("lake")
        _put(folder, about, kept.LAKE, environment.lake)
        before("home")
        _put(folder, about, kept.HOME, str(environment.home))
        lines = list(_settings(folder, about, environment))
        before("database")
        load(owner_url(environment), folder / kept.DATABASE, about.dumped_by)
        _load_registry(folder, about, registry)
        migrate(owner_url(environment))
        lines += airflow.restore_airflow(environment, folder, about, scheduler)
    return Restored(about, (*lines, *_erasures(about)))


# --- what is there already ------------------------------------------------------------------------


def _refuse_later(about: kept.About) -> None:
    head = head_revision()
    if about.revision > head:
        raise ConfigError(
            expected=f"a backup of schema revision {head} or earlier",
            found=f"revision {about.revision}, of nightshelf {about.version}",
            where=kept.ABOUT,
            remedy="restore with that version or a later one",
        )


def _refuse_used_places(environment: Environment) -> None:
    home, lake = environment.home, open_root(environment.lake)
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise ConfigError(
            expected="a home that is new or empty",
            found="files in it" if home.is_dir() else "a file",
            where=f"RECSYS_HOME, {home}",
            remedy="set RECSYS_HOME to a new folder, or move this one away",
        )
    if lake.exists() and any(lake.iterdir()):
        raise ConfigError(
            expected="a lake that is new or empty",
            found="artifacts in it",
            where=f"RECSYS_LAKE, {environment.lake}",
            remedy="set RECSYS_LAKE to a new folder or prefix",
        )


def _refuse_used_schemas(environment: Environment, registry: str, about: kept.About) -> None:
    url = owner_url(environment)
    if _tables(url, "recsys"):
        raise ConfigError(
            expected="a database without tables in schema recsys",
            found="tables",
            where=safe_url(url),
            remedy="name an empty database; or, as its owner: DROP SCHEMA recsys CASCADE",
        )
    if about.vectors and not _answer(url, "SELECT to_regtype('public.vector') IS NOT NULL"):
        raise ConfigError(
            expected="pgvector, which the backup's database has",
            found="no type public.vector",
            where=safe_url(url),
            remedy="as an administrator, in that database: CREATE EXTENSION vector SCHEMA public",
        )
    path = sqlite_file(registry)
    used = (kept.REGISTRY in about.files and _tables(registry, "public")) or (
        kept.REGISTRY_FILE in about.files and path is not None and path.exists()
    )
    if used:
        raise ConfigError(
            expected="an empty store of the model registry",
            found="one with tables",
            where="RECSYS_MLFLOW_URL",
            remedy="name an empty database, or a new file",
        )
    if kept.REGISTRY in about.files and not registry.startswith("postgres"):
        raise ConfigError(
            expected="a PostgreSQL store of the model registry, as the backup has it",
            found="another kind",
            where="RECSYS_MLFLOW_URL",
            remedy="name an empty PostgreSQL database",
        )
    if kept.REGISTRY_FILE in about.files and path is None:
        raise ConfigError(
            expected="a SQLite store of the model registry, as the backup has it",
            found="another kind",
            where="RECSYS_MLFLOW_URL",
            remedy="set it to sqlite:////PATH/OF/A/NEW/FILE",
        )


def _tables(url: str, schema: str) -> bool:
    return bool(_answer(url, _TABLES, schema=schema))


def _answer(url: str, question: str, **of: str) -> object:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return connection.scalar(sa.text(question), of)
    finally:
        engine.dispose()


# --- putting back ---------------------------------------------------------------------------------


def _put(folder: Path, about: kept.About, part: str, target: str) -> None:
    """The files of a part, where they belong."""
    root = open_root(target)
    is_local = root.protocol in ("", "file", "local")
    for name in about.files:
        if not name.startswith(f"{part}/"):
            continue
        own = name.removeprefix(f"{part}/")
        if is_local:
            kept.copy(folder / name, Path(str(root.path)) / own)
            continue
        with (folder / name).open("rb") as given, (root / own).open("wb") as put:
            kept.pour(given, put)


def _settings(folder: Path, about: kept.About, environment: Environment) -> Iterator[str]:
    """The settings, where there are none; a line on what was done."""
    target = environment.config_path
    given = folder / kept.SETTINGS / about.settings
    if not target.exists():
        _put(folder, about, kept.SETTINGS, str(target.parent))
        if about.settings != target.name:
            (target.parent / about.settings).rename(target)
        yield f"settings: restored to {target}"
    elif target.read_bytes() != given.read_bytes():
        yield f"settings: {target} is another file and stays; the backup's is {given}"


def _load_registry(folder: Path, about: kept.About, registry: str) -> None:
    if kept.REGISTRY in about.files:
        load(registry, folder / kept.REGISTRY, about.dumped_by)
    path = sqlite_file(registry)
    if kept.REGISTRY_FILE in about.files and path is not None:
        kept.copy(folder / kept.REGISTRY_FILE, path)


def _erasures(about: kept.About) -> Iterator[str]:
    made = datetime.fromisoformat(about.made_at)
    yield (
        f"erasures: the backup knows {about.erased}; whoever was erased after"
        f" {made:%Y-%m-%d %H:%M} UTC is back. Before readers or nights start: `recsys erase-user"
        " ID` for each, or `recsys erase-again LIST` with the list that you kept"
    )
