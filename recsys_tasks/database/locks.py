"""Locks that are waited for a while, never for ever; who gives up says who holds them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from recsys_tasks.database.refusals import LOCK_TIMEOUT, lock_held
from recsys_tasks.errors import TransientError

# Longer than any step that holds a lock in a healthy night, and short enough for a retry within the
# night.
LOCK_WAIT = "60s"
# How often a server looks whether a killed client is gone: its locks must not outlive it by a long
# query.
CLIENT_CHECK = "5s"

APPLICATION = "nightshelf"

# Older servers do not know the last of them.
_SETTINGS = """
SELECT set_config('application_name', {name}, {local}), set_config('lock_timeout', {wait}, {local}),
       CASE WHEN current_setting('client_connection_check_interval', true) IS NOT NULL
            THEN set_config('client_connection_check_interval', {check}, {local}) END
"""
FOR_SESSION = _SETTINGS.format(name="%(name)s", wait="%(wait)s", check="%(check)s", local="false")
FOR_TRANSACTION = _SETTINGS.format(name="$1", wait="$2", check="$3", local="true")

PUBLICATIONS = "recsys.publication"
# {key} and {table} are placeholders of either driver. A row's lock shows as its table's:
# RowShareLock or stronger.
_HOLDERS = """
SELECT DISTINCT a.pid, a.usename::text, a.application_name, a.xact_start
FROM pg_catalog.pg_locks AS l
JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
WHERE l.granted AND l.pid <> pg_catalog.pg_backend_pid()
  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d
    WHERE d.datname = pg_catalog.current_database())
  AND (l.locktype = 'advisory' AND l.objsubid = 1
         AND (l.classid::bigint << 32) | l.objid::bigint = {key}
       OR l.locktype = 'relation' AND l.relation = to_regclass({table})
         AND l.mode <> 'AccessShareLock')
ORDER BY a.pid
"""
HOLDERS_BY_NUMBER = _HOLDERS.format(key="$1::bigint", table="$2::text")
_HOLDERS_BY_NAME = sa.text(
    _HOLDERS.format(key="CAST(:key AS bigint)", table="CAST(:table AS text)")
)


def lock_key(*parts: object) -> int:
    """A signed 64-bit key for an advisory lock, from any words."""
    digest = hashlib.sha256("/".join(map(str, ("nightshelf", *parts))).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def lock_name(*parts: object) -> str:
    """The lock in words."""
    return f"the lock {' '.join(map(str, parts))!r}"


def take_lock(connection: Connection, *parts: object) -> None:
    """Wait for the transaction's advisory lock of this name. Raises TransientError that names the
    holder.
    """
    key = lock_key(*parts)
    with _bounded(connection, lock_name(*parts), key, None):
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def hold_lock(
    connection: Connection, *parts: object, shared: bool = False, wait: str = LOCK_WAIT
) -> None:
    """Wait for a lock that lasts as long as the session, which commits by itself.

    Raises TransientError that names the holders.
    """
    key = lock_key(*parts)
    take = "SELECT pg_advisory_lock_shared(:key)" if shared else "SELECT pg_advisory_lock(:key)"
    connection.execute(sa.text("SELECT set_config('lock_timeout', :wait, false)"), {"wait": wait})
    try:
        connection.execute(sa.text(take), {"key": key})
    except TransientError as error:
        if not gave_up_waiting(error):
            raise
        rows = connection.execute(_HOLDERS_BY_NAME, {"key": key, "table": None})
        where = connection.engine.url.render_as_string(hide_password=True)
        raise lock_held(lock_name(*parts), in_words(rows), where) from error


def try_lock(connection: Connection, *parts: object) -> bool:
    """Take a lock that lasts as long as the session, if it is free."""
    return bool(
        connection.scalar(sa.text("SELECT pg_try_advisory_lock(:key)"), {"key": lock_key(*parts)})
    )


def gave_up_waiting(error: TransientError) -> bool:
    """Whether a statement failed because a lock did not come free in time, and the server is
    well.
    """
    return getattr(error.__cause__, "sqlstate", None) == LOCK_TIMEOUT


@contextmanager
def waiting_for_rows(connection: Connection, table: str = PUBLICATIONS) -> Iterator[None]:
    """For statements that lock rows of a table: a wait that is too long raises TransientError with
    the holders.
    """
    with _bounded(connection, f"rows of {table}", None, table):
        yield


@contextmanager
def _bounded(
    connection: Connection, wanted: str, key: int | None, table: str | None
) -> Iterator[None]:
    try:
        with (
            connection.begin_nested()
        ):  # so that the transaction can still be asked who holds the lock
            yield
    except TransientError as error:
        if not gave_up_waiting(error):
            raise
        rows = connection.execute(_HOLDERS_BY_NAME, {"key": key, "table": table})
        where = connection.engine.url.render_as_string(hide_password=True)
        raise lock_held(wanted, in_words(rows), where) from error


def in_words(rows: Iterable[Iterable[object]]) -> list[str]:
    """Each session that HOLDERS found: pid, role, application and since when."""
    return [
        f"pid {pid} ({role}, application {application or 'unnamed'!r}, in a transaction since"
        f" {_since(since)})"
        for pid, role, application, since in rows
    ]


def _since(value: object) -> str:
    """A session of another role hides its times."""
    return (
        f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        if isinstance(value, datetime)
        else "a time it hides"
    )
