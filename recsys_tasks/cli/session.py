"""What commands work with: the database, a night, the present time, who decided; and how they fail.

Databases and stages are imported where they are used: `recsys --help` needs neither.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from recsys_tasks.clock import typed_day
from recsys_tasks.config import load_config, read_environment
from recsys_tasks.errors import ConfigError, RecsysError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from recsys_tasks.config import Environment
    from recsys_tasks.stages import Night

Who = Annotated[str, typer.Option(help="Who decided it.", default_factory=getpass.getuser)]


def now() -> datetime:
    """The present time, which everything below the commands is given as an argument."""
    return datetime.now(UTC)  # noqa: TID251


@contextmanager
def shown_errors() -> Iterator[None]:
    """A RecsysError, and what the machine refuses, become four parts on standard error and exit
    code 1.
    """
    try:
        yield
    except OSError as error:
        refused = ConfigError(
            expected="files and folders that this user may read and write, on a disk with room",
            found=error.strerror or str(error),
            where=str(error.filename or read_environment().home),
            remedy=(
                "correct its rights, make room, or set RECSYS_HOME to another folder; `recsys"
                " doctor` checks it"
            ),
        )
        typer.echo(f"{type(refused).__name__}\n{refused}", err=True)
        raise typer.Exit(1) from error
    except RecsysError as error:
        typer.echo(f"{type(error).__name__}\n{error}", err=True)
        raise typer.Exit(1) from error


@contextmanager
def open_database(*, existing: bool = False) -> Iterator[Connection]:
    """A connection to the database in one transaction; the embedded server runs meanwhile.

    `existing`: who only looks makes nothing, and a home without a database is said to be one.
    """
    from recsys_tasks.database import create_engine, database_url
    from recsys_tasks.stages import local_environment

    with shown_errors():
        if existing:
            _refuse_new_home()
    with shown_errors(), local_environment() as environment:
        engine = create_engine(database_url(environment))
        with engine.begin() as connection:
            yield connection
        engine.dispose()


@contextmanager
def existing_environment() -> Iterator[Environment]:
    """The environment of a home in which a night ran, with its database running meanwhile."""
    from recsys_tasks.stages import local_environment

    with shown_errors():
        _refuse_new_home()
        with local_environment() as environment:
            yield environment


def _refuse_new_home() -> None:
    from recsys_tasks.database import has_server

    environment = read_environment()
    if environment.database_url or has_server(environment.home):
        return
    raise ConfigError(
        expected="a home in which a night ran",
        found="no database" if environment.home.exists() else "no such folder",
        where=f"RECSYS_HOME, {environment.home}",
        remedy="set RECSYS_HOME or RECSYS_DATABASE_URL as the nights have it, or run a night first",
    )


@contextmanager
def open_night(as_of: str) -> Iterator[Night]:
    """The night of `--as-of`, with its services running; a date that is none is refused before
    anything starts.
    """
    from recsys_tasks.stages import Night, local_environment

    with shown_errors():
        day = typed_day(as_of, "--as-of")
        with local_environment() as environment:
            yield Night.open(load_config(environment.config_path), environment, day, now())
