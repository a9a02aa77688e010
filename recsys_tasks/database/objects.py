"""Views and functions of the schema `recsys`: each stands once, in `sql/objects/NAME.sql`.

A file holds one object: `CREATE OR REPLACE`, its grants and its comments. To change a view or a
function, edit its file; migrations own tables only. `recsys migrate` runs the files after the
migrations, in the same transaction and under the same lock. `recsys.sql_objects` keeps a digest of
each file that was run, and a file whose digest is there is skipped: no lock is taken where nothing
changed.

Replacing a function blocks nobody. Replacing a view waits for the queries that read it, and new
ones wait meanwhile; so the wait is short, and is given up and tried again, until the readers leave
a gap.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Connection

from recsys_tasks.database.refusals import lock_held
from recsys_tasks.errors import ConfigError

OBJECTS = Path(__file__).parent / "sql" / "objects"
READER_WAIT = "2s"  # how long new readers of a view may wait for one that reads it already
ATTEMPTS = 30
PAUSE_SECONDS = 1.0

_CREATES = re.compile(r"^CREATE OR REPLACE (VIEW|FUNCTION) recsys\.(\w+)", re.MULTILINE)
_MENTION = re.compile(r"\brecsys\.(\w+)")
_COMMENT = re.compile(r"--.*")
_EXISTING = sa.text("""
SELECT c.relname::text FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = to_regnamespace('recsys') AND c.relkind = 'v'
UNION ALL
SELECT p.proname::text FROM pg_catalog.pg_proc AS p WHERE p.pronamespace = to_regnamespace('recsys')
""")
_DIGESTS = sa.text("SELECT o.name, o.digest FROM recsys.sql_objects AS o")
_READABLE = sa.text("""
SELECT t.oid IS NOT NULL AND has_table_privilege(t.oid, 'SELECT')
FROM (SELECT to_regclass('recsys.sql_objects')::oid AS oid) AS t
""")
_REMEMBER = sa.text("""
INSERT INTO recsys.sql_objects (name, digest) VALUES (:name, :digest)
ON CONFLICT (name) DO UPDATE SET digest = EXCLUDED.digest
""")
_SIGNATURES = sa.text("""
SELECT p.oid::regprocedure::text FROM pg_catalog.pg_proc AS p
WHERE p.pronamespace = 'recsys'::regnamespace AND p.proname = :name
""")
_ROLES = ("recsys_reader", "recsys_writer", "recsys_availability")


@dataclass(frozen=True)
class SqlObject:
    """A view or function, as its file says."""

    name: str
    statements: str

    @cached_property
    def is_view(self) -> bool:
        """Whether it is a view, else a function. Raises ValueError for a file of anything else."""
        found = _CREATES.findall(self.statements)
        if [name for _, name in found] != [self.name]:
            raise ValueError(f"{self.name}.sql must create recsys.{self.name}, and nothing else")
        return bool(found[0][0] == "VIEW")

    @cached_property
    def digest(self) -> str:
        """Hash of the file's text."""
        return hashlib.sha256(self.statements.encode()).hexdigest()[:32]

    def mentions(self) -> frozenset[str]:
        """Names of the schema in its statements."""
        return frozenset(_MENTION.findall(_COMMENT.sub("", self.statements))) - {self.name}


def read_objects() -> Mapping[str, SqlObject]:
    """Every object by name, each after those that it mentions."""
    files = {path.stem: path.read_text() for path in sorted(OBJECTS.glob("*.sql"))}
    objects = {name: SqlObject(name, statements) for name, statements in files.items()}
    graph = {name: sorted(one.mentions() & set(objects)) for name, one in objects.items()}
    return {name: objects[name] for name in TopologicalSorter(graph).static_order()}


def run_object(connection: Connection, name: str) -> None:
    """Run one object's file: for a migration whose trigger needs its function."""
    _run(connection, (OBJECTS / f"{name}.sql").read_text())


def recorded_digests(connection: Connection) -> dict[str, str]:
    """Name of each object that was made → hash of the file that it was made from; empty when the
    connection's role may not read `recsys.sql_objects`.
    """
    if not connection.scalar(_READABLE):
        return {}
    return {name: value for name, value in connection.execute(_DIGESTS)}


