"""Interactions, items and users of a data set, as the Parquet files that Nightshelf reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from recsys_tasks.commands.public_data.archive import Member
from recsys_tasks.commands.public_data.data_set import DataSet, Entities, Interactions
from recsys_tasks.commands.public_data.reading import SHOWN, Unreadable, name, text
from recsys_tasks.errors import DataError, hashed_user

_TIMES = (631_152_000, 4_102_444_800)
"""Seconds from 1990 to 2100, between which a timestamp must be."""
_LONGEST = 40
_IDS = {"items": "item_id", "users": "user_id"}


@dataclass(frozen=True)
class Made:
    """The tables of an import, and what did not come into them."""

    rows: int
    """Interactions."""
    unreadable: Sequence[Unreadable]
    left_out: Mapping[str, int]
    """Why rows are no interactions → how many."""
    entities: Mapping[str, MadeEntities]
    """By table, `items` and perhaps `users`."""


@dataclass(frozen=True)
class MadeEntities:
    """A table of items or users."""

    rows: int
    added: int
    """Ids that only interactions have: they are in the table without attributes."""
    filled: Sequence[str]
    """Columns with at least two different values."""

    @property
    def words(self) -> str:
        """How many there are, and of how many nothing but the id is known."""
        if self.added == self.rows:
            return f"{self.rows:,}, ids alone, from the interactions"
        added = f", {self.added:,} of them ids alone, from the interactions" if self.added else ""
        return f"{self.rows:,}{added}"


def make_tables(
    connection: duckdb.DuckDBPyConnection,
    data_set: DataSet,
    parts: Mapping[str, Sequence[Member]],
    unreadable: Sequence[Unreadable],
) -> Made:
    """Tables `interactions`, `items` and perhaps `users` of the database, from those of the files.

    Raises DataError when there is no interaction among the rows.
    """
    left_out, lacking = _split(connection, data_set.interactions)
    every = [*unreadable, *lacking]
    (rows,) = _one(connection, "SELECT count(*) FROM interactions")
    if not rows:
        raise DataError(
            expected=f"interactions of {data_set.title}",
            found=_nothing(every, left_out),
            where=", ".join(member.name for member in parts[data_set.interactions.file]),
            remedy="download it again: its files are damaged",
        )
    entities = {}
    for table, known in (("items", data_set.items), ("users", data_set.users)):
        if known is not None:
            made, bad = _entities(connection, table, known, parts)
            entities[table] = made
            every += bad
    return Made(rows, every, left_out, entities)


def write_tables(connection: duckdb.DuckDBPyConnection, made: Made, folder: Path) -> None:
    """Write the tables as Parquet: interactions by time, the others by id."""
    orders = {"interactions": "timestamp, user_id, item_id"}
    for table in ("interactions", *made.entities):
        order = orders.get(table, "1")
        connection.execute(
            f"COPY (SELECT * FROM {table} ORDER BY {order}) TO"
            f" {text(str(folder / f'{table}.parquet'))} (FORMAT parquet, COMPRESSION zstd)"
        )


def _split(
    connection: duckdb.DuckDBPyConnection, of: Interactions
) -> tuple[dict[str, int], list[Unreadable]]:
    """Make the table of interactions; how many rows were left out, and which cannot be read."""
    columns = {**of.columns, "user_id": f"nullif(trim({of.columns['user_id']}), '')"}
    columns["item_id"] = f"nullif(trim({columns['item_id']}), '')"
    low, high = _TIMES
    readable = (
        f"({columns['user_id']}) IS NOT NULL AND ({columns['item_id']}) IS NOT NULL"
        f" AND coalesce(({columns['timestamp']}) BETWEEN {low} AND {high}, false)"
    )
    kept, left_out = "true", {}
    for why, condition in of.left_out.items():
        one = f"coalesce({condition}, false)"
        (rows,) = _one(
            connection, f"SELECT count(*) FILTER (WHERE {kept} AND {one}) FROM {of.file}"
        )
        left_out[why], kept = rows, f"{kept} AND NOT {one}"
    selected = ", ".join(
        f"{expression} AS {name(column)}" for column, expression in columns.items()
    )
    connection.execute(
        f"CREATE TABLE interactions AS WITH interactions_read AS"
        f" (SELECT {selected} FROM {of.file} WHERE {kept} AND {readable}) {of.merged}"
    )
    bad = f"FROM {of.file} WHERE {kept} AND NOT ({readable})"
    (rows,) = _one(connection, f"SELECT count(*) {bad}")
    examples = connection.execute(f"SELECT * {bad} ORDER BY ALL LIMIT {SHOWN}")
    headings = [column[0] for column in examples.description or ()]
    quoted = [
        _quoted(dict(zip(headings, row, strict=True)), of.user) for row in examples.fetchall()
    ]
    found = [Unreadable(of.file, rows, quoted)] if rows else []
    return {why: count for why, count in left_out.items() if count}, found


def _quoted(row: Mapping[str, str | None], user: str) -> str:
    """A row that cannot be read, for a person; the user's id is hashed."""
    if all(value is None for value in row.values()):
        return "a line without any of the values"
    shown = []
    for column, value in row.items():
        said = hashed_user(value) if value is not None and column == user else value
        cut = said if said is None or len(said) <= _LONGEST else said[:_LONGEST] + "…"
        shown.append(f"{column} {'missing' if cut is None else repr(cut)}")
    return ", ".join(shown)


def _entities(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    known: Entities,
    parts: Mapping[str, Sequence[Member]],
) -> tuple[MadeEntities, list[Unreadable]]:
    key = _IDS[table]
    bad: list[Unreadable] = []
    if set(known.files) <= set(parts):
        connection.execute(
            f"CREATE TABLE {table} AS SELECT DISTINCT ON ({key}) * FROM ({known.query})"
            f" WHERE nullif({key}, '') IS NOT NULL ORDER BY ALL"
        )
        (lacking,) = _one(
            connection, f"SELECT count(*) FROM ({known.query}) WHERE nullif({key}, '') IS NULL"
        )
        if lacking:
            bad = [Unreadable(table, lacking, ["no id"])]
    else:
        connection.execute(f"CREATE TABLE {table} ({key} VARCHAR)")
    (before,) = _one(connection, f"SELECT count(*) FROM {table}")
    connection.execute(
        f"INSERT INTO {table} BY NAME SELECT DISTINCT {key} FROM interactions"
        f" WHERE {key} NOT IN (SELECT {key} FROM {table})"
    )
    (rows,) = _one(connection, f"SELECT count(*) FROM {table}")
    described = connection.execute(f"DESCRIBE {table}").fetchall()
    columns = [column for column, *_ in described if column != key]
    counts = _one(
        connection,
        "SELECT "
        + ", ".join(["0", *(f"count(DISTINCT {name(c)})" for c in columns)])
        + f" FROM {table}",
    )
    filled = [column for column, count in zip(columns, counts[1:], strict=True) if count > 1]
    return MadeEntities(rows, rows - before, filled), bad


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[int, ...]:
    row = connection.execute(query).fetchone()
    return tuple(map(int, row or ()))


def _nothing(unreadable: Sequence[Unreadable], left_out: Mapping[str, int]) -> str:
    words = [f"{one.rows:,} rows of {one.file} that cannot be read" for one in unreadable]
    words += [f"{rows:,} rows {why}" for why, rows in left_out.items()]
    return "; ".join(words) or "files without rows"
