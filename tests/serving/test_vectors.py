"""Published vectors: what readers can ask of them, when they change, and what an erasure leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime

import numpy as np
import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.database import EmbeddedServer, migrate
from recsys_tasks.database.roles import SUPERUSER
from recsys_tasks.errors import ConfigError
from recsys_tasks.serving.vectors import VectorSet, encoded, publish_vectors
from recsys_tasks.snapshot.erasing import Subject
from tests.database.schemas import drop_schema, fresh_schema
from tests.serving.nights import stock

NOW = datetime(2026, 3, 1, 1, tzinfo=UTC)
DIRECTIONS = np.array([[1, 0], [0.6, 0.8], [0, 1], [-1, 0]], np.float32)
"""Cosines with the first: 1, .6, 0, -1."""


def vectors(content: str = "a", night: int = 1, d: int = 2) -> VectorSet:
    """Users 0 to 3 point into four directions, items 0 to 3 into the same."""
    wide = np.pad(DIRECTIONS, ((0, 0), (0, d - 2)))
    keys = np.arange(4, dtype=np.int32)
    return VectorSet(date(2026, 3, night), f"t{night}", content, keys, wide, keys, wide)


def similar(engine: Engine, user: str, k: int = 20) -> list[tuple[str, float]]:
    query = sa.text("SELECT * FROM recsys.similar_users(:user, :k) ORDER BY rank")
    with engine.connect() as connection:
        return [
            (row.similar_user_id, round(row.similarity, 6))
            for row in connection.execute(query, {"user": user, "k": k})
        ]


def test_the_bytes_are_what_copy_reads() -> None:
    (block,) = encoded(np.array([7], np.int32), np.array([[1.0, -2.0]], np.float32))
    # Two fields; 4 bytes: 7; 12 bytes: 2 dimensions, an unused word, 1.0 (3f800000) and -2.0
    # (c0000000).
    assert block.hex() == "000200000004000000070000000c000200003f800000c0000000"


def test_nearest_users_best_first(writer: Engine, reader: Engine) -> None:
    stock(writer)
    assert similar(reader, "u0") == []  # nothing is published yet
    assert publish_vectors(writer, vectors(), NOW) == 8
    assert similar(reader, "u0") == [("u1", 0.6), ("u2", 0.0), ("u3", -1.0)]
    assert similar(reader, "u0", 1) == [("u1", 0.6)]
    assert similar(reader, "stranger") == similar(reader, "u0", 0) == []


def test_readers_search_items_by_a_users_vector_through_the_index(
    writer: Engine, reader: Engine
) -> None:
    stock(writer)
    publish_vectors(writer, vectors(), NOW)
    query = (
        "SELECT i.item_id FROM recsys.item_vectors AS i ORDER BY i.vector <=> "
        "(SELECT vector FROM recsys.user_vectors WHERE user_id = 'u1') LIMIT 3"
    )
    with reader.begin() as connection:
        # Cosines with (.6, .8): item 1 itself 1, item 2 .8, item 0 .6.
        assert list(connection.scalars(sa.text(query))) == ["i1", "i2", "i0"]
        night = connection.execute(
            sa.text("SELECT DISTINCT as_of, tower_version FROM recsys.item_vectors")
        ).one()
        assert tuple(night) == (date(2026, 3, 1), "t1")
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        plan = "\n".join(connection.scalars(sa.text("EXPLAIN " + query)))
    assert "vector_idx" in plan


def test_a_later_night_takes_over_and_an_older_one_or_the_same_changes_nothing(
    writer: Engine, reader: Engine
) -> None:
    stock(writer)
    publish_vectors(writer, vectors("a", 2), NOW)
    assert publish_vectors(writer, vectors("a", 2), NOW) == 0
    assert publish_vectors(writer, vectors("b", 1), NOW) == 0
    assert (
        publish_vectors(writer, vectors("c", 3, d=5), NOW) == 8
    )  # another tower may have other dimensions
    with reader.connect() as connection:
        found = connection.execute(
            sa.text(
                "SELECT count(*), min(as_of), max(public.vector_dims(vector)) FROM"
                " recsys.user_vectors"
            )
        )
        assert tuple(found.one()) == (4, date(2026, 3, 3), 5)
    assert tables(writer) == 2


def tables(engine: Engine) -> int:
    with engine.connect() as connection:
        count = (
            "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~"
            " '^(item|user)_vectors_[0-9]+$'"
        )
        return int(connection.scalar(sa.text(count)) or 0)


def test_a_load_that_fails_leaves_what_readers_saw(writer: Engine, reader: Engine) -> None:
    stock(writer)
    publish_vectors(writer, vectors("a", 1), NOW)
    broken = vectors("b", 2)
    broken.item_vectors[0, 0] = np.nan  # pgvector refuses it
    with pytest.raises(psycopg.DataError, match="NaN"):
        publish_vectors(writer, broken, NOW)
    assert similar(reader, "u0", 1) == [("u1", 0.6)] and tables(writer) == 2


def test_an_erased_user_leaves_the_vectors(writer: Engine, reader: Engine) -> None:
    stock(writer)
    publish_vectors(writer, vectors(), NOW)
    call = sa.text(
        "SELECT place, held FROM recsys.erase_user(1, 'u1', :mention, :dry) WHERE held > 0"
    )
    with writer.begin() as connection:
        for dry in (True, False):
            found = {
                row.place: row.held
                for row in connection.execute(
                    call, {"mention": Subject("u1", 1).pattern, "dry": dry}
                )
            }
            assert found["user_vectors"] == 1
        assert (
            connection.execute(call, {"mention": Subject("u1", 1).pattern, "dry": True}).all() == []
        )
    assert similar(reader, "u0") == [("u2", 0.0), ("u3", -1.0)]
    with writer.connect() as connection:
        (name,) = connection.scalars(
            sa.text(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^user_vectors_'"
            )
        )
        assert connection.scalar(sa.text(f"SELECT count(*) FROM recsys.{name}")) == 3


@pytest.fixture
def without_pgvector(embedded_server: EmbeddedServer, writer: Engine) -> Iterator[None]:
    known = json.loads((embedded_server.home / "database.json").read_text())
    owner = embedded_server.urls()["recsys_owner"]
    drop_schema(owner)
    with psycopg.connect(
        host=known["socket"],
        user=SUPERUSER,
        password=known["passwords"][SUPERUSER],
        dbname="recsys",
        autocommit=True,
    ) as connection:
        connection.execute("DROP EXTENSION vector")
        migrate(owner)
        yield
        connection.execute("CREATE EXTENSION vector WITH SCHEMA public")
    fresh_schema(owner)


def test_without_pgvector_all_but_vectors_works_and_publishing_them_says_what_to_do(
    without_pgvector: None, writer: Engine, reader: Engine
) -> None:
    stock(writer)
    assert similar(reader, "u0") == []
    with pytest.raises(ConfigError, match="CREATE EXTENSION vector") as caught:
        publish_vectors(writer, vectors(), NOW)
    assert "not installed" in caught.value.found
