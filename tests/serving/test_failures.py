"""What goes wrong around a publication: each a clear error of the right class, and readers keep
their lists.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psycopg
import pyarrow as pa
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
    lock_key,
    locks,
)
from recsys_tasks.errors import RecsysError, ServingError, TransientError
from recsys_tasks.lake import Lake
from recsys_tasks.serving.load import load_fallbacks, load_lists
from recsys_tasks.serving.pointer import resume, rollback
from recsys_tasks.serving.precompute import Shard, precompute_shard
from recsys_tasks.serving.publication import Publication
from recsys_tasks.serving.publish import create_publication, finish, publish
from recsys_tasks.serving.retire import drop_old
from tests.serving.chaos import Salted
from tests.serving.nights import (
    LIMITS,
    NOW,
    PLAIN,
    in_shard,
    night,
    publish_night,
    shown,
    spec,
    stock,
    table,
)

OTHER = {user: [7, 6, 5, 4] if user == 0 else items for user, items in PLAIN.items()}
HOLDER = "ann's session"
FALLBACK = pa.table({"segment": [""], "items": [[6, 7]], "scores": [[1.0, 0.5]]})


@pytest.fixture
def published(writer: Engine, reader: Engine) -> dict[str, list[str]]:
    """The night of 1 March is what readers see."""
    stock(writer)
    publish_night(writer, 0)
    return shown(reader)


def clear(error: RecsysError, urls: Mapping[str, str], *words: str) -> None:
    """Four parts, the words that matter, and nobody's password."""
    parts = error.as_dict()
    assert all(parts[name] for name in ("expected", "found", "where", "remedy"))
    for word in words:
        assert word in str(error), (word, str(error))
    passwords = [sa.make_url(url).password or "" for url in urls.values()]
    assert not any(password in str(error) for password in passwords)


def ends_well(writer: Engine, reader: Engine) -> None:
    """The next good run of 2 March shows it and leaves nothing half-made."""
    assert publish_night(writer, 1, OTHER).moved
    assert shown(reader)["u0"] == ["i7", "i6", "i5"]
    with writer.connect() as connection:
        states = connection.execute(
            sa.text("SELECT status, count(*) FROM recsys.publication GROUP BY 1")
        ).all()
        assert "building" not in dict(tuple(row) for row in states)
        orphans = (
            "SELECT relname FROM pg_class AS c WHERE relnamespace = 'recsys'::regnamespace AND"
            " relkind = 'r' AND relname ~ '^list_rows_[0-9]+$' AND (NOT relispartition OR relname"
            " NOT IN (SELECT 'list_rows_' || id FROM recsys.publication WHERE retired_at IS NULL))"
        )
        assert list(connection.scalars(sa.text(orphans))) == []


# --- disks ----------------------------------------------------------------------------------------


@contextmanager
def tiny_disk(folder: Path) -> Iterator[Path]:
    """A disk of one megabyte; skips where mounting is not allowed."""
    folder.mkdir()
    mounted = os.geteuid() == 0 and (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], check=False
        ).returncode
        == 0
    )
    if not mounted:
        folder.rmdir()
        pytest.skip("a disk that is full needs a mount, which only root may make")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


def fill(disk: Path) -> Path:
    """Take what room there is."""
    filler = disk / "filler"
    with pytest.raises(OSError, match="No space left"), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    return filler


def superuser(server: EmbeddedServer) -> psycopg.Connection:
    known = json.loads((server.home / "database.json").read_text())
    return psycopg.connect(
        host=known["socket"],
        user="postgres",
        password=known["passwords"]["postgres"],
        dbname="recsys",
        autocommit=True,
    )


