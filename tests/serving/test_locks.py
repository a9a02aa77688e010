"""Locks that another session keeps, and rights that are missing: named, and given up in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy.engine import Engine

from recsys_tasks.database import (
    create_engine,
    libpq_uri,
    lock_key,
    locks,
)
from recsys_tasks.errors import ServingError, TransientError
from recsys_tasks.serving.load import load_fallbacks, load_lists
from recsys_tasks.serving.pointer import resume, rollback
from recsys_tasks.serving.publication import Publication
from recsys_tasks.serving.publish import create_publication, finish, publish
from tests.serving.nights import (
    LIMITS,
    NOW,
    in_shard,
    night,
    shown,
    spec,
    table,
)
from tests.serving.outages import (
    FALLBACK,
    HOLDER,
    OTHER,
    clear,
    ends_well,
)

POINTER = ("SELECT pg_advisory_xact_lock(%s)", [lock_key("pointer")])


TONIGHT = ("SELECT pg_advisory_xact_lock(%s)", [lock_key("night", spec(1).as_of)])


ROW: tuple[str, list[int]] = (
    "SELECT FROM recsys.publication ORDER BY id DESC LIMIT 1 FOR UPDATE",
    [],
)


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
