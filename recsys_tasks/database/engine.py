"""SQLAlchemy engines that speak the pipeline's errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import URL, Connection, Engine, ExceptionContext, make_url

from recsys_tasks.database import locks
from recsys_tasks.database.refusals import connection_error, explain
from recsys_tasks.errors import ConfigError

CONNECT_SECONDS = 10
POOL_SIZE = 2  # the embedded server has 100 connections for Airflow, MLflow and every task at once
POOL_OVERFLOW = 3


def normalised(url: str | URL) -> URL:
    """The URL with the psycopg driver, whatever PostgreSQL driver it named. Raises ConfigError."""
    try:
        parsed = make_url(url)
    except sa.exc.ArgumentError as error:
        raise _not_postgres("text that is no URL") from error
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise _not_postgres(parsed.get_backend_name())
    return parsed.set(drivername="postgresql+psycopg")


def _not_postgres(found: str) -> ConfigError:
    return ConfigError(
        expected="a postgresql:// URL",
        found=found,
        where="RECSYS_DATABASE_URL",
        remedy="unset it for the embedded server, or name a PostgreSQL server",
    )


def safe_url(url: str | URL) -> str:
    """The URL without its password, for messages."""
    return normalised(url).render_as_string(hide_password=True)


def libpq_uri(url: str | URL) -> str:
    """The URL as libpq and ADBC read it; it holds the password."""
    return normalised(url).set(drivername="postgresql").render_as_string(hide_password=False)


def quoted(*names: str) -> str:
    """A table's name as SQL text, each part quoted."""
    return sql.Identifier(*names).as_string(None)


def create_engine(url: str) -> Engine:
    """A small pool of connections that wait at most LOCK_WAIT for a lock.

    Failures to connect and locks are TransientError, a full disk Unwritable, a refused login
    ConfigError, a missing right ServingError.
    """
    engine = sa.create_engine(
        normalised(url),
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args={"connect_timeout": CONNECT_SECONDS, "application_name": locks.APPLICATION},
        hide_parameters=True,  # user ids stay out of messages
    )
    sa.event.listen(engine, "handle_error", _translate)
    sa.event.listen(engine, "connect", _bound_waits)
    return engine


def _bound_waits(connection: Any, _record: object) -> None:
    """Every session gives up a lock it cannot get, and its server notices when its client was
    killed.
    """
    settings = {"name": locks.APPLICATION, "wait": locks.LOCK_WAIT, "check": locks.CLIENT_CHECK}
    try:
        connection.execute(locks.FOR_SESSION, settings)
        connection.commit()
    except psycopg.OperationalError as error:  # the server went in just this moment
        where = (
            f"postgresql://{connection.info.user}@{connection.info.host}/{connection.info.dbname}"
        )
        raise connection_error(str(error), where) from error


def _translate(context: ExceptionContext) -> BaseException | None:
    if context.is_pre_ping:
        return None  # the pool only asks whether a connection still lives, and opens another if not
    error = context.original_exception
    url = context.engine.url if context.engine is not None else URL.create("postgresql")
    where = url.render_as_string(hide_password=True)
    kind = type(error).__name__
    connecting = kind == "OperationalError" and context.connection is None
    if connecting or kind == "ConnectionTimeout":
        return connection_error(str(error), where)
    state = getattr(error, "sqlstate", None) or ""
    found = explain(state, str(error), role=url.username or "of this session", where=where)
    return connection_error(str(error), where) if found is None and context.is_disconnect else found


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction: committed when the block ends, rolled back on any error."""
    with engine.begin() as connection:
        yield connection