@contextmanager
def lists_on(server: EmbeddedServer, disk: Path) -> Iterator[None]:
    """New tables of the writer go to that disk."""
    space = disk / "space"
    space.mkdir()
    owner = (server.home / "postgres").stat()
    os.chown(space, owner.st_uid, owner.st_gid)
    with superuser(server) as connection:
        connection.execute(sql.SQL("CREATE TABLESPACE tiny LOCATION {}").format(str(space)))
        connection.execute("GRANT CREATE ON TABLESPACE tiny TO recsys_owner, recsys_writer")
        connection.execute("ALTER ROLE recsys_writer SET default_tablespace = 'tiny'")
        try:
            yield
        finally:
            connection.execute("ALTER ROLE recsys_writer RESET default_tablespace")
            kept = (
                "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND reltablespace ="
                " (SELECT oid FROM "
            )
            for (name,) in connection.execute(
                kept + "pg_tablespace WHERE spcname = 'tiny')"
            ).fetchall():
                connection.execute(sql.SQL("DROP TABLE " + name))
            connection.execute("DROP TABLESPACE tiny")


def test_a_full_disk_of_the_database_is_retried_and_readers_keep_their_lists(
    embedded_server: EmbeddedServer,
    empty: Mapping[str, str],
    published: dict[str, list[str]],
    reader: Engine,
) -> None:
    with tiny_disk(embedded_server.home / "disk") as disk, lists_on(embedded_server, disk):
        writer = create_engine(empty["recsys"])  # a session of its own: it takes the new tablespace
        begun = night(writer, 1, OTHER, until=1)
        filler = fill(disk)
        with pytest.raises(TransientError) as caught:
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


def test_a_full_disk_while_sealing_is_retried_too(
    embedded_server: EmbeddedServer,
    empty: Mapping[str, str],
    published: dict[str, list[str]],
    reader: Engine,
) -> None:
    with tiny_disk(embedded_server.home / "disk") as disk, lists_on(embedded_server, disk):
        writer = create_engine(empty["recsys"])
        loaded = night(writer, 1, OTHER, until=4)
        filler = fill(disk)
        with pytest.raises(TransientError) as caught:
            finish(writer, loaded, LIMITS)
        clear(caught.value, empty, "No space left on device", "free disk space")
        assert shown(reader) == published
        filler.unlink()
        ends_well(writer, reader)
        writer.dispose()


def test_a_full_disk_of_the_lake_is_retried_and_leaves_nothing(tmp_path: Path) -> None:
    users = np.arange(60_000, dtype=np.int32)
    serving = ServingConfig(k=5, spares=2, shards=1)

    def run(lake: Lake) -> None:
        precompute_shard(lake, Shard("t", 0, serving, {}), Salted(1, 0.0), users, eligible=None)

    with tiny_disk(tmp_path / "disk") as disk:
        lake = Lake(disk / "lake")
        filler = disk / "filler"
        filler.write_bytes(b"x" * 700_000)
        with pytest.raises(TransientError) as caught:
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
    urls: Mapping[str, str], writer: Engine, lock: sql.Composable, call: Callable[[], object]
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

POINTER = ("SELECT pg_advisory_xact_lock(%s)", [lock_key("pointer")])
TONIGHT = ("SELECT pg_advisory_xact_lock(%s)", [lock_key("night", spec(1).as_of)])
ROW = ("SELECT FROM recsys.publication ORDER BY id DESC LIMIT 1 FOR UPDATE", [])
LOADED = 4  # steps of a night before it is finished
READY = 5


def _load(writer: Engine) -> None:
    load_lists(writer, _tonight(writer), in_shard(table(OTHER), 0), 0)


def _tonight(writer: Engine) -> Publication:
    return create_publication(writer, spec(1), NOW)


CALLS: dict[str, tuple[int, tuple[str, list[int]], Callable[[Engine], object]]] = {
    "publish, the pointer's lock": (
        READY,
        POINTER,
        lambda e: publish(e, _tonight(e), "night", NOW),
    ),
    "rollback, the pointer's lock": (
        READY,
        POINTER,
        lambda e: rollback(e, who="ann", why="odd", now=NOW),
    ),
    "resume, the pointer's lock": (READY, POINTER, lambda e: resume(e, who="ann", now=NOW)),
    "create, the night's lock": (LOADED, TONIGHT, _tonight),
    "load, the publication's row": (1, ROW, _load),
    "finish, the publication's row": (LOADED, ROW, lambda e: finish(e, _tonight(e), LIMITS)),
    "publish, the publication's row": (READY, ROW, lambda e: publish(e, _tonight(e), "night", NOW)),
}


