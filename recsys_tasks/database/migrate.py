"""Alembic, run in one transaction under an advisory lock: two starters cannot migrate at once."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from recsys_tasks.database.engine import create_engine
from recsys_tasks.database.locks import take_lock

_SCRIPTS = Path(__file__).resolve().parent.parent / "migrations"


def migrate(url: str, revision: str = "head") -> None:
    """Bring the schema `recsys` to a revision; `url` must be the schema's owner. A no-op when it is there."""
    _run(url, "upgrade", revision)


def downgrade(url: str, revision: str = "base") -> None:
    """Take the schema back to a revision. Below 0001 the data is gone."""
    _run(url, "downgrade", revision)


def current_revision(url: str) -> str | None:
    """The schema's revision; None before the first migration."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            if connection.scalar(sa.text("SELECT to_regclass('recsys.alembic_version')")) is None:
                return None
            found = connection.scalar(sa.text("SELECT version_num FROM recsys.alembic_version"))
            return None if found is None else str(found)
    finally:
        engine.dispose()


def head_revision() -> str:
    """The newest revision that this version knows: what its schema must be at."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return str(ScriptDirectory.from_config(config).get_current_head())


def _run(url: str, verb: Literal["upgrade", "downgrade"], revision: str) -> None:
    from alembic import command  # here: only the launcher migrates
    from alembic.config import Config

    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            take_lock(connection, "migrate")
            connection.execute(sa.text("CREATE SCHEMA IF NOT EXISTS recsys"))
            config = Config()
            config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
            config.set_main_option("path_separator", "os")
            config.attributes["connection"] = connection
            getattr(command, verb)(config, revision)
    finally:
        engine.dispose()
