"""Shards that come in batches, what the database refuses, and how rows are stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks import schema
from recsys_tasks.database import create_engine
from recsys_tasks.errors import SchemaError, ServingError, TransientError
from recsys_tasks.serving.checks import run_checks
from recsys_tasks.serving.load import load_lists
from recsys_tasks.serving.publication import Publication
from recsys_tasks.serving.publish import finish
from tests.serving.nights import (
    LIMITS,
    PLAIN,
    night,
    publish_night,
    read_checks,
    shown,
    stock,
    table,
)

ROW = "{id}, 0, {user}, 'default', 0, {items}, '{{.9,.8,.7}}', '{{1,1,1}}', '{{0,0,0}}', '{{-1,-1,-1}}', '{{1,2,3}}', '{{1,1,1}}', NULL"  # noqa: E501


def loaded(engine: Engine, publication: Publication) -> dict[int, list[int]]:
    with engine.connect() as connection:
        rows = connection.execute(
            sa.text(f"SELECT user_key, items FROM recsys.{publication.partition}")
        )
        return {user: items for user, items in rows}


def by_hand(
    engine: Engine,
    publication: Publication,
    user: int,
    items: str,
    publication_id: int | None = None,
) -> None:
    """A row that did not come through load_lists."""
    row = ROW.format(id=publication_id or publication.id, user=user, items=items)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"INSERT INTO recsys.{publication.partition} VALUES ({row})")


def blocking(engine: Engine, publication: Publication) -> list[str]:
    with pytest.raises(ServingError, match="every blocking check"):
        finish(engine, publication, LIMITS)
    return [check.name for check in read_checks(engine, publication.id) if check.blocks]


def test_a_shard_may_come_in_batches_and_again(writer: Engine) -> None:
    stock(writer)
    publication = night(writer, 0, until=1, rows=table(PLAIN))
    first, second = table({0: PLAIN[0], 1: PLAIN[1]}), table({2: PLAIN[2]})
    assert load_lists(writer, publication, iter([first, *second.to_batches()]), 0) == 3
    assert load_lists(writer, publication, table({3: PLAIN[3]}), 1) == 1
    assert loaded(writer, publication) == PLAIN
    reader = pa.RecordBatchReader.from_batches(
        schema.LISTS.schema, table({0: [7, 6, 5]}).to_batches()
    )
    assert (
        load_lists(writer, publication, reader, 0) == 1
    )  # replaces that shard's three rows, and no other's
    assert loaded(writer, publication) == {0: [7, 6, 5], 3: PLAIN[3]}
    assert load_lists(writer, publication, iter([]), 0) == 0
    assert loaded(writer, publication) == {3: PLAIN[3]}


def test_a_shard_that_fails_half_way_leaves_what_was_there(writer: Engine) -> None:
    stock(writer)
    publication = night(writer, 0, until=1, rows=table(PLAIN))
    load_lists(writer, publication, table(PLAIN), 0)

    def twice() -> Iterator[pa.Table]:
        yield table({0: [7, 6, 5]})
        yield table(
            {user: [7, 6, 5] for user in range(1, 1100)}
        )  # more than go together in one command
        yield table({0: [1, 2, 3]})

    def killed() -> Iterator[pa.Table]:
        yield table({0: [7, 6, 5]})
        raise RuntimeError("killed")

    with pytest.raises(SchemaError, match="1 repeated rows, user keys '0'"):
        load_lists(writer, publication, twice(), 0)
    with pytest.raises(RuntimeError, match="killed"):
        load_lists(writer, publication, killed(), 0)
    with pytest.raises(SchemaError, match="missing 'items'"):
        load_lists(writer, publication, iter([table(PLAIN).drop_columns("items")]), 0)
    assert loaded(writer, publication) == PLAIN


def test_a_server_that_goes_away_meanwhile_is_transient(
    empty: Mapping[str, str], writer: Engine
) -> None:
    stock(writer)
    publication = night(writer, 0, until=1, rows=table(PLAIN))
    other = create_engine(empty["recsys"])

    def interrupted() -> Iterator[pa.Table]:
        yield table({0: [7, 6, 5]})
        with other.begin() as connection:
            others = (
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename ="
                " current_user"
            )
            connection.execute(sa.text(f"{others} AND pid <> pg_backend_pid()"))
        yield table({1: [7, 6, 5]})

    with pytest.raises(TransientError):
        load_lists(writer, publication, interrupted(), 0)
    other.dispose()
    assert load_lists(writer, publication, table(PLAIN), 0) == 4  # the same call succeeds later
    assert loaded(writer, publication) == PLAIN


FAULTS = {
    "a list that starts at subscript 0": ("'[0:2]={1,2,3}'", ["parallel_arrays"]),
    "a null item": ("'{1,2,NULL}'", ["repeated_items", "unknown_items"]),
    "an unknown item beyond the first k": ("'{1,2,3,88}'", ["parallel_arrays", "unknown_items"]),
    "an item twice": ("'{1,2,1}'", ["repeated_items"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_rows_that_came_another_way_are_checked_too(writer: Engine, fault: str) -> None:
    stock(writer)
    publication = night(writer, 0, until=1, rows=table(PLAIN))
    load_lists(writer, publication, table({user: PLAIN[user] for user in range(3)}), 0)
    items, expected = FAULTS[fault]
    by_hand(writer, publication, 3, items)
    assert blocking(writer, publication) == expected


def test_a_row_of_another_publication_is_refused_at_once(writer: Engine) -> None:
    stock(writer)
    publication = night(writer, 0, until=1, rows=table(PLAIN))
    with pytest.raises(sa.exc.IntegrityError, match="bound"):
        by_hand(writer, publication, 3, "'{1,2,3}'", publication_id=publication.id + 1)


def test_no_row_comes_in_between_the_checks_and_the_seal(writer: Engine) -> None:
    stock(writer)
    publication = night(writer, 0, until=4)
    with writer.begin() as connection:
        run_checks(connection, publication, LIMITS)
        with pytest.raises(TransientError), writer.begin() as other:
            other.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
            row = ROW.format(id=publication.id, user=99, items="'{1,2,3}'")
            other.exec_driver_sql(f"INSERT INTO recsys.{publication.partition} VALUES ({row})")
    assert len(loaded(writer, publication)) == 4


def test_counts_of_entries_at_fault_are_exact(writer: Engine) -> None:
    stock(writer, unavailable=[4])  # named in the lists of users 1, 2 and 3
    scores = [[0.9, 2.0, -1.0, 0.1], *[[0.9, 0.8, 0.7, 0.6]] * 2, [0.9, None, 0.7, 0.6]]
    propensities = [*[[1.0] * 4] * 3, [0.0, 1.0, float("nan"), 2.0]]
    publication = night(writer, 0, until=1, rows=table(PLAIN))
    load_lists(
        writer,
        publication,
        table({**PLAIN, 0: [0, 1, 88, 3]}, scores=scores, propensities=propensities),
        0,
    )
    assert blocking(writer, publication) == [
        "unknown_items",
        "unavailable_items",
        "scores",
        "propensities",
    ]
    found = {check.name: check.found for check in read_checks(writer, publication.id)}
    assert (found["unknown_items"], found["unavailable_items"]) == (1, 3)
    assert (found["scores"], found["propensities"], found["codes"]) == (3, 3, 0)


def test_lists_of_110_entries_stay_whole_in_their_rows(writer: Engine) -> None:
    stock(writer)
    publication = night(writer, 0, until=1, rows=table(PLAIN))
    load_lists(writer, publication, table({user: [*range(110)] for user in range(3)}), 0)
    # 7 arrays: headers of 24 bytes, 4 of them with 4 bytes an entry and 3 with 2: 7 · 24 + 110 · 22
    # = 2588
    sizes = " + ".join(
        f"pg_column_size({field.name})"
        for field in schema.LISTS.schema
        if pa.types.is_list(field.type)
    )
    question = f"""
        SELECT min({sizes}), max({sizes}), pg_relation_size(c.reltoastrelid)
        FROM recsys.{publication.partition}, pg_class AS c
        WHERE c.oid = 'recsys.{publication.partition}'::regclass GROUP BY c.reltoastrelid
    """
    with writer.connect() as connection:
        assert tuple(connection.execute(sa.text(question)).one()) == (2588, 2588, 0)


def test_a_list_too_long_for_a_page_is_stored_all_the_same(writer: Engine) -> None:
    stock(writer)
    publication = night(writer, 0, until=1, rows=table(PLAIN))
    load_lists(writer, publication, table({0: [*range(5000)]}), 0)
    assert loaded(writer, publication) == {0: [*range(5000)]}


def test_a_users_row_is_found_by_one_index_look_up(
    empty: Mapping[str, str], writer: Engine, reader: Engine
) -> None:
    stock(writer)
    for day in range(3):
        publication = publish_night(writer, day).publication
    owner = create_engine(empty["recsys_owner"])
    with owner.begin() as connection:
        connection.execute(
            sa.text("SET LOCAL enable_seqscan = off")
        )  # of four rows it would read all
        plan = "\n".join(
            connection.scalars(
                sa.text(
                    "EXPLAIN SELECT items FROM recsys.list_rows WHERE publication_id = :id AND"
                    " user_key = 2"
                ),
                {"id": publication.id},
            )
        )
    owner.dispose()
    assert f"Index Scan using {publication.partition}_pkey" in plan and plan.count("Scan") == 1
    assert shown(reader)["u0"] == ["i0", "i1", "i2"]
