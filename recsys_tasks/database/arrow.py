"""Arrow tables into PostgreSQL at COPY speed (ADBC)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import URL

from recsys_tasks.database.engine import connection_error, libpq_uri, safe_url
from recsys_tasks.errors import ServingError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class ArrowSession:
    """One ADBC transaction: COPY in, and SQL around it on the same connection."""

    cursor: Any

    def copy(self, table: str, rows: pa.Table, schema: str | None = "recsys") -> int:
        """COPY rows into an existing table (`schema=None`: a temporary one) and return their number.

        Arrow types must match the columns: int8 and int16 are smallint, lists are arrays.
        """
        target: dict[str, Any] = {"temporary": True} if schema is None else {"db_schema_name": schema}
        self.cursor.adbc_ingest(table, rows, mode="append", **target)
        return int(rows.num_rows)

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement ($1, $2 … are parameters) and return its rows."""
        self.cursor.execute(sql, parameters=tuple(parameters) or None)
        return list(self.cursor.fetchall()) if self.cursor.description else []

    def lock(self, *parts: object) -> None:
        """Wait for the transaction's advisory lock of this name."""
        self.execute("SELECT pg_advisory_xact_lock($1::bigint)", (lock_key(*parts),))


def lock_key(*parts: object) -> int:
    """A signed 64-bit key for an advisory lock, from any words."""
    digest = hashlib.sha256("/".join(map(str, ("nightshelf", *parts))).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


@contextmanager
def load_arrow(url: str | URL) -> Iterator[ArrowSession]:
    """One transaction for loading: committed at the end, rolled back on any error.

    Raises TransientError when the server does not answer, ServingError when it refuses the rows.
    """
    import adbc_driver_postgresql.dbapi as adbc  # here: it imports pandas, and not every task loads rows

    try:
        connection = adbc.connect(libpq_uri(url))
    except adbc.Error as error:
        raise connection_error(str(error), safe_url(url)) from error
    try:
        with connection.cursor() as cursor:
            yield ArrowSession(cursor)
        connection.commit()
    except adbc.Error as error:
        connection.rollback()
        raise _refused(error, url) from error
    except BaseException:
        connection.rollback()
        raise
    finally:
        connection.close()


def _refused(error: Exception, url: str | URL) -> Exception:
    text = str(error)
    if "IO:" in text[:12] and ("server closed" in text or "connection" in text):
        return connection_error(text, safe_url(url))
    return ServingError(
        expected="rows that fit their table",
        found=text.strip().replace("\n", " ")[:400],
        where=safe_url(url),
        remedy="compare the table's columns with the Arrow schema; run `recsys migrate` if the schema is old",
    )


def copy_arrow(url: str | URL, schema: str, table: str, rows: pa.Table) -> int:
    """COPY an Arrow table into an existing table in one transaction; returns the rows."""
    with load_arrow(url) as session:
        return session.copy(table, rows, schema)
