"""What goes wrong around a publication: each a clear error of the right class, and readers keep
their lists.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Engine

from recsys_tasks.config import ServingConfig
from recsys_tasks.database import (
    EmbeddedServer,
    create_engine,
    libpq_uri,
    load_arrow,
)
from recsys_tasks.errors import ServingError, TransientError, Unwritable
from recsys_tasks.lake import Lake
from recsys_tasks.serving.load import load_lists
from recsys_tasks.serving.precompute import Shard, precompute_shard
from recsys_tasks.serving.publish import finish
from recsys_tasks.serving.retire import drop_old
from tests.serving.chaos_nights import Salted
from tests.serving.nights import (
    LIMITS,
    NOW,
    in_shard,
    night,
    publish_night,
    shown,
    table,
)
from tests.serving.outages import (
    OTHER,
    clear,
    ends_well,
    fill,
    lists_on,
    tiny_disk,
)

# --- disks ----------------------------------------------------------------------------------------


def test_a_full_disk_of_the_database_is_told_and_readers_keep_their_lists(
    embedded_server: EmbeddedServer,
    empty: Mapping[str, str],
    published: dict[str, list[str]],
    reader: Engine,
) -> None:
    with tiny_disk(embedded_server.home / "disk") as disk, lists_on(embedded_server, disk):
        writer = create_engine(empty["recsys"])  # a session of its own: it takes the new tablespace
        begun = night(writer, 1, OTHER, until=1)
        filler = fill(disk)
        with pytest.raises(Unwritable) as caught:
            load_lists(writer, begun, in_shard(table(OTHER), 0), 0)
        clear(
            caught.value,
            empty,
            "room on the database's disk",
            "No space left on device",
            "free disk space",
        )
        assert shown(reader) == published
        filler.unlink()
        ends_well(writer, reader)
        writer.dispose()


def test_a_full_disk_while_sealing_is_told_too(
    embedded_server: EmbeddedServer,
    empty: Mapping[str, str],
    published: dict[str, list[str]],
    reader: Engine,
) -> None:
    with tiny_disk(embedded_server.home / "disk") as disk, lists_on(embedded_server, disk):
        writer = create_engine(empty["recsys"])
        loaded = night(writer, 1, OTHER, until=4)
        filler = fill(disk)
        with pytest.raises(Unwritable) as caught:
            finish(writer, loaded, LIMITS)
        clear(caught.value, empty, "No space left on device", "free disk space")
        assert shown(reader) == published
        filler.unlink()
        ends_well(writer, reader)
        writer.dispose()


def test_a_full_disk_of_the_lake_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    users = np.arange(60_000, dtype=np.int32)
    serving = ServingConfig(k=5, spares=2, shards=1)

    def run(lake: Lake) -> None:
        precompute_shard(lake, Shard("t", 0, serving, {}), Salted(1, 0.0), users, eligible=None)

    with tiny_disk(tmp_path / "disk") as disk:
        lake = Lake(disk / "lake")
        filler = disk / "filler"
        filler.write_bytes(b"x" * 700_000)
        with pytest.raises(Unwritable) as caught:
            run(lake)
        clear(caught.value, {}, "room for an artifact", "free disk space")
        assert lake.newest("lists", "t.0") is None and lake.remove_unfinished() == []
    fresh = Lake(tmp_path / "lake")
    run(fresh)
    assert fresh.require("lists", "t.0").rows == len(users)


# --- connections ----------------------------------------------------------------------------------


def test_a_connection_lost_between_two_loads_of_a_transaction_is_transient(
    empty: Mapping[str, str], published: dict[str, list[str]], writer: Engine, reader: Engine
) -> None:
    begun = night(writer, 1, OTHER, until=1)
    with pytest.raises(TransientError) as caught, load_arrow(writer.url) as session:
        [(pid,)] = session.execute("SELECT pg_backend_pid()")
        session.execute("DELETE FROM recsys.forbidden_rows WHERE publication_id = $1", (begun.id,))
        with writer.begin() as connection:
            assert connection.scalar(
                sa.text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid}
            )
        session.execute("SELECT 1")
    clear(caught.value, empty, "terminating connection", "retried")
    assert shown(reader) == published
    ends_well(writer, reader)


def test_a_connection_lost_while_rows_come_in_is_transient(
    empty: Mapping[str, str], published: dict[str, list[str]], writer: Engine, reader: Engine
) -> None:
    begun = night(writer, 1, OTHER, until=1)
    lock = sql.SQL("LOCK TABLE recsys.{} IN SHARE MODE").format(sql.Identifier(begun.partition))
    error = lost_before(
        empty, writer, lock, lambda: load_lists(writer, begun, in_shard(table(OTHER), 0), 0)
    )
    clear(error, empty, "PostgreSQL to answer")
    assert shown(reader) == published
    ends_well(writer, reader)


def test_retention_takes_a_lost_server_for_what_it_is(
    empty: Mapping[str, str],
    published: dict[str, list[str]],
    writer: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("recsys_tasks.serving.retire.LOCK_TIMEOUT", "60s")
    for day in (1, 2):
        publish_night(writer, day)
    lock = sql.SQL("LOCK TABLE recsys.fallback_rows IN SHARE MODE")
    clear(
        lost_before(empty, writer, lock, lambda: drop_old(writer, keep=0, now=NOW)),
        empty,
        "PostgreSQL to answer",
    )
    assert len(drop_old(writer, keep=0, now=NOW)) == 1


def lost_before(
    urls: Mapping[str, str],
    writer: Engine,
    lock: sql.SQL | sql.Composed,
    call: Callable[[], object],
) -> TransientError:
    """What the call raises when its session is ended while it waits for that lock."""
    found: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:
            found.append(error)

    with psycopg.connect(libpq_uri(urls["recsys_owner"])) as holder, writer.connect() as watcher:
        holder.execute(lock)
        thread = threading.Thread(target=run)
        thread.start()
        kill = sa.text(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE :holder = ANY"
            " (pg_blocking_pids(pid))"
        )
        while not watcher.scalar(kill, {"holder": holder.info.backend_pid}):
            watcher.rollback()
            time.sleep(0.01)
        thread.join()
        holder.rollback()
    assert isinstance(found[0], TransientError), found
    return found[0]


def test_a_pooled_connection_that_died_is_replaced_without_an_error(writer: Engine) -> None:
    """A restart of the server costs the next call nothing: the pool asks first."""
    with writer.connect() as connection:
        pid = connection.scalar(sa.text("SELECT pg_backend_pid()"))
    other = sa.create_engine(writer.url)
    with other.begin() as connection:
        assert connection.scalar(sa.text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    other.dispose()
    with writer.connect() as connection:
        assert connection.scalar(sa.text("SELECT pg_backend_pid()")) != pid


# --- locks ----------------------------------------------------------------------------------------


# --- rights ---------------------------------------------------------------------------------------


# --- nothing to publish ---------------------------------------------------------------------------


def test_a_publication_of_no_users_is_refused(
    empty: Mapping[str, str], published: dict[str, list[str]], writer: Engine, reader: Engine
) -> None:
    with pytest.raises(ServingError) as caught:
        night(writer, 1, {}, expected=0)
    assert not caught.value.retryable
    clear(caught.value, empty, "rows: 0", "readers keep their lists")
    assert shown(reader) == published
    ends_well(writer, reader)
