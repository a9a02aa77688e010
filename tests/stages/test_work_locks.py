"""Locks that are lost on the way, and who waits for whom."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.database import create_engine, lock_key
from recsys_tasks.errors import ServingError, TransientError
from recsys_tasks.lake import Lake
from recsys_tasks.snapshot.erased_users import read_erased, remember
from recsys_tasks.stages import work_locks
from recsys_tasks.stages.work_locks import alone, at_work, in_turn

NOW = datetime(2026, 1, 11, tzinfo=UTC)


@pytest.fixture
def engine(postgres: Mapping[str, str]) -> Iterator[Engine]:
    engine = create_engine(postgres["recsys"])
    yield engine
    engine.dispose()


def break_holders(engine: Engine, *name: object) -> None:
    """What a restart of the server does to those that hold a lock."""
    query = (
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted "
    )
    query += "AND (classid::bigint << 32) | objid::bigint = :key"
    with engine.connect() as connection:
        assert connection.execute(sa.text(query), {"key": lock_key(*name)}).all()


def write(lake: Lake) -> None:
    with lake.writing("decision", "k") as draft:
        (draft.path / "a.txt").write_text("rows")


def test_a_stage_that_lost_its_lock_goes_on_when_nobody_was_erased_meanwhile(
    engine: Engine, tmp_path: Path
) -> None:
    lake = Lake(tmp_path)
    with at_work(engine, lake):
        break_holders(engine, "lake at work")
        write(lake)
        with (
            pytest.raises(ServingError, match="no stage of a night"),
            alone(engine),
        ):  # it has the lock again
            pass
    assert lake.newest("decision", "k") is not None


def test_what_a_stage_wrote_beside_an_erasure_is_never_finished(
    engine: Engine, tmp_path: Path
) -> None:
    lake = Lake(tmp_path)
    with pytest.raises(TransientError, match="a user was erased meanwhile"), at_work(engine, lake):
        break_holders(engine, "lake at work")
        remember(Lake(tmp_path), read_erased(lake), "ann", 0, NOW, "bob")  # another process erases
        write(lake)
    assert lake.newest("decision", "k") is None
    write(lake)  # the fence went with the stage


def test_an_erasure_or_a_sweep_that_lost_its_lock_removes_nothing_more(
    engine: Engine, tmp_path: Path
) -> None:
    lake = Lake(tmp_path)
    write(lake)
    with pytest.raises(TransientError, match="stages may be at work again"), alone(engine, lake):
        break_holders(engine, "lake at work")
        lake.remove(lake.require("decision", "k"))
    assert lake.newest("decision", "k") is not None


def test_one_freeze_at_a_time_and_who_lost_its_turn_gives_up(
    engine: Engine, tmp_path: Path
) -> None:
    lake, other, order = Lake(tmp_path), Lake(tmp_path), list[str]()

    def second() -> None:
        with in_turn(engine, other, "freeze"):
            order.append("second")

    with (
        pytest.raises(TransientError, match="another process runs freeze now"),
        in_turn(engine, lake, "freeze"),
    ):
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.5)
        order.append("first")
        break_holders(engine, "stage", "freeze")
        waiting.join(20)
        with in_turn(engine, other, "freeze"):
            write(lake)
    assert order == ["first", "second"]
    assert lake.newest("decision", "k") is None


def test_a_turn_is_not_waited_for_for_ever_and_the_holder_is_named(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_locks, "TURN_WAIT", "200ms")
    lake = Lake(tmp_path)
    named = pytest.raises(TransientError, match=r"pid \d+ .*nightshelf")
    with in_turn(engine, lake, "freeze"), named, in_turn(engine, lake, "freeze"):
        pass


def test_a_sweep_waits_for_a_stage_to_end(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_locks, "LOOK_SECONDS", 0.05)
    lake, swept = Lake(tmp_path), list[bool]()

    def sweep() -> None:
        with alone(engine, Lake(tmp_path), looks=400):
            swept.append(True)

    with at_work(engine, lake):
        sweeper = threading.Thread(target=sweep)
        sweeper.start()
        sweeper.join(0.5)
        assert not swept
        with at_work(engine, Lake(tmp_path)):  # other stages are not held up by who waits
            pass
    sweeper.join(20)
    assert swept == [True]
