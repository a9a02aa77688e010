"""Rows into an unpublished publication: lists by shard, fallbacks, similar items and forbidden
pairs.

Each load is one transaction that first deletes what the same load left behind, so every one of them
can be run again alone. Nothing here is seen by readers before the pointer moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from recsys_tasks import schema
from recsys_tasks.database import (
    background_transaction,
    quoted,
    take_lock,
    transaction,
    waiting_for_rows,
)
from recsys_tasks.database.binary import ROWS_PER_BLOCK, copy_batches
from recsys_tasks.errors import SchemaError, ServingError, offenders
from recsys_tasks.ids import Keys
from recsys_tasks.serving.dimensions import load_dimensions
from recsys_tasks.serving.evidence import Evidence
from recsys_tasks.serving.publication import Publication

__all__ = ["load_dimensions", "load_fallbacks", "load_forbidden", "load_lists", "load_similar"]

FALLBACK_SCHEMA = pa.schema(
    [("segment", pa.string()), ("items", pa.list_(pa.int32())), ("scores", pa.list_(pa.float32()))]
)
SIMILAR_SCHEMA = pa.schema(
    [("item_key", pa.int32()), ("items", pa.list_(pa.int32())), ("scores", pa.list_(pa.float32()))]
)
FORBIDDEN_SCHEMA = pa.schema([("user_key", pa.int32()), ("item_key", pa.int32())])


def load_lists(
    engine: Engine,
    publication: Publication,
    lists: pa.Table | Iterable[pa.Table | pa.RecordBatch],
    shard: int,
) -> int:
    """Load one shard's lists (schema.LISTS); returns the rows, 0 when the publication is complete
    already.

    `lists` is a table, or anything that yields tables or batches (a RecordBatchReader, a
    generator), of which one is in memory at a time; all are loaded in one transaction. A shard that
    is loaded twice, even by two processes at once, is there once, and one that fails half-way
    leaves what was there. Raises ServingError when the publication was given up, SchemaError when
    the rows are not LISTS.
    """
    values = {"id": publication.id, "shard": shard}
    parts: Iterable[pa.Table | pa.RecordBatch] = (lists,) if isinstance(lists, pa.Table) else lists
    evidence = Evidence(publication.k, publication.spares)
    with background_transaction(engine) as connection:
        _lock(connection, publication, shard)
        if not _is_building(connection, publication):
            return 0
        _forget(connection, publication, values)
        first_page = connection.scalar(_PAGES, {"table": f"recsys.{publication.partition}"}) or 0
        fixed = {
            "shard": pa.scalar(shard, pa.int16()),
            "publication_id": pa.scalar(publication.id, pa.int64()),
        }
        checked = _checked(parts, f"shard {shard} of publication {publication.id}")
        rows = copy_batches(
            connection, publication.partition, _with(evidence.watch(checked), fixed)
        )
        _note(connection, {**values, "rows": rows}, evidence, fixed)
    _settle(engine, publication, first_page)
    return rows


def _forget(connection: Connection, publication: Publication, values: dict[str, int]) -> None:
    """What a shard that was here before left; else nothing is searched: the more shards, the longer
    that takes.
    """
    if connection.execute(_FORGET_SHARD, values).rowcount:
        table = quoted("recsys", publication.partition)
        connection.execute(sa.text(f"DELETE FROM {table} WHERE shard = :shard"), values)
        connection.execute(_FORGET_ENTRIES, values)


def _note(
    connection: Connection, values: dict[str, int], evidence: Evidence, fixed: dict[str, pa.Scalar]
) -> None:
    """That the shard is here, and what its lists hold."""
    connection.execute(_NOTE_SHARD, {**values, "clean": evidence.clean})
    if evidence.clean:
        copy_batches(connection, "shard_entries", _with([evidence.by_item()], fixed))


_PAGES = sa.text(
    "SELECT pg_relation_size(CAST(:table AS regclass)) / CAST(current_setting('block_size') AS int)"
)


def _settle(engine: Engine, publication: Publication, first_page: int) -> None:
    """Read the new pages once, so that the server marks their rows as committed while it still
    remembers them.

    The first reader of a row writes that mark. After a checkpoint the whole page goes into the
    write-ahead log for it: left to the checks, a large publication would be logged twice.
    """
    # Given up and dropped meanwhile: the next step says so.
    with suppress(sa.exc.ProgrammingError), background_transaction(engine) as connection:
        table = quoted("recsys", publication.partition)
        connection.execute(
            sa.text(f"SELECT count(*) FROM {table} WHERE ctid >= '({int(first_page)},0)'")
        )


_FORGET_SHARD = sa.text(
    "DELETE FROM recsys.shard_loads WHERE publication_id = :id AND shard = :shard"
)
_FORGET_ENTRIES = sa.text(
    "DELETE FROM recsys.shard_entries WHERE publication_id = :id AND shard = :shard"
)
_NOTE_SHARD = sa.text("""
INSERT INTO recsys.shard_loads (publication_id, shard, rows, clean, loaded_by)
VALUES (:id, :shard, :rows, :clean, pg_current_xact_id()::xid)
""")


def _checked(parts: Iterable[pa.Table | pa.RecordBatch], where: str) -> Iterator[pa.RecordBatch]:
    """The batches of a shard, each as its contract says, and no user in two of them."""
    seen: list[Keys] = []
    for table in _gathered(parts):
        table = schema.LISTS.check(table, where)
        seen.append(table["user_key"].to_numpy().copy())  # else it keeps the whole batch in memory
        yield from table.to_batches()
    users, counts = (
        np.unique(np.concatenate(seen), return_counts=True)
        if len(seen) > 1
        else (np.empty(0), np.empty(0))
    )
    if (counts > 1).any():
        raise SchemaError(
            expected="each user in one batch of the shard",
            found=(
                f"{int((counts - 1).sum())} repeated rows, user keys {offenders(users[counts > 1])}"
            ),
            where=where,
            remedy="remove the duplicates in the stage that writes this shard",
        )


def _gathered(parts: Iterable[pa.Table | pa.RecordBatch]) -> Iterator[pa.Table]:
    """The same rows in tables of one batch: each costs the server a command, so small ones go
    together.
    """
    waiting: list[pa.Table] = []
    for part in parts:
        table = part if isinstance(part, pa.Table) else pa.Table.from_batches([part])
        if waiting and (
            table.schema != waiting[0].schema
            or sum(map(len, waiting)) + len(table) > ROWS_PER_BLOCK
        ):
            yield pa.concat_tables(waiting).combine_chunks()
            waiting = []
        waiting.append(table)
    if waiting:
        yield pa.concat_tables(waiting).combine_chunks()


def load_fallbacks(engine: Engine, publication: Publication, rows: pa.Table) -> int:
    """Load the fallback lists, one row a segment (segment '' = everyone); returns the rows."""
    return replace_rows(
        engine,
        publication,
        "fallback_rows",
        rows.select(FALLBACK_SCHEMA.names).cast(FALLBACK_SCHEMA),
    )


def load_similar(engine: Engine, publication: Publication, rows: pa.Table) -> int:
    """Load the similar items, one row an item; returns the rows."""
    return replace_rows(
        engine, publication, "similar_rows", rows.select(SIMILAR_SCHEMA.names).cast(SIMILAR_SCHEMA)
    )


def load_forbidden(engine: Engine, publication: Publication, pairs: pa.Table) -> int:
    """Load user-item pairs that no reader may be shown; returns the rows.

    `finish` checks the lists against them and keeps, by user, those that a fallback would show;
    then they go.
    """
    rows = pairs.select(FORBIDDEN_SCHEMA.names).cast(FORBIDDEN_SCHEMA)
    return replace_rows(engine, publication, "forbidden_rows", rows, _NOTE_FORBIDDEN)


# So that pairs that were never loaded, or got lost, are not taken for none.
_NOTE_FORBIDDEN = sa.text("UPDATE recsys.publication SET forbidden_pairs = :rows WHERE id = :id")


def replace_rows(
    engine: Engine,
    publication: Publication,
    table: str,
    rows: pa.Table,
    note: sa.TextClause | None = None,
) -> int:
    """Put rows of a publication that is being made in the place of those that are there; returns
    the rows, 0 when it is complete. `note` is run after it.
    """
    with transaction(engine) as connection:
        _lock(connection, publication, table)
        if not _is_building(connection, publication):
            return 0
        statement = sa.text(f"DELETE FROM {quoted('recsys', table)} WHERE publication_id = :id")
        connection.execute(statement, {"id": publication.id})
        fixed = {"publication_id": pa.scalar(publication.id, pa.int64())}
        sent = copy_batches(connection, table, _with(rows.to_batches(), fixed))
        if note is not None:
            with waiting_for_rows(connection):
                connection.execute(note, {"id": publication.id, "rows": sent})
        return sent


def _lock(connection: Connection, publication: Publication, part: object) -> None:
    take_lock(connection, "load", publication.id, part)


def _is_building(connection: Connection, publication: Publication) -> bool:
    """Shared lock on the publication: it cannot be sealed or given up while rows come in."""
    statement = sa.text("SELECT status FROM recsys.publication WHERE id = :id FOR SHARE")
    with waiting_for_rows(connection):
        status = connection.scalar(statement, {"id": publication.id}) or "gone"
    if status in ("gone", "failed"):
        raise ServingError(
            expected=f"publication {publication.id} being built",
            found=f"it is {status}",
            where="recsys.publication",
            remedy="another run took this night over; start again from create_publication",
        )
    return bool(status == "building")


def _with(
    batches: Iterable[pa.RecordBatch], fixed: dict[str, pa.Scalar]
) -> Iterator[pa.RecordBatch]:
    """The batches with further columns that hold one value each."""
    for batch in batches:
        columns = [*batch.columns, *(pa.repeat(value, batch.num_rows) for value in fixed.values())]
        yield pa.RecordBatch.from_arrays(columns, names=[*batch.schema.names, *fixed])
