"""The loads' own counts stand in for the rows exactly as long as the rows are theirs."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.errors import ServingError
from recsys_tasks.serving.evidence import LARGEST_KEY, Evidence
from recsys_tasks.serving.load import load_lists
from recsys_tasks.serving.publish import finish
from tests.serving.nights import LIMITS, PLAIN, SPARES, K, night, read_checks, stock, table
from tests.serving.test_checks import FAULTS

# Lists of PLAIN, k = 3: item 3 is in three lists, of which the spare of user 0's is none, and
# begins user 3's.
COUNTS = {0: (1, 1), 1: (2, 1), 2: (3, 1), 3: (3, 1), 4: (2, 0), 5: (1, 0), 6: (0, 0)}


def asked(engine: Engine, question: str, **values: Any) -> Any:
    with engine.begin() as connection:
        return connection.execute(sa.text(question), values).all()


def exposure(engine: Engine, publication: int) -> dict[int, tuple[int, int]]:
    rows = asked(
        engine, "SELECT * FROM recsys.item_exposure_rows WHERE publication_id = :id", id=publication
    )
    return {key: (lists, firsts) for _, key, lists, firsts in rows}


def as_loaded(engine: Engine, publication: int) -> bool:
    loaded: bool = asked(engine, "SELECT recsys.is_as_loaded(:id)", id=publication)[0][0]
    return loaded


def test_counts_by_hand_and_as_sql_counts_them(writer: Engine) -> None:
    stock(writer)
    publication = night(writer, 0, until=3)
    assert as_loaded(writer, publication.id)
    for function in ("add_up_entries", "count_entries"):
        asked(writer, f"SELECT recsys.{function}(:id)", id=publication.id)
        assert exposure(writer, publication.id) == COUNTS, function
    finish(writer, publication, LIMITS)
    assert exposure(writer, publication.id) == {**COUNTS, 7: (0, 0)}  # available, and in no list
    assert asked(writer, "SELECT count(*) FROM recsys.shard_entries")[0][0] == 0


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM recsys.list_rows_{id} WHERE user_key = 0",
        "INSERT INTO recsys.list_rows_{id} SELECT * FROM recsys.list_rows_{id} WHERE user_key = 0",
        "WITH gone AS (DELETE FROM recsys.list_rows_{id} WHERE user_key = 0 RETURNING *) "
        "INSERT INTO recsys.list_rows_{id} SELECT * FROM gone",
        "DELETE FROM recsys.shard_loads WHERE shard = 1",
    ],
)
def test_any_row_that_is_not_of_a_load_is_counted_anew(writer: Engine, change: str) -> None:
    stock(writer)
    publication = night(writer, 0, until=3)
    asked(writer, change.format(id=publication.id) + " RETURNING 1")
    assert not as_loaded(writer, publication.id)


def test_a_list_changed_after_its_load_is_found_out(writer: Engine) -> None:
    stock(writer)
    publication = night(writer, 0, until=3)
    name = f"recsys.list_rows_{publication.id}"
    with writer.begin() as connection:
        connection.exec_driver_sql(
            f"CREATE TEMP TABLE taken AS SELECT * FROM {name} WHERE user_key = 0"
        )
        connection.exec_driver_sql("UPDATE taken SET items[2] = items[1]")
        connection.exec_driver_sql(f"DELETE FROM {name} WHERE user_key = 0")
        connection.exec_driver_sql(f"INSERT INTO {name} SELECT * FROM taken")
    with pytest.raises(ServingError, match="repeated_items: 1"):
        finish(writer, publication, LIMITS)


def test_a_shard_loaded_again_is_counted_once(writer: Engine) -> None:
    stock(writer)
    publication = night(writer, 0, until=1, rows=table(PLAIN))
    load_lists(writer, publication, table({0: [7, 7, 7]}), 0)
    assert not as_loaded(writer, publication.id)
    load_lists(writer, publication, table(PLAIN), 0)
    assert as_loaded(writer, publication.id)
    finish(writer, publication, LIMITS)
    assert exposure(writer, publication.id) == {**COUNTS, 7: (0, 0)}


IN_A_LIST = (
    "list_length",
    "repeated_items",
    "scores",
    "propensities",
    "codes",
    "rungs",
    "parallel_arrays",
)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_loads_see_every_fault_of_a_list_and_sql_finds_the_same(
    writer: Engine, fault: str
) -> None:
    rows, of, expected = FAULTS[fault]
    evidence = Evidence(K, SPARES)
    for _ in evidence.watch(rows.to_batches()):
        pass
    assert evidence.clean == (not set(expected) & set(IN_A_LIST))
    stock(writer)
    publication = night(writer, 0, rows=rows, until=1, **of)
    load_lists(writer, publication, rows, 0)
    asked(writer, "DELETE FROM recsys.shard_loads RETURNING 1")
    with suppress(ServingError):
        finish(writer, publication, LIMITS)
    assert [check.name for check in read_checks(writer, publication.id) if check.blocks] == expected


@pytest.mark.parametrize("key", [-1, LARGEST_KEY, None])
def test_a_key_that_cannot_be_counted_is_left_to_sql(key: int | None) -> None:
    evidence = Evidence(K, SPARES)
    sent = table({0: [1, 2, 3]}, items=[[1, 2, key]]).to_batches()
    assert list(evidence.watch(sent)) == sent
    assert not evidence.clean


def test_random_lists_in_any_batches_against_plain_counting() -> None:
    random = np.random.default_rng(0)
    lists = {n: random.permutation(40)[: random.integers(0, 5)].tolist() for n in range(300)}
    rows = table(lists)
    evidence = Evidence(K, SPARES)
    for _ in evidence.watch(rows.to_batches(max_chunksize=70)):
        pass
    counted = {
        row["item_key"]: (row["lists"], row["first_places"])
        for row in evidence.by_item().to_pylist()
    }
    named = {item for entries in lists.values() for item in entries}
    assert evidence.clean
    assert counted == {
        item: (
            sum(item in e[:K] for e in lists.values()),
            sum(e[:1] == [item] for e in lists.values()),
        )
        for item in named
    }
