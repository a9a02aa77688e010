"""Write a backup: the databases by the server's own pg_dump, the lake, the home, the settings.

No stage of a night, no erasure and no sweep is at work meanwhile: the backup has their lock, and a
stage that starts waits, or is tried again later.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import make_url
from sqlalchemy.engine import Engine

from recsys_tasks.commands.airflow_database import is_elsewhere
from recsys_tasks.commands.backup import airflow
from recsys_tasks.commands.backup import folder as kept
from recsys_tasks.commands.verify import DAMAGED_FOLDER
from recsys_tasks.config import Config, Environment, load_config
from recsys_tasks.database import create_engine, current_revision, owner_url
from recsys_tasks.database.clients import dump, require_owner
from recsys_tasks.errors import ConfigError, DamagedArtifact, ServingError, offenders
from recsys_tasks.lake import MANIFEST, Lake
from recsys_tasks.lake.manifest import read_manifest
from recsys_tasks.monitoring.alerts.table import published_night
from recsys_tasks.snapshot.checks.own_suites import own_suites
from recsys_tasks.snapshot.erased_users import read_erased
from recsys_tasks.stages.night import mlflow_url
from recsys_tasks.stages.work_locks import alone

_OF_THE_MACHINE = frozenset(
    {"postgres", "database.json", "lake-cache", "airflow", "kernels", DAMAGED_FOLDER}
)
"""Below RECSYS_HOME: what a new machine makes anew, and what no place may bring back."""

_VECTORS = sa.text("""
SELECT EXISTS (SELECT FROM pg_catalog.pg_attribute AS a
  JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
  WHERE c.relnamespace = to_regnamespace('recsys') AND a.atttypid = to_regtype('public.vector'))
""")
Before = Callable[[str], None]
_Files = dict[str, kept.Facts]


@dataclass(frozen=True)
class Backup:
    """A finished backup."""

    folder: Path
    about: kept.About
    left_out: tuple[str, ...]
    """What a person keeps by other means, a line each."""


def back_up(
    environment: Environment, target: Path, now: datetime, *, before: Before = lambda step: None
) -> Backup:
    """Write a backup into a folder that is new or empty. `before` is called with each step's name.

    Raises ServingError while a stage, an erasure or a sweep is at work, ConfigError for a folder
    that holds something, for a role that does not own the schema, or without a pg_dump for the
    server, DamagedArtifact for a lake that
    `recsys verify` would not pass.
    """
    config = load_config(environment.config_path)
    engine = create_engine(owner_url(environment))
    try:
        require_owner(owner_url(environment))
        revision = _revision(environment)
        folder = kept.new_folder(target)
        with alone(engine) as fence:
            before("database")
            files, dumped_by = _databases(environment, folder)
            files |= airflow.back_up_airflow(environment, folder)
            for step, copied in (
                ("lake", _lake(environment, folder)),
                ("home", _home(environment, folder)),
                ("settings", _settings(config, environment, folder)),
            ):
                before(step)
                for name, facts in copied:
                    files[name] = facts
                fence()
            before("checking")
            _compare_with_manifests(folder, files)
            about = _about(environment, config, engine, now, revision, dumped_by, files)
            fence()
            kept.write_about(folder, about)
    finally:
        engine.dispose()
    return Backup(folder, about, tuple(_left_out(environment, files)))


def _revision(environment: Environment) -> str:
    revision = current_revision(owner_url(environment))
    if revision is None:
        raise ServingError(
            expected="a database with the pipeline's tables",
            found="none",
            where="RECSYS_DATABASE_URL or RECSYS_HOME",
            remedy="run a night first, or name the database in which nights ran",
        )
    return revision


def _about(
    environment: Environment,
    config: Config,
    engine: Engine,
    now: datetime,
    revision: str,
    dumped_by: int,
    files: _Files,
) -> kept.About:
    night = published_night(engine)
    with engine.connect() as connection:
        vectors = bool(connection.scalar(_VECTORS))
    lake = Lake(environment.lake, cache=environment.home / "lake-cache")
    return kept.About(
        made_at=now.isoformat(timespec="seconds"),
        version=version("nightshelf"),
        project=config.project,
        revision=revision,
        dumped_by=dumped_by,
        vectors=vectors,
        night=str(night) if night else None,
        erased=len(read_erased(lake).entries),
        settings=environment.config_path.name,
        files=files,
        airflow=airflow.installed() if kept.AIRFLOW in files else "",
        fernet=airflow.key_hashes() if kept.AIRFLOW in files and is_elsewhere(environment) else "",
    )


# --- the parts ------------------------------------------------------------------------------------


def _databases(environment: Environment, folder: Path) -> tuple[_Files, int]:
    """The schema `recsys` and the model registry; and the version of pg_dump that wrote them."""
    target = folder / kept.DATABASE
    said = dump(owner_url(environment), target, "--schema=recsys")
    files = {kept.DATABASE: kept.facts_of(target)}
    url = mlflow_url(environment)
    if url.startswith("postgres"):
        dump(url, folder / kept.REGISTRY, "--exclude-schema=recsys")
        files[kept.REGISTRY] = kept.facts_of(folder / kept.REGISTRY)
    elif path := sqlite_file(url):
        with (
            closing(sqlite3.connect(path)) as given,
            closing(sqlite3.connect(folder / kept.REGISTRY_FILE)) as copied,
        ):
            given.backup(copied)
        files[kept.REGISTRY_FILE] = kept.facts_of(folder / kept.REGISTRY_FILE)
    found = re.search(r"\) (\d+)", said)
    return files, int(found[1]) if found else 0


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite URL."""
    parsed = make_url(url) if url.startswith("sqlite") else None
    return Path(parsed.database) if parsed is not None and parsed.database else None


