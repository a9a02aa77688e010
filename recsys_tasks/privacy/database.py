"""One user in PostgreSQL: counted, read, removed in one transaction, searched for everywhere; and
the record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from recsys_tasks.database import quoted, transaction
from recsys_tasks.snapshot.erasing import Subject

_ERASE = sa.text("SELECT place, held FROM recsys.erase_user(:key, :id, :mention, :dry)")
_ROWS = sa.text("SELECT place, contents FROM recsys.user_rows(:key, :id, :mention)")
_OF = ("id", "as_of", "ts", "at", "raised_at", "failed_at", "moved_at", "stage", "release", "kind")
"""Columns that say which row of a table it is."""
_RECORD = sa.text(
    "INSERT INTO recsys.erasures (at, event, user_hash, who, why, record) "
    "VALUES (:at, :event, :hash, :who, :why, CAST(:record AS jsonb))"
)
_COLUMNS = sa.text("""
SELECT c.relname AS table, a.attname AS column, format_type(a.atttypid, NULL) AS type
FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'recsys'::regnamespace AND c.relkind = 'r' AND has_table_privilege(c.oid,
  'SELECT')
  AND (a.attname = 'user_key' OR format_type(a.atttypid, NULL) IN ('text', 'jsonb')
    AND c.relname !~ '^list_rows_')
ORDER BY 1, 2
""")
CATALOGUE = frozenset(
    {
        "items",
        "item_availability",
        "source_sets",
        "source_names",
        "reason_names",
        "sql_objects",
        "fallback_rows",
        "alembic_version",
    }
)
"""Tables of items and codes: a word there may equal a user's id and is not the user."""


def key_of(engine: Engine, user_id: str) -> int:
    """The user's key by the database, -1 without one: a lake may have been lost and begun again."""
    query = sa.text("SELECT user_key FROM recsys.users WHERE user_id = :id")
    with transaction(engine) as connection:
        found = connection.scalar(query, {"id": user_id})
    return -1 if found is None else int(found)


def count(engine: Engine, subject: Subject) -> dict[str, int]:
    """Place → rows of the user; nothing is changed."""
    with transaction(engine) as connection:
        return _call(connection, subject, dry=True)


def rows(engine: Engine, subject: Subject) -> dict[str, list[Mapping[str, Any]]]:
    """Place → the user's rows, by the names of `count`; of prose the mentions, and which row they
    are in.
    """
    values = {"key": subject.key, "id": subject.user_id, "mention": subject.pattern}
    found: dict[str, list[Mapping[str, Any]]] = {}
    with transaction(engine) as connection:
        for place, row in connection.execute(_ROWS, values):
            _, _, column = place.partition(".")
            found.setdefault(place, []).append(_quoted(row, column, subject) if column else row)
    return found


def _quoted(row: Mapping[str, Any], column: str, subject: Subject) -> dict[str, Any]:
    """A row is of others, too: what is said of the user, and what the row is of."""
    text = row[column] if isinstance(row[column], str) else json.dumps(row[column])
    return {**{name: row[name] for name in _OF if name in row}, column: subject.quotes(text)}


def erase(engine: Engine, subject: Subject, record: Mapping[str, object]) -> dict[str, int]:
    """Remove the user from every table and note that the erasure began, in one transaction."""
    with transaction(engine) as connection:
        note(connection, "begun", record)
        return _call(connection, subject, dry=False)


def note(connection: Connection, event: str, record: Mapping[str, object]) -> None:
    """Append a line to recsys.erasures; `record` has hash, who, why, at and further figures."""
    figures = {
        name: value for name, value in record.items() if name not in ("hash", "who", "why", "at")
    }
    known = {name: record[name] for name in ("hash", "who", "why", "at")}
    connection.execute(_RECORD, {**known, "event": event, "record": json.dumps(figures)})


def prove(engine: Engine, record: Mapping[str, object]) -> None:
    """Note that a search of everything found nothing."""
    with transaction(engine) as connection:
        note(connection, "proved", record)


def last_erasure(engine: Engine, user_hash: str) -> tuple[datetime, str] | None:
    """When a user's last erasure was noted, and as what; None when there was none."""
    query = sa.text(
        "SELECT at, event FROM recsys.erasures WHERE user_hash = :hash ORDER BY id DESC LIMIT 1"
    )
    with transaction(engine) as connection:
        row = connection.execute(query, {"hash": user_hash}).first()
    return None if row is None else (row.at, row.event)


def unfinished_publications(engine: Engine) -> list[tuple[int, str]]:
    """(number, night) of publications that are being built, or were when their night died."""
    query = sa.text(
        "SELECT id, as_of::text FROM recsys.publication WHERE status = 'building' AND retired_at IS"
        " NULL"
    )
    with transaction(engine) as connection:
        return [(row.id, row.as_of) for row in connection.execute(query)]


def search(engine: Engine, subject: Subject) -> tuple[list[str], int]:
    """(columns that still hold the user, tables searched): by key, by whole value, and by mention
    in prose.
    """
    found, tables = [], set()
    with transaction(engine) as connection:
        for table, column, kind in connection.execute(_COLUMNS).all():
            tables.add(table)
            if table not in CATALOGUE and _holds(connection, table, column, kind, subject):
                found.append(f"recsys.{table}.{column}")
        found += [
            f"recsys.{place}"
            for place, rows in _call(connection, subject, dry=True).items()
            if rows
        ]
    return sorted(set(found)), len(tables)


def _holds(connection: Connection, table: str, column: str, kind: str, subject: Subject) -> bool:
    name, where = quoted("recsys", table), quoted(column)
    value: int | str = subject.user_id
    also = ""
    if column == "user_key":
        own, value = table.removeprefix("list_rows_").removeprefix("withheld_rows_"), subject.key
        also = (
            f"publication_id = {int(own)} AND " if own.isdigit() else ""
        )  # the index of such a table begins so
    elif kind == "jsonb":
        return False  # prose: erase_user's own dry run reads it by pattern
    elif column != "user_id" and not subject.is_distinct:
        return False  # a person on call, a release or a state may be called the same
    query = sa.text(f"SELECT EXISTS (SELECT FROM {name} WHERE {also}{where} = :value)")
    return bool(connection.scalar(query, {"value": value}))


def _call(connection: Connection, subject: Subject, *, dry: bool) -> dict[str, int]:
    values = {"key": subject.key, "id": subject.user_id, "mention": subject.pattern, "dry": dry}
    return {row.place: row.held for row in connection.execute(_ERASE, values)}
