"""Where the databases are: the configured URL, or those of the embedded server and its passwords.

The passwords are made once, in a file under RECSYS_HOME that its owner alone can read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL

from recsys_tasks.config import Environment
from recsys_tasks.database.roles import DATABASES
from recsys_tasks.errors import TransientError

SECRETS = "database.json"


def urls(home: Path) -> Mapping[str, str]:
    """SQLAlchemy URLs, with passwords, of a server that was started under `home`.

    Keys: airflow, mlflow, recsys (the pipeline's own: recsys_writer), recsys_owner (migrations),
    recsys_reader, recsys_availability. Raises TransientError when none was started there yet.
    """
    known = read_secrets(home.resolve())
    if not known.get("socket"):
        raise TransientError(
            expected="a started embedded PostgreSQL",
            found="none was started here",
            where=str(home),
            remedy="`make airflow` or `recsys run` starts it; or set RECSYS_DATABASE_URL",
        )

    def url(driver: str, role: str, database: str) -> str:
        made = URL.create(
            driver,
            role,
            known["passwords"][role],
            database=database,
            query={"host": known["socket"]},
        )
        return made.render_as_string(hide_password=False)

    found = {
        name: url(driver, owner, name)
        for name, (owner, driver) in DATABASES.items()
        if name != "recsys"
    }
    found["recsys"] = url("postgresql+psycopg", "recsys_writer", "recsys")
    for role in ("recsys_owner", "recsys_reader", "recsys_availability"):
        found[role] = url("postgresql+psycopg", role, "recsys")
    return found


def database_url(environment: Environment) -> str:
    """Where the pipeline reads and writes: RECSYS_DATABASE_URL, or the embedded server's writer."""
    return environment.database_url or urls(environment.home)["recsys"]


def reader_url(environment: Environment) -> str:
    """Where analysts read: RECSYS_READER_URL, the configured database, or the embedded server's
    reader.
    """
    named = environment.reader_url or environment.database_url
    return named or urls(environment.home)["recsys_reader"]


def owner_url(environment: Environment) -> str:
    """Where migrations run: RECSYS_DATABASE_URL, or the embedded server's owner of the schema."""
    return environment.database_url or urls(environment.home)["recsys_owner"]


def read_secrets(home: Path) -> dict[str, Any]:
    """Socket folder and passwords by role of the server under a home; empty before the first."""
    path = home / SECRETS
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def write_secrets(home: Path, value: Mapping[str, Any]) -> None:
    """Keep them, in one step; nothing is written where they are kept already."""
    if read_secrets(home) == value:
        return  # a full disk must not keep a server from starting again
    draft = home / f".{SECRETS}.{os.getpid()}"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
        json.dump(value, handle)
    draft.rename(home / SECRETS)
