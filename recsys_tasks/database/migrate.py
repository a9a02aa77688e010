"""Alembic, run in one transaction under an advisory lock: two starters cannot migrate at once.

Forward only. Older code finds its schema in a backup from before: what a newer schema holds cannot
all be told in an older one, and a downgrade that drops it would be a way to lose a night.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from recsys_tasks.database.engine import create_engine, safe_url
from recsys_tasks.database.locks import take_lock
from recsys_tasks.database.objects import create_objects, outdated_objects
from recsys_tasks.database.rights import mend_rights
from recsys_tasks.errors import ConfigError, offenders

_SCRIPTS = Path(__file__).resolve().parent / "migrations"
_REVISION = sa.text("SELECT version_num FROM recsys.alembic_version")
_REVISION_TABLE = sa.text("""
SELECT t.oid IS NOT NULL, t.oid IS NOT NULL AND has_table_privilege(t.oid, 'SELECT')
FROM (SELECT to_regclass('recsys.alembic_version')::oid AS oid) AS t
""")
# The pipeline's role starts nights, and must know whether the schema is the one that they need.
_LET_LOOK = sa.text("""
DO $$
BEGIN
  IF to_regclass('recsys.alembic_version') IS NOT NULL
    AND to_regrole('recsys_writer') IS NOT NULL THEN
    GRANT SELECT ON recsys.alembic_version TO recsys_writer;
  END IF;
END $$
""")


def migrate(url: str) -> None:
    """Bring the tables of schema `recsys` to the newest revision, its views and functions to what
    their files say, and readers' rights to what these grant. `url` must be the schema's owner. A
    no-op when all is so.
    """
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
            config.attributes["connection"], config.attributes["later"] = connection, []
            command.upgrade(config, "head")
            connection.execute(_LET_LOOK)
            create_objects(connection)
            mend_rights(connection)
            for statement in config.attributes["later"]:
                connection.execute(sa.text(statement))
    finally:
        engine.dispose()


def current_revision(url: str) -> str | None:
    """The schema's revision; None before the first migration."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            if connection.scalar(sa.text("SELECT to_regclass('recsys.alembic_version')")) is None:
                return None
            found = connection.scalar(_REVISION)
            return None if found is None else str(found)
    finally:
        engine.dispose()


def head_revision() -> str:
    """The newest revision that this version knows: what its schema must be at."""
    from alembic.script import ScriptDirectory

    return str(ScriptDirectory(str(_SCRIPTS)).get_current_head())


def schema_fault(url: str) -> str:
    """In what the schema is not this version's, in words, as far as the URL's role may know; ""
    when in nothing.
    """
    head = head_revision()
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            found, readable = connection.execute(_REVISION_TABLE).one()
            if found and not readable:
                return ""  # migrated before the pipeline's role was let look
            revision = connection.scalar(_REVISION) if found else None
            if revision != head:
                return f"revision {revision}" if revision else "no tables of the pipeline"
            wrong = outdated_objects(connection)
    finally:
        engine.dispose()
    return f"views or functions of another version: {offenders(wrong)}" if wrong else ""


def require_migrated(url: str) -> None:
    """Nothing, when the schema is this version's as far as the URL's role may know. Raises
    ConfigError.
    """
    found = schema_fault(url)
    if found:
        raise ConfigError(
            expected=f"schema recsys at revision {head_revision()}",
            found=found,
            where=safe_url(url),
            remedy=(
                "RECSYS_DATABASE_URL=URL_OF_THE_SCHEMA_OWNER recsys migrate; the pipeline's own"
                " role may not"
            ),
        )
