"""An open database: its tables as Ibis expressions, and their rows as a stream of Arrow batches.

Ibis compiles every expression for the kind of database. Rows come by the fastest way that each has:
PostgreSQL's by ADBC, whose COPY is read straight into Arrow, others' by Ibis.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
from ibis.expr.types import Table

from recsys_tasks.errors import ConfigError
from recsys_tasks.sources.sql.address import Address
from recsys_tasks.sources.sql.faults import translated
from recsys_tasks.sources.sql.relation import Query, Relation

BATCH = 1 << 17
"""Rows that are fetched at once."""
_BEGIN = {
    "postgres": ("SET TIME ZONE 'UTC'", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
    "mysql": ("SET time_zone = '+00:00'", "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"),
    "duckdb": ("SET TimeZone = 'UTC'", "BEGIN TRANSACTION"),
    "sqlite": ("BEGIN",),
}
"""What makes all reads of a night those of one moment, and times UTC. Warehouses have no such
transaction over queries: there each table is read as it is at that time."""

_TABLES = (
    "SELECT table_schema, table_name FROM information_schema.tables"
    " WHERE table_schema NOT IN ('information_schema', 'pg_catalog', 'recsys')"
    " ORDER BY table_schema, table_name"
)
"""Where a database has schemas: those of the server and of the pipeline itself are no shop's."""
_SEARCH_PATH = (
    "SELECT source NOT IN ('default', 'configuration file'), current_schemas(false)"
    " FROM pg_settings WHERE name = 'search_path'"
)
"""Whether somebody chose PostgreSQL's path of schemas: in the URL, for the user or the database."""