@pytest.fixture
def impatient(empty: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setattr(locks, "LOCK_WAIT", "100ms")
    engine = create_engine(empty["recsys"])
    yield engine
    engine.dispose()


@contextmanager
def held(url: str, statement: str, values: list[int]) -> Iterator[int]:
    with psycopg.connect(libpq_uri(url), application_name=HOLDER) as connection:
        connection.execute(statement, values)
        yield connection.info.backend_pid
        connection.rollback()


@pytest.mark.parametrize("name", CALLS)
def test_a_lock_that_another_session_keeps_is_given_up_with_its_name(
    name: str,
    empty: Mapping[str, str],
    published: dict[str, list[str]],
    writer: Engine,
    impatient: Engine,
    reader: Engine,
) -> None:
    until, lock, call = CALLS[name]
    night(writer, 1, OTHER, until=until)
    with held(empty["recsys"], *lock) as pid:
        with pytest.raises(TransientError) as caught:
            call(impatient)
        assert shown(reader) == published
    clear(
        caught.value, empty, f"pid {pid}", HOLDER, "recsys_writer", " UTC", "pg_terminate_backend"
    )
    ends_well(writer, reader)


def test_a_load_lock_that_another_load_keeps_is_given_up_with_its_name(
    empty: Mapping[str, str],
    published: dict[str, list[str]],
    writer: Engine,
    impatient: Engine,
    reader: Engine,
) -> None:
    begun = night(writer, 1, OTHER, until=1)
    lock = "SELECT pg_advisory_xact_lock(%s)"
    with held(empty["recsys"], lock, [lock_key("load", begun.id, 0)]) as pid:
        with pytest.raises(TransientError) as caught:
            load_lists(impatient, begun, in_shard(table(OTHER), 0), 0)
        clear(caught.value, empty, f"the lock 'load {begun.id} 0'", f"pid {pid}", HOLDER)
        assert load_lists(impatient, begun, in_shard(table(OTHER), 1), 1) > 0  # other shards go on
    ends_well(writer, reader)


# --- rights ---------------------------------------------------------------------------------------

RIGHTS: dict[str, tuple[str, int, Callable[[Engine], object]]] = {
    "users": ("SELECT ON recsys.users", LOADED, lambda e: finish(e, _tonight(e), LIMITS)),
    "fallback_rows": (
        "INSERT ON recsys.fallback_rows",
        1,
        lambda e: load_fallbacks(e, _tonight(e), FALLBACK),
    ),
    "list_rows_": ("INSERT ON recsys.{partition}", 1, _load),
    "open_partition": ("EXECUTE ON FUNCTION recsys.open_partition", 0, _tonight),
    "current_publication": (
        "UPDATE ON recsys.current_publication",
        READY,
        lambda e: publish(e, _tonight(e), "night", NOW),
    ),
}


@pytest.mark.parametrize("named", RIGHTS)
def test_a_right_that_is_missing_is_named_with_its_role_and_not_retried(
    named: str,
    empty: Mapping[str, str],
    published: dict[str, list[str]],
    writer: Engine,
    reader: Engine,
) -> None:
    right, until, call = RIGHTS[named]
    begun = night(writer, 1, OTHER, until=until) if until else None
    right = right.format(partition=begun.partition if begun else "")
    with psycopg.connect(libpq_uri(empty["recsys_owner"]), autocommit=True) as owner:
        owner.execute(f"REVOKE {right} FROM recsys_writer")
        try:
            with pytest.raises(ServingError) as caught:
                call(writer)
            assert not caught.value.retryable
            clear(caught.value, empty, "role recsys_writer", "permission denied", named, "grant")
            assert shown(reader) == published
        finally:
            owner.execute(f"GRANT {right} TO recsys_writer")
    ends_well(writer, reader)


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