def _lake(environment: Environment, folder: Path) -> Iterator[tuple[str, kept.Facts]]:
    """Every file of the lake, a remote one's too."""
    lake = Lake(environment.lake, cache=environment.home / "lake-cache")
    if lake.is_local:
        yield from _copied(Path(str(lake.root.path)), folder, kept.LAKE)
        return
    base = str(lake.root.path).rstrip("/")
    for path in sorted(lake.root.rglob("*"), key=str):
        if path.is_file():
            name = f"{kept.LAKE}/{str(path.path).removeprefix(base).lstrip('/')}"
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with path.open("rb") as given, (folder / name).open("wb") as copied:
                yield name, kept.pour(given, copied)


def _home(environment: Environment, folder: Path) -> Iterator[tuple[str, kept.Facts]]:
    """What is in the home beside the lake and what belongs to the machine."""
    lake = Path(environment.lake).resolve() if "://" not in environment.lake else None
    for entry in sorted(environment.home.iterdir()):
        if entry.name in _OF_THE_MACHINE or entry.name.startswith(".postgres"):
            continue
        if folder == entry or folder.is_relative_to(entry):
            raise ConfigError(
                expected="a folder that the next backup does not copy",
                found="one within RECSYS_HOME",
                where=str(folder),
                remedy="name a folder elsewhere, on another disk at best",
            )
        if entry.is_file():
            yield f"{kept.HOME}/{entry.name}", kept.copy(entry, folder / kept.HOME / entry.name)
        elif entry.resolve() != lake:
            yield from _copied(entry, folder, f"{kept.HOME}/{entry.name}")


def _settings(
    config: Config, environment: Environment, folder: Path
) -> Iterator[tuple[str, kept.Facts]]:
    """The settings file, and suites of checks beside it."""
    given = environment.config_path
    for path in (given, *(suite.path for suite in own_suites(config))):
        name = f"{kept.SETTINGS}/{path.resolve().relative_to(given.resolve().parent)}"
        yield name, kept.copy(path, folder / name)


def _copied(root: Path, folder: Path, name: str) -> Iterator[tuple[str, kept.Facts]]:
    for path in sorted(root.rglob("*")):
        if path.is_file():
            own = f"{name}/{path.relative_to(root)}"
            yield own, kept.copy(path, folder / own)


def _compare_with_manifests(folder: Path, files: _Files) -> None:
    """A backup of damaged artifacts would say on the day it is needed that all is well."""
    wrong = []
    for name in [name for name in files if name.endswith(f"/{MANIFEST}")]:
        if not name.startswith(f"{kept.LAKE}/"):
            continue
        for own, facts in read_manifest(folder / name)["files"].items():
            found = files.get(name.removesuffix(MANIFEST) + own)
            if found is None or (found.bytes, found.sha256) != (facts["bytes"], facts["sha256"]):
                wrong.append(name.removesuffix(MANIFEST) + own)
    if wrong:
        raise DamagedArtifact(
            expected="every artifact as it was written",
            found=offenders(wrong),
            where=str(folder),
            remedy="`recsys verify` says what makes it again; then back up into another folder",
        )


def _left_out(environment: Environment, files: _Files) -> Iterator[str]:
    url = mlflow_url(environment)
    if not url.startswith("postgres") and sqlite_file(url) is None:
        yield "the model registry behind RECSYS_MLFLOW_URL: back its server's store up beside this"
    yield from airflow.left_out(environment, files)
