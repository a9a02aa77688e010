from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.errors import ServingError
from recsys_tasks.serving.load import load_lists
from recsys_tasks.serving.pointer import rollback
from recsys_tasks.serving.publication import current_publication, read_publication
from recsys_tasks.serving.publish import create_publication, finish, publish
from recsys_tasks.serving.retire import drop_old
from tests.serving.nights import (
    FIRST_LISTS,
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


def tables(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(
            connection.scalars(
                sa.text("SELECT relname FROM pg_class WHERE relname ~ '^list_rows_[0-9]+$'")
            )
        )


def test_a_night_shows_its_first_k_places(writer: Engine, reader: Engine) -> None:
    stock(writer)
    done = publish_night(writer, 0)
    assert done.moved and done.publication.status == "published"
    assert shown(reader) == FIRST_LISTS


def test_nothing_is_seen_before_the_pointer_moves(writer: Engine, reader: Engine) -> None:
    stock(writer)
    ready = night(writer, 0, until=5)
    assert ready.status == "ready" and shown(reader) == {}


@pytest.mark.parametrize("killed_after", range(1, 6))
@pytest.mark.parametrize("changed", [False, True])
def test_a_night_killed_after_any_step_ends_well_when_rerun(
    writer: Engine, reader: Engine, killed_after: int, changed: bool
) -> None:
    stock(writer)
    publish_night(writer, 0)
    night(writer, 1, until=killed_after)
    assert shown(reader) == FIRST_LISTS
    done = publish_night(writer, 1, OTHER, fingerprint="g" if changed else "f")
    assert done.moved
    # A complete publication of the same inputs is shown as it is; everything else is made of
    # tonight's rows.
    kept = not changed and killed_after == 5
    assert shown(reader)["u0"] == (["i0", "i1", "i2"] if kept else ["i7", "i6", "i5"])
    unfinished = (
        changed and killed_after == 5
    )  # it was ready, so it is kept for `rollback` and retention
    assert len(tables(writer)) == (3 if unfinished else 2)


def test_a_rerun_with_equal_inputs_changes_nothing(writer: Engine, reader: Engine) -> None:
    stock(writer)
    first = publish_night(writer, 0)
    again = publish_night(writer, 0, OTHER)
    assert not again.moved and again.publication.id == first.publication.id
    assert shown(reader) == FIRST_LISTS


def test_a_rerun_with_other_inputs_replaces_the_same_night(writer: Engine, reader: Engine) -> None:
    stock(writer)
    publish_night(writer, 0)
    assert publish_night(writer, 0, OTHER, fingerprint="g").moved
    assert shown(reader)["u0"] == ["i7", "i6", "i5"]


def test_an_older_night_is_kept_and_not_shown(writer: Engine, reader: Engine) -> None:
    stock(writer)
    publish_night(writer, 1)
    older = publish_night(writer, 0, OTHER)
    assert not older.moved and older.publication.status == "ready"
    assert older.publication.note == "readers see a later night (2026-03-02)"
    assert shown(reader) == FIRST_LISTS
    with reader.connect() as connection:
        history = sa.text(
            "SELECT DISTINCT as_of::text, published FROM recsys.recommendation_history ORDER BY 1"
        )
        assert [tuple(row) for row in connection.execute(history)] == [
            ("2026-03-01", False),
            ("2026-03-02", True),
        ]


def test_a_shard_loaded_twice_is_there_once(writer: Engine, reader: Engine) -> None:
    stock(writer)
    publication = night(writer, 0, until=4)
    assert load_lists(writer, publication, in_shard(table(OTHER), 0), 0) > 0
    finish(writer, publication, LIMITS)
    assert publish(writer, publication, "night", NOW).moved
    assert (
        load_lists(writer, publication, in_shard(table(PLAIN), 0), 0) == 0
    )  # a straggler changes nothing
    assert len(shown(reader)) == 4


def test_two_processes_loading_one_shard_at_once_leave_it_there_once(writer: Engine) -> None:
    stock(writer)
    publication = night(writer, 0, until=1)
    rows = table(PLAIN)
    threads = [
        threading.Thread(target=load_lists, args=(writer, publication, rows, 0)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert finish(writer, publication, LIMITS).rows == 4


def test_a_straggler_of_a_given_up_publication_is_refused(writer: Engine) -> None:
    stock(writer)
    old = night(writer, 0, until=2)
    create_publication(writer, spec(0, "g"), NOW)
    assert read_publication(writer, old.id).status == "failed"
    with pytest.raises(ServingError, match="another run took this night over"):
        load_lists(writer, old, table(PLAIN), 0)
    with pytest.raises(ServingError, match="given up"):
        finish(writer, old, LIMITS)


def test_another_number_of_shards_starts_over_unless_all_is_loaded(writer: Engine) -> None:
    stock(writer)
    half = night(writer, 0, until=2)
    anew = create_publication(writer, replace(spec(0), shards=3), NOW)
    assert anew.id != half.id and read_publication(writer, half.id).status == "failed"
    done = publish_night(writer, 1)
    assert create_publication(writer, replace(spec(1), shards=3), NOW).id == done.publication.id


def test_old_publications_are_retired_and_the_current_one_never(
    writer: Engine, reader: Engine
) -> None:
    stock(writer)
    done = [publish_night(writer, day).publication.id for day in range(5)]
    rollback(writer, who="ann", why="old is good", now=NOW, to=done[0])
    night(writer, 6, until=2)
    assert drop_old(writer, keep=2, now=NOW) == done[1:3]
    assert shown(reader) == FIRST_LISTS
    assert tables(writer) == {f"list_rows_{n}" for n in (done[0], done[3], done[4], done[4] + 1)}
    assert drop_old(writer, keep=2, now=NOW) == []
    with pytest.raises(ServingError, match="retired"):
        rollback(writer, who="ann", why="x", now=NOW, to=done[1])
    with pytest.raises(sa.exc.DBAPIError, match="what readers see"), writer.begin() as connection:
        connection.execute(sa.text("SELECT recsys.drop_partition(:id)"), {"id": done[0]})


def test_retention_steps_aside_for_a_reader_who_keeps_the_lock(
    writer: Engine, reader: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recsys_tasks.serving.retire.LOCK_TIMEOUT", "100ms")
    stock(writer)
    first = publish_night(writer, 0).publication.id
    publish_night(writer, 1)
    publish_night(writer, 2)
    with reader.begin() as connection:
        connection.execute(sa.text("SELECT count(*) FROM recsys.recommendation_history")).one()
        assert drop_old(writer, keep=0, now=NOW) == []
    assert drop_old(writer, keep=0, now=NOW) == [first]


def test_readers_see_one_whole_publication_while_nights_pass(
    writer: Engine, reader: Engine
) -> None:
    """Night n gives every user the items n, n+1, n+2: a mixed or missing list cannot hide."""
    stock(writer)

    def lists(day: int) -> dict[int, list[int]]:
        return {user: [day, day + 1, day + 2] for user in range(4)}

    publish_night(writer, 0, lists(0))
    wrong: list[object] = []
    seen: set[tuple[str, ...]] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            lists_now = shown(reader)
            seen.update(tuple(items) for items in lists_now.values())
            if len(lists_now) != 4 or len({tuple(items) for items in lists_now.values()}) != 1:
                wrong.append(lists_now)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for thread in readers:
        thread.start()
    for day in range(1, 6):
        assert publish_night(writer, day, lists(day)).moved
        drop_old(writer, keep=1, now=NOW + timedelta(days=day))
    done.set()
    for thread in readers:
        thread.join()
    assert wrong == [] and len(seen) >= 2
    current = current_publication(writer)
    assert current is not None and current.as_of.day == 6
