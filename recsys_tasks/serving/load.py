"""Rows into an unpublished publication: lists by shard, fallbacks, similar items, and the dimensions.

Each load is one transaction that first deletes what the same load left behind, so every one of them
can be run again alone. Nothing here is seen by readers before the pointer moves.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd
import pyarrow as pa
from sqlalchemy.engine import Engine

from recsys_tasks import schema
from recsys_tasks.clock import start_of
from recsys_tasks.config import Attribute
from recsys_tasks.database import ArrowSession, load_arrow, quoted
from recsys_tasks.errors import ServingError
from recsys_tasks.serving.publication import Publication, current_publication
from recsys_tasks.snapshot.dataset import Snapshot

FALLBACK_SCHEMA = pa.schema(
    [("segment", pa.string()), ("items", pa.list_(pa.int32())), ("scores", pa.list_(pa.float32()))]
)
SIMILAR_SCHEMA = pa.schema(
    [("item_key", pa.int32()), ("items", pa.list_(pa.int32())), ("scores", pa.list_(pa.float32()))]
)
FORBIDDEN_SCHEMA = pa.schema([("user_key", pa.int32()), ("item_key", pa.int32())])


def load_lists(engine: Engine, publication: Publication, lists: pa.Table, shard: int) -> int:
    """Load one shard's lists (schema.LISTS); returns the rows, 0 when the publication is complete already.

    A shard that is loaded twice, even by two processes at once, is there once.
    Raises ServingError when the publication was given up.
    """
    lists = schema.LISTS.check(lists, f"shard {shard} of publication {publication.id}")
    rows = lists.append_column("shard", _constant(shard, lists.num_rows, pa.int16()))
    with load_arrow(engine.url) as session:
        session.lock("load", publication.id, shard)
        if not _is_building(session, publication):
            return 0
        session.execute(f"DELETE FROM {quoted('recsys', publication.partition)} WHERE shard = $1", (shard,))
        return session.copy(publication.partition, _with_id(rows, publication))


def load_fallbacks(engine: Engine, publication: Publication, rows: pa.Table) -> int:
    """Load the fallback lists, one row a segment (segment '' = everyone); returns the rows."""
    return _replace(engine, publication, "fallback_rows", rows.select(FALLBACK_SCHEMA.names).cast(FALLBACK_SCHEMA))


def load_similar(engine: Engine, publication: Publication, rows: pa.Table) -> int:
    """Load the similar items, one row an item; returns the rows."""
    return _replace(engine, publication, "similar_rows", rows.select(SIMILAR_SCHEMA.names).cast(SIMILAR_SCHEMA))


def load_forbidden(engine: Engine, publication: Publication, pairs: pa.Table) -> int:
    """Load user-item pairs that no list may hold; the checks read them once, then they go."""
    return _replace(engine, publication, "forbidden_rows", pairs.select(FORBIDDEN_SCHEMA.names).cast(FORBIDDEN_SCHEMA))


def _replace(engine: Engine, publication: Publication, table: str, rows: pa.Table) -> int:
    with load_arrow(engine.url) as session:
        session.lock("load", publication.id, table)
        if not _is_building(session, publication):
            return 0
        session.execute(f"DELETE FROM {quoted('recsys', table)} WHERE publication_id = $1", (publication.id,))
        return session.copy(table, _with_id(rows, publication))


def _is_building(session: ArrowSession, publication: Publication) -> bool:
    """Shared lock on the publication: it cannot be sealed or given up while rows come in."""
    found = session.execute("SELECT status FROM recsys.publication WHERE id = $1 FOR SHARE", (publication.id,))
    status = found[0][0] if found else "gone"
    if status in ("gone", "failed"):
        raise ServingError(
            expected=f"publication {publication.id} being built",
            found=f"it is {status}",
            where="recsys.publication",
            remedy="another run took this night over; start again from create_publication",
        )
    return bool(status == "building")


def _constant(value: int, rows: int, kind: pa.DataType) -> pa.Array:
    return pa.repeat(pa.scalar(value, kind), rows)


def _with_id(rows: pa.Table, publication: Publication) -> pa.Table:
    return rows.append_column("publication_id", _constant(publication.id, rows.num_rows, pa.int64()))


# --- dimensions --------------------------------------------------------------------------------


def load_dimensions(engine: Engine, snapshot: Snapshot) -> None:
    """Users, items and availability as the snapshot knows them, merged into their tables.

    A night older than what readers see only adds rows that are missing. Availability that its own role
    reported after the snapshot's cutoff stays.
    """
    config, current = snapshot.config, current_publication(engine)
    users, items = snapshot.users, snapshot.items
    newest = current is None or snapshot.as_of >= current.as_of
    with load_arrow(engine.url) as session:
        session.lock("dimensions")
        _merge(session, "users", _users(users, config.users.attributes, config.users.segment_by), newest)
        _merge(session, "items", _items(items, config.items.attributes, config.items.category), newest)
        session.execute(_AVAILABILITY, (datetime.fromtimestamp(start_of(snapshot.as_of), tz=UTC).isoformat(),))


_AVAILABILITY = """
INSERT INTO recsys.item_availability AS a (item_id, available, updated_at)
SELECT s.item_id, s.available, $1::text::timestamptz FROM pg_temp.stage_items AS s
ON CONFLICT (item_id) DO UPDATE SET available = excluded.available, updated_at = excluded.updated_at
WHERE a.updated_at <= excluded.updated_at AND a.available <> excluded.available
"""

_STAGES = {
    "users": "user_key int, user_id text, segment text, attributes text",
    "items": "item_key int, item_id text, title text, category text, attributes text, available boolean",
}


def _merge(session: ArrowSession, name: str, rows: pa.Table, newest: bool) -> None:
    """Insert unknown keys; change known ones only for the newest night and where something differs."""
    columns = [part.split()[0] for part in _STAGES[name].split(", ")]
    key, rest = columns[0], [c for c in columns[1:] if not c.endswith("_id")]
    session.execute(f"CREATE TEMP TABLE stage_{name} ({_STAGES[name]}) ON COMMIT DROP")
    session.copy(f"stage_{name}", rows, schema=None)
    chosen = ", ".join("s.attributes::jsonb" if c == "attributes" else f"s.{c}" for c in columns)
    action = "NOTHING"
    if newest:
        changes = ", ".join(f"{c} = excluded.{c}" for c in rest)
        old, new = ", ".join(f"t.{c}" for c in rest), ", ".join(f"excluded.{c}" for c in rest)
        action = f"UPDATE SET {changes} WHERE ({old}) IS DISTINCT FROM ({new})"
    session.execute(
        f"INSERT INTO recsys.{name} AS t ({', '.join(columns)}) SELECT {chosen} FROM pg_temp.stage_{name} AS s "
        f"ON CONFLICT ({key}) DO {action}"
    )


def _users(frame: pd.DataFrame, attributes: Sequence[Attribute], segment: str | None) -> pa.Table:
    columns = {
        "user_key": pa.array(frame["user_key"], pa.int32()),
        "user_id": _text(frame["user_id"]),
        "segment": _text(frame[segment]) if segment else pa.nulls(len(frame), pa.string()),
        "attributes": _as_json(frame, attributes),
    }
    return pa.table(columns)


def _items(frame: pd.DataFrame, attributes: Sequence[Attribute], category: str | None) -> pa.Table:
    columns = {
        "item_key": pa.array(frame["item_key"], pa.int32()),
        "item_id": _text(frame["item_id"]),
        "title": _text(frame["title"].where(frame["title"].notna(), frame["item_id"])),
        "category": _text(frame[category]) if category else pa.nulls(len(frame), pa.string()),
        "attributes": _as_json(frame, attributes),
        "available": pa.array(frame["available"], pa.bool_()),
    }
    return pa.table(columns)


def _text(column: pd.Series) -> pa.Array:
    return pa.array(column.astype(object), pa.string(), from_pandas=True)


def _as_json(frame: pd.DataFrame, attributes: Sequence[Attribute]) -> pa.Array:
    """Declared attributes of each row as one JSON object, `[n]` text."""
    if not attributes or frame.empty:
        return pa.array([json.dumps({})] * len(frame), pa.string())
    lines = frame[[a.name for a in attributes]].to_json(orient="records", lines=True)
    return pa.array(str(lines).rstrip("\n").split("\n"), pa.string())