class Database:
    """A connection through Ibis, in one read-only transaction where the kind has such."""

    untyped = False
    """Whether a column may hold values of any type, as SQLite's do: they are read as text."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._connection = self._connect()
        for statement in _BEGIN.get(address.backend, ()):
            self._run(statement)

    def _connect(self) -> Any:
        return ibis.connect(self.address.url)

    def _run(self, statement: str) -> None:
        self._connection.raw_sql(statement)

    def table_names(self) -> list[str]:
        """Tables and views that this user may read, as `table` takes them. Raises what the driver
        raises.
        """
        return sorted(self._connection.list_tables())

    def table(self, relation: Relation) -> Table:
        """A table or query as an expression. Raises what the driver raises."""
        if isinstance(relation, Query):
            return self._connection.sql(relation.query, dialect=self._connection.name)
        *place, name = relation.split(".")
        database = (place[0] if len(place) == 1 else tuple(place)) if place else None
        return self._connection.table(name, database=database)

    def stream(self, rows: Table) -> Iterator[pa.RecordBatch]:
        """The rows of an expression, in batches. Raises what the driver raises."""
        yield from self._connection.to_pyarrow_batches(rows, chunk_size=BATCH)

    def close(self) -> None:
        """End the transaction and the connection."""
        self._connection.disconnect()


class Sqlite(Database):
    """SQLite keeps whatever is written into a column, of any type.

    Rows come by a connection of its own: Ibis's ends its transaction after every query.
    """

    untyped = True

    def _connect(self) -> Any:
        # in no transaction but that of _BEGIN, and never writing
        self._rows = sqlite3.connect(
            f"{Path(str(self.address.file)).resolve().as_uri()}?mode=ro",
            uri=True,
            isolation_level=None,
        )
        return ibis.connect(self.address.url)

    def _run(self, statement: str) -> None:
        self._rows.execute(statement)
        self._rows.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # now it begins

    def stream(self, rows: Table) -> Iterator[pa.RecordBatch]:
        """The rows of an expression, every value as text."""
        cursor = self._rows.execute(_sql(rows, "sqlite"))
        names = [column[0] for column in cursor.description]
        while batch := cursor.fetchmany(BATCH):
            columns = [pa.array(column, pa.string()) for column in zip(*batch, strict=True)]
            yield pa.record_batch(columns, names=names)

    def close(self) -> None:
        """End the transaction and both connections."""
        self._rows.close()
        super().close()


class DuckDB(Database):
    """Read-only: the shop may have the file open as well."""

    def _connect(self) -> Any:
        return ibis.duckdb.connect(self.address.file, read_only=True)

    def table_names(self) -> list[str]:
        """Tables and views of every schema."""
        found = self._connection.con.sql(_TABLES).fetchall()
        return [_short(schema, name, "main") for schema, name in found]

    def table(self, relation: Relation) -> Table:
        """A table, or a query with the types that DuckDB says."""
        if not isinstance(relation, Query):
            return super().table(relation)
        empty = self._connection.con.sql(f"SELECT * FROM (\n{relation.query}\n) LIMIT 0")
        types = _types(empty.to_arrow_table().schema)
        return self._connection.sql(relation.query, schema=types, dialect="duckdb")

    def stream(self, rows: Table) -> Iterator[pa.RecordBatch]:
        """The rows of an expression, in batches."""
        # Ibis 12 asks DuckDB 2 for its stream by a name that it no longer has
        yield from self._connection.con.sql(_sql(rows, "duckdb")).to_arrow_reader(BATCH)


class Postgres(Database):
    """Schemas and rows come by ADBC; Ibis only compiles."""

    def _connect(self) -> Any:
        from adbc_driver_postgresql import dbapi
        from ibis.backends.postgres import Backend

        self._compiler = Backend()  # connects to nothing
        return dbapi.connect(self.address.url, autocommit=True)

    def _run(self, statement: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)

    def table_names(self) -> list[str]:
        """Tables and views of the schemas of the URL's `search_path`; without one, of every schema
        but the pipeline's own.
        """
        with self._connection.cursor() as cursor:
            cursor.execute(_SEARCH_PATH)
            ((changed, path),) = cursor.fetchall()
            cursor.execute(_TABLES)
            found = [(str(schema), str(name)) for schema, name in cursor.fetchall()]
        first = path[0] if changed and path else "public"
        looked_at = path if changed else [schema for schema, _ in found]
        return [_short(schema, name, first) for schema, name in found if schema in looked_at]

    def table(self, relation: Relation) -> Table:
        """A table or query; types that Arrow has no plain form of become text."""
        if isinstance(relation, Query):
            query = relation.query
        else:
            quoted = ".".join('"' + part.replace('"', '""') + '"' for part in relation.split("."))
            query = f"SELECT * FROM {quoted}"
        with self._connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM (\n{query}\n) AS delivered LIMIT 0")
            schema = cursor.fetch_record_batch().schema
        return self._compiler.sql(query, schema=_types(schema), dialect="postgres")

    def stream(self, rows: Table) -> Iterator[pa.RecordBatch]:
        """The rows of an expression, as COPY sends them."""
        with self._connection.cursor() as cursor:
            cursor.execute(_sql(rows, "postgres"))
            yield from cursor.fetch_record_batch()

    def close(self) -> None:
        """End the transaction and the connection."""
        self._connection.close()


_KINDS: dict[str, type[Database]] = {"postgres": Postgres, "duckdb": DuckDB, "sqlite": Sqlite}


def open_database(address: Address) -> Database:
    """Connect. Raises ConfigError for a kind without its driver, a file that is not there and
    refused credentials, TransientError for a database that does not answer.
    """
    if address.file is not None and not address.file.is_file():
        raise ConfigError(
            expected=f"a {address.backend} database",
            found="no such file",
            where=str(address.file),
            remedy="correct source.url, or make the file",
        )
    try:
        return _KINDS.get(address.backend, Database)(address)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            expected=f"the driver of {address.backend}",
            found=address.masked(str(error)),
            where="source.url",
            remedy=f"install 'ibis-framework[{address.backend}]' beside Nightshelf",
        ) from None
    except Exception as error:  # each driver has its own
        raise translated(error, address, "url") from None


def _short(schema: str, name: str, usual: str) -> str:
    """A table's name, without the schema that is looked at where none is named."""
    return name if schema == usual else f"{schema}.{name}"


def _sql(rows: Table, dialect: str) -> str:
    return str(ibis.to_sql(rows, dialect=dialect))


def _types(schema: pa.Schema) -> Any:
    """The Ibis types of Arrow columns; uuid stands for all that is cast to text."""
    return ibis.schema({field.name: _type(field.type) for field in schema})


def _type(kind: pa.DataType) -> Any:
    odd = isinstance(kind, pa.BaseExtensionType) or pa.types.is_time(kind)
    odd = odd or pa.types.is_interval(kind) or pa.types.is_null(kind)
    return ibis.dtype("uuid") if odd else ibis.dtype(kind)
