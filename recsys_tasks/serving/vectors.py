"""Item and user vectors into PostgreSQL, where pgvector searches them: loaded and indexed unseen,
then shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from recsys_tasks.database import quoted, take_lock, transaction
from recsys_tasks.errors import ConfigError
from recsys_tasks.ids import Keys

ROWS_PER_BLOCK = 8192
_HEADER, _TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_NEWEST = sa.text(
    "SELECT as_of, content FROM recsys.vector_sets WHERE shown_at IS NOT NULL ORDER BY id DESC"
    " LIMIT 1"
)
_OPEN = sa.text("SELECT recsys.open_vectors(:as_of, :tower, :content, :dimensions)")
_SHOW = sa.text("SELECT recsys.show_vectors(:id, :now)")


@dataclass(frozen=True)
class VectorSet:
    """One night's vectors, row by row by key: `item_vectors [m, d]`, `user_vectors [n, d]`
    float32.
    """

    as_of: date
    tower_version: str
    content: str
    item_keys: Keys
    item_vectors: npt.NDArray[np.float32]
    user_keys: Keys
    user_vectors: npt.NDArray[np.float32]


def publish_vectors(engine: Engine, vectors: VectorSet, now: datetime) -> int:
    """Load, index and show them; returns the rows, 0 when they are shown already or a later night's
    are.

    One transaction shows both tables; readers see the vectors before until then. A killed load
    leaves nothing that the next one does not remove. Raises ConfigError where pgvector is not
    installed.
    """
    with transaction(engine) as connection:
        take_lock(connection, "vectors")
        _require_pgvector(connection)
        newest = connection.execute(_NEWEST).first()
        if newest is not None and (
            newest.as_of > vectors.as_of or newest.content == vectors.content
        ):
            return 0
        dimensions = int(vectors.item_vectors.shape[1])
        values = {
            "as_of": vectors.as_of,
            "tower": vectors.tower_version,
            "content": vectors.content,
        }
        number = int(connection.scalar(_OPEN, {**values, "dimensions": dimensions}) or 0)
        rows = _copy(connection, f"item_vectors_{number}", vectors.item_keys, vectors.item_vectors)
        rows += _copy(connection, f"user_vectors_{number}", vectors.user_keys, vectors.user_vectors)
        connection.execute(_SHOW, {"id": number, "now": now})
    return rows


def require_pgvector(engine: Engine) -> None:
    """Raises ConfigError where pgvector is not installed: better before a night than in its
    middle.
    """
    with transaction(engine) as connection:
        _require_pgvector(connection)


def _require_pgvector(connection: Connection) -> None:
    if connection.scalar(sa.text("SELECT recsys.vector_schema()")) is None:
        raise ConfigError(
            expected="the extension vector (pgvector 0.8 or newer), for embeddings.publish: true",
            found="it is not installed",
            where=connection.engine.url.render_as_string(hide_password=True),
            remedy=(
                "as an administrator, CREATE EXTENSION vector in this database; or set"
                " embeddings.publish: false"
            ),
        )


def _copy(connection: Connection, table: str, keys: Keys, vectors: npt.NDArray[np.float32]) -> int:
    cursor: Any = connection.connection.cursor()
    try:
        with cursor.copy(f"COPY {quoted('recsys', table)} FROM STDIN WITH (FORMAT binary)") as copy:
            copy.write(_HEADER)
            for block in encoded(keys, vectors):
                copy.write(block)
            copy.write(_TRAILER)
    finally:
        cursor.close()
    return len(keys)


def encoded(keys: Keys, vectors: npt.NDArray[np.float32]) -> Iterator[bytes]:
    """Rows of `keys [n] int32` and `vectors [n, d] float32`, a pgvector `vector`, in COPY's binary
    format: big-endian, each field after its length.
    """
    d = vectors.shape[1]
    row = np.dtype(
        [
            ("fields", ">i2"),
            ("key_bytes", ">i4"),
            ("key", ">i4"),
            ("vector_bytes", ">i4"),
            ("dimensions", ">i2"),
            ("unused", ">i2"),
            ("vector", ">f4", (d,)),
        ]
    )
    for at in range(0, len(keys), ROWS_PER_BLOCK):
        block = np.zeros(len(keys[at : at + ROWS_PER_BLOCK]), row)
        block["fields"], block["key_bytes"], block["vector_bytes"], block["dimensions"] = (
            2,
            4,
            4 + 4 * d,
            d,
        )
        block["key"], block["vector"] = (
            keys[at : at + ROWS_PER_BLOCK],
            vectors[at : at + ROWS_PER_BLOCK],
        )
        yield block.tobytes()
