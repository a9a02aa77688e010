"""Users, items and availability as a snapshot knows them, merged into their tables.

Read in chunks from the snapshot's files, and only rows that differ from what the last load wrote
are sent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy.engine import Engine

from recsys_tasks import schema
from recsys_tasks.clock import start_of
from recsys_tasks.config import Attribute
from recsys_tasks.database import ArrowSession, load_arrow
from recsys_tasks.serving.activity import last_active
from recsys_tasks.serving.publication import current_publication
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.eligibility.hidden import hidden_items
from recsys_tasks.snapshot.entities import NEVER

ROWS_PER_CHUNK = 50_000
_OF_ITEMS = ("title", "available", "available_from", "blocked")
_STAGES = {
    "users": (
        "user_key int, user_id text, segment text, attributes text, last_active date,"
        " row_hash bigint"
    ),
    "items": (
        "item_key int, item_id text, title text, category text, attributes text, available boolean,"
        " available_from timestamptz, blocked boolean, price double precision, row_hash bigint"
    ),
}


@dataclass(frozen=True)
class _Dimension:
    """One table of recsys and what of the snapshot goes there; `group` is the segment's or
    category's column, `price` that of an item's price.
    """

    name: str
    attributes: Sequence[Attribute]
    group: str | None
    price: str | None = None

    @property
    def columns(self) -> list[str]:
        return [part.split()[0] for part in _STAGES[self.name].split(", ")]

    @property
    def key(self) -> str:
        return self.columns[0]


def load_dimensions(engine: Engine, snapshot: Snapshot) -> None:
    """Users, items and availability as the snapshot knows them, merged into their tables in one
    transaction.

    A night older than what readers see only adds rows that are missing. Availability that its own
    role reported after the snapshot's cutoff stays. Rows whose hash is that of the last load are
    not sent; a row changed by hand has lost its hash and is mended.
    """
    config, current = snapshot.config, current_publication(engine)
    newest = current is None or snapshot.as_of >= current.as_of
    users = _Dimension("users", config.users.attributes, config.users.segment_by)
    items = _Dimension(
        "items", config.items.value_attributes, config.items.category, config.items.price
    )
    with load_arrow(engine.url) as session:
        session.lock("dimensions")
        for dimension in (users, items):
            _merge(session, snapshot, dimension, newest)
        cutoff = datetime.fromtimestamp(start_of(snapshot.as_of), tz=UTC).isoformat()
        _merge_availability(session, snapshot, cutoff)


def _merge(session: ArrowSession, snapshot: Snapshot, dimension: _Dimension, newest: bool) -> None:
    """Insert unknown keys; change known ones only for the newest night and where something
    differs.
    """
    name, columns = dimension.name, dimension.columns
    session.execute(f"CREATE TEMP TABLE stage_{name} ({_STAGES[name]}) ON COMMIT DROP")
    sent = 0
    active = last_active(snapshot) if name == "users" else None
    for frame in _chunks(snapshot, name):
        if active is not None:
            frame = frame.assign(last_active=active[frame["user_key"].to_numpy()])
        hashes = _hashes(frame, dimension)
        wanted = _differs(session, dimension, frame[dimension.key].to_numpy(), hashes, newest)
        if wanted.any():
            rows = _rows(frame[wanted].reset_index(drop=True), dimension)
            sent += session.copy(
                f"stage_{name}",
                rows.append_column("row_hash", pa.array(hashes[wanted])),
                schema=None,
            )
    if not sent:
        return
    chosen = ", ".join("s.attributes::jsonb" if c == "attributes" else f"s.{c}" for c in columns)
    rest = [c for c in columns[1:] if not c.endswith("_id")]
    action = "NOTHING"
    if newest:
        changes = ", ".join(f"{c} = excluded.{c}" for c in rest)
        old, new = ", ".join(f"t.{c}" for c in rest), ", ".join(f"excluded.{c}" for c in rest)
        action = f"UPDATE SET {changes} WHERE ({old}) IS DISTINCT FROM ({new})"
    session.execute(
        f"INSERT INTO recsys.{name} AS t ({', '.join(columns)}) SELECT {chosen} FROM"
        f" pg_temp.stage_{name} AS s ON CONFLICT ({dimension.key}) DO {action}"
    )


def _chunks(snapshot: Snapshot, name: str) -> Iterator[pd.DataFrame]:
    """The snapshot's table in key order, some rows at a time, without items' vectors."""
    config = snapshot.config
    names = (
        schema.users(config) if name == "users" else schema.items(config, vectors=False)
    ).schema.names
    ruled = [
        rule.attribute for rule in config.rerank.item_rules if rule.attribute not in names
    ]  # vectors
    with pq.ParquetFile(snapshot.artifact.file(f"{name}.parquet")) as file:
        for batch in file.iter_batches(
            batch_size=ROWS_PER_CHUNK, columns=[*names, *ruled * (name == "items")]
        ):
            frame = batch.select(names).to_pandas()
            if name == "items":  # what a rule or a moderator keeps from readers, whatever the stock
                frame = frame.assign(blocked=hidden_items(config, pa.Table.from_batches([batch])))
            yield frame


def _hashes(frame: pd.DataFrame, dimension: _Dimension) -> npt.NDArray[np.int64]:
    """A hash of all that is stored of each row, `[n]`; another choice of columns gives other
    hashes.
    """
    further = _OF_ITEMS if dimension.name == "items" else ("last_active",)
    given = [*dimension.columns[1:2], *further]
    stored = [
        *given,
        *(a.name for a in dimension.attributes),
        *([dimension.group] if dimension.group else []),
    ]
    roles = [dimension.group, dimension.price] if dimension.price else dimension.group
    choice = hashlib.sha256(json.dumps([stored, roles]).encode()).digest()[:8]
    values = pd.util.hash_pandas_object(frame[list(dict.fromkeys(stored))], index=False).to_numpy(
        np.uint64
    )
    hashes: npt.NDArray[np.int64] = (values ^ np.uint64(int.from_bytes(choice, "big"))).view(
        np.int64
    )
    return hashes


def _differs(
    session: ArrowSession,
    dimension: _Dimension,
    keys: npt.NDArray[np.int32],
    hashes: npt.NDArray[np.int64],
    newest: bool,
) -> npt.NDArray[np.bool_]:
    """`[n]`: rows that the table lacks and, for the newest night, those stored with another hash or
    none.
    """
    known = _fetch(
        session,
        f"SELECT {dimension.key} AS key, coalesce(row_hash, 0) AS hash, row_hash IS NOT NULL AS"
        f" valid FROM recsys.{dimension.name} WHERE {dimension.key} BETWEEN $1 AND $2 ORDER BY 1",
        (int(keys.min()), int(keys.max())),
    )
    found = known["key"].to_numpy()
    if not len(found):
        return np.ones(len(keys), np.bool_)
    place = np.searchsorted(found, keys).clip(max=len(found) - 1)
    there = found[place] == keys
    same = (known["hash"].to_numpy()[place] == hashes) & known["valid"].to_numpy()[place]
    differs: npt.NDArray[np.bool_] = ~(there & same) if newest else ~there
    return differs


def _fetch(session: ArrowSession, question: str, parameters: Sequence[object]) -> pa.Table:
    session.cursor.execute(question, parameters=tuple(parameters))
    table: Any = session.cursor.fetch_arrow_table()
    return table


_AVAILABILITY = (
    """
