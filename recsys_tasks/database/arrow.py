"""Arrow tables into PostgreSQL at COPY speed (ADBC)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import URL

from recsys_tasks.database import locks
from recsys_tasks.database.engine import libpq_uri, normalised, safe_url
from recsys_tasks.database.locks import (
    HOLDERS_BY_NUMBER,
    PUBLICATIONS,
    in_words,
    lock_key,
    lock_name,
)
from recsys_tasks.database.refusals import LOCK_TIMEOUT, connection_error, explain, lock_held
from recsys_tasks.errors import RecsysError, ServingError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class ArrowSession:
    """One ADBC transaction: COPY in, and SQL around it on the same connection."""

    cursor: Any
    locks: list[tuple[object, ...]] = field(default_factory=list)
    """Names of the advisory locks asked for."""

    def copy(self, table: str, rows: pa.Table, schema: str | None = "recsys") -> int:
        """COPY rows into an existing table (`schema=None`: a temporary one) and return their
        number.

        Arrow types must match the columns: int8 and int16 are smallint, lists are arrays.
        """
        target: dict[str, Any] = (
            {"temporary": True} if schema is None else {"db_schema_name": schema}
        )
        self.cursor.adbc_ingest(table, rows, mode="append", **target)
        return int(rows.num_rows)

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement ($1, $2 … are parameters) and return its rows."""
        self.cursor.execute(sql, parameters=tuple(parameters) or None)
        return list(self.cursor.fetchall()) if self.cursor.description else []

    def lock(self, *parts: object) -> None:
        """Wait for the transaction's advisory lock of this name."""
        self.locks.append(parts)
        self.execute("SELECT pg_advisory_xact_lock($1::bigint)", (lock_key(*parts),))


@contextmanager
def load_arrow(url: str | URL) -> Iterator[ArrowSession]:
    """One transaction for loading: committed at the end, rolled back on any error.

    Raises Unwritable when the server's disk is full, TransientError when it does not answer or a
    lock does not come free, ServingError when it refuses the rows.
    """
    # here: it imports pandas, and not every task loads rows
    import adbc_driver_postgresql.dbapi as adbc

    try:
        connection = adbc.connect(libpq_uri(url))
    except adbc.Error as error:
        raise connection_error(str(error), safe_url(url)) from error
    try:
        with connection.cursor() as cursor:
            session = ArrowSession(cursor)
            try:
                session.execute(
                    locks.FOR_TRANSACTION, (locks.APPLICATION, locks.LOCK_WAIT, locks.CLIENT_CHECK)
                )
                yield session
                connection.commit()
            except adbc.Error as error:
                with suppress(
                    adbc.Error
                ):  # a lost connection cannot be rolled back: its server did that
                    connection.rollback()
                raise _refused(error, session, url) from error
            except BaseException:
                with suppress(adbc.Error):
                    connection.rollback()
                raise
    finally:
        with suppress(adbc.Error):
            connection.close()


def _refused(error: Any, session: ArrowSession, url: str | URL) -> RecsysError:
    text, state, where = str(error), error.sqlstate or "", safe_url(url)
    if state == LOCK_TIMEOUT:
        return _lock_held(session, where)
    if not state and "IO:" in text[:12] and ("server closed" in text or "connection" in text):
        return connection_error(text, where)
    known = explain(state, text, role=normalised(url).username or "of this session", where=where)
    return known or ServingError(
        expected="rows that fit their table",
        found=text.strip().replace("\n", " ")[:400],
        where=where,
        remedy=(
            "compare the table's columns with the Arrow schema; run `recsys migrate` if the schema"
            " is old"
        ),
    )


def _lock_held(session: ArrowSession, where: str) -> RecsysError:
    """Rolled back, so what others hold still is what we waited for: an advisory lock, or else a
    publication's row.
    """
    for parts in session.locks:
        holders = in_words(session.execute(HOLDERS_BY_NUMBER, (lock_key(*parts), None)))
        if holders:
            return lock_held(lock_name(*parts), holders, where)
    rows = session.execute(HOLDERS_BY_NUMBER, (None, PUBLICATIONS))
    return lock_held(f"rows of {PUBLICATIONS} or of the table to fill", in_words(rows), where)


def copy_arrow(url: str | URL, schema: str, table: str, rows: pa.Table) -> int:
    """COPY an Arrow table into an existing table in one transaction; returns the rows."""
    with load_arrow(url) as session:
        return session.copy(table, rows, schema)