def outdated_objects(connection: Connection) -> tuple[str, ...]:
    """Names whose object is missing, is not as its file says, or has no file any more.

    Empty when the connection's role may not read `recsys.sql_objects`.
    """
    if not connection.scalar(_READABLE):
        return ()
    known = recorded_digests(connection)
    existing = set(connection.scalars(_EXISTING))
    objects = read_objects()
    wrong = [n for n, one in objects.items() if known.get(n) != one.digest or n not in existing]
    return (*wrong, *(name for name in known if name not in objects))


def create_objects(connection: Connection) -> tuple[str, ...]:
    """Make every view and function what its file says; returns the names of those that were not.

    Raises TransientError when readers leave no gap within a minute, ConfigError when a view of
    somebody else's depends on one that must be dropped because its columns change.
    """
    wrong = outdated_objects(connection)
    for attempt in range(ATTEMPTS if wrong else 0):
        try:
            with connection.begin_nested():
                connection.execute(sa.text(f"SET LOCAL lock_timeout = '{READER_WAIT}'"))
                _Creation(connection, read_objects()).run(wrong)
            break
        except psycopg.errors.LockNotAvailable as error:
            if attempt + 1 == ATTEMPTS:
                raise lock_held("views of recsys", [], "recsys migrate") from error
            time.sleep(PAUSE_SECONDS)
    return wrong


class _Creation:
    """One attempt to create the objects that are not as they should be."""

    def __init__(self, connection: Connection, objects: Mapping[str, SqlObject]) -> None:
        self._connection = connection
        self._objects = objects
        self._existing = set(connection.scalars(_EXISTING))

    def run(self, wrong: Iterable[str]) -> None:
        """Create them in order, and again what must be dropped for that."""
        asked = set(wrong)
        for name in asked - set(self._objects):
            self._forget(name)
        for name, one in self._objects.items():
            if name in asked or name not in self._existing:
                self._create(one)
                self._connection.execute(_REMEMBER, {"name": name, "digest": one.digest})

    def _create(self, one: SqlObject) -> None:
        """Replace it; where PostgreSQL cannot, because columns or arguments changed, drop it."""
        try:
            with self._connection.begin_nested():
                self._replace(one)
        except (
            psycopg.errors.InvalidTableDefinition,
            psycopg.errors.InvalidFunctionDefinition,
            psycopg.errors.AmbiguousFunction,
        ):
            self._drop(one)
            self._replace(one)
        self._existing.add(one.name)

    def _replace(self, one: SqlObject) -> None:
        if one.name in self._existing:  # a grant that its file has no more goes
            kind = sql.SQL("TABLE" if one.is_view else "FUNCTION")
            roles = sql.SQL(", ").join(map(sql.Identifier, _ROLES))
            statement = sql.SQL("REVOKE ALL ON {} {} FROM {}")
            name = sql.Identifier("recsys", one.name)
            _run(self._connection, statement.format(kind, name, roles))
        _run(self._connection, one.statements)

    def _drop(self, one: SqlObject) -> None:
        """Drop it, after the views that are made from it."""
        for other in reversed(list(self._objects.values())):
            if other.is_view and one.name in other.mentions() and other.name in self._existing:
                self._drop(other)
        try:
            self._drop_by_name(one.name, is_view=one.is_view)
        except psycopg.errors.DependentObjectsStillExist as error:
            raise ConfigError(
                expected=f"nothing but the pipeline's own views to depend on recsys.{one.name}",
                found=str(error.diag.message_detail),
                where="recsys migrate",
                remedy="drop what depends on it, migrate, and create it again",
            ) from error

    def _forget(self, name: str) -> None:
        if name in self._existing:
            view = self._connection.scalar(
                sa.text("SELECT to_regclass(:n)"), {"n": f"recsys.{name}"}
            )
            self._drop_by_name(name, is_view=view is not None)
        self._connection.execute(
            sa.text("DELETE FROM recsys.sql_objects WHERE name = :name"), {"name": name}
        )

    def _drop_by_name(self, name: str, *, is_view: bool) -> None:
        if is_view:
            view = sql.SQL("DROP VIEW {}").format(sql.Identifier("recsys", name))
            _run(self._connection, view)
        else:
            for signature in self._connection.scalars(_SIGNATURES, {"name": name}).all():
                _run(self._connection, f"DROP FUNCTION {signature}")
        self._existing.discard(name)


def _run(connection: Connection, statements: str | sql.Composed) -> None:
    # The driver's own call: no parameter parsing, so `:` and `%` of SQL stay what they are.
    cursor = connection.connection.cursor()
    cursor.execute(statements)