UPDATE recsys.item_availability AS a SET available = s.available, updated_at = $1::text::timestamptz
FROM pg_temp.stage_availability AS s
WHERE s.item_id = a.item_id AND a.updated_at <= $1::text::timestamptz AND a.available <> s.available
""",
    """
INSERT INTO recsys.item_availability (item_id, available, updated_at)
SELECT s.item_id, s.available, $1::text::timestamptz FROM pg_temp.stage_availability AS s
WHERE NOT EXISTS (SELECT FROM recsys.item_availability AS a WHERE a.item_id = s.item_id)
ON CONFLICT (item_id) DO NOTHING
""",
)


def _merge_availability(session: ArrowSession, snapshot: Snapshot, cutoff: str) -> None:
    """What the snapshot says of every item, unless somebody reported later than its cutoff."""
    session.execute(
        "CREATE TEMP TABLE stage_availability (item_id text, available boolean) ON COMMIT DROP"
    )
    for frame in _chunks(snapshot, "items"):
        rows = pa.table(
            {
                "item_id": _text(frame["item_id"]),
                "available": pa.array(frame["available"], pa.bool_()),
            }
        )
        session.copy("stage_availability", rows, schema=None)
    session.execute("ANALYZE pg_temp.stage_availability")
    for statement in _AVAILABILITY:
        session.execute(statement, (cutoff,))


def _rows(frame: pd.DataFrame, dimension: _Dimension) -> pa.Table:
    """A chunk as rows of its stage table, but for the hash."""
    n = len(frame)
    group = _text(frame[dimension.group]) if dimension.group else pa.nulls(n, pa.string())
    attributes = _as_json(frame, dimension.attributes)
    if dimension.name == "users":
        columns = [
            pa.array(frame["user_key"], pa.int32()),
            _text(frame["user_id"]),
            group,
            attributes,
            pa.array(frame["last_active"].to_numpy().astype("datetime64[D]")),
        ]
    else:
        title = _text(frame["title"].where(frame["title"].notna(), frame["item_id"]))
        available = pa.array(frame["available"], pa.bool_())
        columns = [
            pa.array(frame["item_key"], pa.int32()),
            _text(frame["item_id"]),
            title,
            group,
            attributes,
            available,
            _times(frame["available_from"]),
            pa.array(frame["blocked"], pa.bool_()),
            _numbers(frame[dimension.price]) if dimension.price else pa.nulls(n, pa.float64()),
        ]
    return pa.table(columns, names=dimension.columns[:-1])


def _times(seconds: pd.Series) -> pa.Array:
    """UTC seconds as times; null for what nobody has launched or seen yet."""
    known = seconds.to_numpy(np.int64)
    return pa.array(known * 1_000_000, pa.timestamp("us", "UTC"), mask=known >= NEVER)


def _numbers(column: pd.Series) -> pa.Array:
    return pa.array(column.astype(np.float64), pa.float64(), from_pandas=True)


def _text(column: pd.Series) -> pa.Array:
    return pa.array(column.astype(object), pa.string(), from_pandas=True)


def _as_json(frame: pd.DataFrame, attributes: Sequence[Attribute]) -> pa.Array:
    """Declared attributes of each row as one JSON object, `[n]` text."""
    if not attributes or frame.empty:
        return pa.array([json.dumps({})] * len(frame), pa.string())
    lines = frame[[a.name for a in attributes]].to_json(orient="records", lines=True)
    return pa.array(str(lines).rstrip("\n").split("\n"), pa.string())
