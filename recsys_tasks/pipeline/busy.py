"""Who is at work on the lake: any number of stages at once, or one erasure alone.

A session's advisory lock in PostgreSQL, so it ends with the process that took it, however that ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.database import lock_key
from recsys_tasks.errors import ServingError

_NAME = "lake at work"


@contextmanager
def at_work(engine: Engine) -> Iterator[None]:
    """A stage reads or writes the lake; it waits while an erasure is under way."""
    with _locked(engine, "SELECT pg_advisory_lock_shared(:key)"):
        yield


@contextmanager
def alone(engine: Engine) -> Iterator[None]:
    """Nothing else reads or writes the lake. Raises ServingError, at once, when something does."""
    with _locked(engine, "SELECT pg_try_advisory_lock(:key)"):
        yield


@contextmanager
def _locked(engine: Engine, query: str) -> Iterator[None]:
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    connection.detach()  # not the pool's any more: closing it ends the session, and the lock with it
    try:
        if connection.scalar(sa.text(query), {"key": lock_key(_NAME)}) is False:
            raise ServingError(
                expected="no stage of a night, and no other erasure, at work",
                found="one is running",
                where="advisory lock of the recsys database",
                remedy="wait until the night is over (`recsys publications`, Airflow), then run it again",
            )
        yield
    finally:
        with suppress(sa.exc.SQLAlchemyError):
            connection.close()
