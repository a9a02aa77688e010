"""SQLAlchemy engines that speak the pipeline's errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import URL, Connection, Engine, ExceptionContext, make_url

from recsys_tasks.errors import ConfigError, RecsysError, TransientError

CONNECT_SECONDS = 10
POOL_SIZE = 2  # the embedded server has 100 connections for Airflow, MLflow and every task at once
POOL_OVERFLOW = 3

# SQLSTATE classes that pass by themselves: connection, resources, shutdown; lock timeouts, deadlocks, serialization.
PASSING = ("08", "53", "57", "40", "55P03")
# What a server says that will never let us in as we are.
_REFUSED = (
    "authentication failed",
    "does not exist",
    "no pg_hba.conf entry",
    "no password supplied",
    "permission denied for database",
)


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
    """A small pool of connections. Its failures to connect are TransientError, a refused login ConfigError."""
    engine = sa.create_engine(
        normalised(url),
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args={"connect_timeout": CONNECT_SECONDS, "application_name": "nightshelf"},
        hide_parameters=True,  # user ids stay out of messages
    )
    sa.event.listen(engine, "handle_error", _translate)
    return engine


def _translate(context: ExceptionContext) -> BaseException | None:
    error = context.original_exception
    state = getattr(error, "sqlstate", None) or ""
    kind = type(error).__name__
    connecting = kind == "OperationalError" and context.connection is None
    if state.startswith(PASSING) or context.is_disconnect or kind == "ConnectionTimeout" or connecting:
        where = context.engine.url.render_as_string(hide_password=True) if context.engine is not None else "database"
        return connection_error(str(error), where)
    return None


def connection_error(message: str, where: str) -> RecsysError:
    """TransientError, or ConfigError when the server answered that it will never let us in."""
    found = message.strip().replace("\n", " ")[:400]
    if any(words in found for words in _REFUSED):
        return ConfigError(
            expected="a database and role that exist, and the right password",
            found=found,
            where=where,
            remedy="correct RECSYS_DATABASE_URL, or create the role or database it names",
        )
    return TransientError(
        expected="PostgreSQL to answer",
        found=found,
        where=where,
        remedy="it is retried; if it stays, see that the server runs and has free connections",
    )


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction: committed when the block ends, rolled back on any error."""
    with engine.begin() as connection:
        yield connection
