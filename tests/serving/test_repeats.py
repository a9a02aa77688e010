"""What the repeat policy forbids is on no path: spares, top-ups and fallbacks as little as own
lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.database import create_engine
from recsys_tasks.errors import ServingError
from recsys_tasks.serving.load import load_forbidden
from recsys_tasks.serving.pointer import rollback
from recsys_tasks.serving.publication import Publication
from recsys_tasks.serving.publish import finish, publish
from recsys_tasks.serving.repeats import Forbidden, needed_length
from recsys_tasks.serving.retire import drop_old
from tests.serving.nights import (
    LIMITS,
    NOW,
    PLAIN,
    Lists,
    night,
    publish_night,
    read_checks,
    recommend,
    sell_out,
    stock,
    table,
)

OWN: Lists = {user: PLAIN[user] for user in range(3)}
"""u3 has no list: inactive, with a history."""


def publish_without(
    engine: Engine, pairs: Sequence[tuple[int, int]], day: int = 0, **of: Any
) -> Publication:
    """A night whose repeat policy forbids these (user, item); fallbacks: nl: 5 6, everyone: 6 7
    0.
    """
    publication: Publication = night(engine, day, rows=table(OWN), until=4, **of)
    users, items = [user for user, _ in pairs], [item for _, item in pairs]
    load_forbidden(engine, publication, pa.table({"user_key": users, "item_key": items}))
    return publish(engine, finish(engine, publication, LIMITS), "night", NOW).publication


def test_an_inactive_user_gets_no_item_of_the_past(writer: Engine, reader: Engine) -> None:
    stock(writer)
    publish_without(writer, [(3, 6), (3, 0), (3, 1)])
    assert recommend(reader, "u3") == ["i7"]
    assert recommend(reader, "stranger") == ["i6", "i7", "i0"]  # who has no past


def test_a_top_up_holds_no_item_of_the_past(writer: Engine, reader: Engine) -> None:
    stock(writer)
    publish_without(writer, [(0, 5), (0, 7), (2, 0)])
    assert recommend(reader, "u0", 20) == [
        "i0",
        "i1",
        "i2",
        "i3",
        "i6",
    ]  # neither nl's i5 nor everyone's i7
    assert recommend(reader, "u1", 20) == ["i1", "i2", "i3", "i4", "i5", "i6", "i7", "i0"]
    assert recommend(reader, "u2", 20) == ["i2", "i3", "i4", "i5", "i6", "i7"]


def test_a_user_whose_segment_changed_since_is_kept_from_its_list_too(
    writer: Engine, reader: Engine
) -> None:
    stock(writer)
    publish_without(writer, [(3, 5)])
    with (
        writer.begin() as connection
    ):  # as a later night's dimensions would, while these lists are still shown
        connection.execute(sa.text("UPDATE recsys.users SET segment = 'nl' WHERE user_key = 3"))
    assert recommend(reader, "u3") == ["i6", "i7", "i0"]


def test_each_publication_knows_its_own_night_and_takes_it_away(
    writer: Engine, reader: Engine
) -> None:
    stock(writer)
    first = publish_without(writer, [(3, 6)])
    second = publish_without(writer, [(3, 6), (3, 7)], day=1)
    assert recommend(reader, "u3") == ["i0"]
    rollback(writer, who="me", why="test", now=NOW)
    assert recommend(reader, "u3") == ["i7", "i0"]
    assert withheld(writer) == {first.id, second.id}


def test_what_is_withheld_goes_with_its_publication(writer: Engine) -> None:
    stock(writer)
    made = [publish_without(writer, [(3, 6)], day=day).id for day in range(3)]
    assert withheld(writer) == set(made)
    drop_old(writer, 0, NOW)  # what readers saw before the last move is kept
    assert withheld(writer) == set(made[1:])


def test_an_erased_user_leaves_nothing_there(writer: Engine, reader: Engine) -> None:
    stock(writer)
    published = publish_without(writer, [(0, 5), (3, 6)])
    call = sa.text(
        "SELECT place, held FROM recsys.erase_user(3, 'u3', '\\mu3\\M', :dry) WHERE held > 0"
    )
    with writer.begin() as connection:
        told: dict[str, int] = dict(connection.execute(call, {"dry": True}).all())
        assert told == {f"withheld_rows_{published.id}": 1, "users": 1}
        connection.execute(call, {"dry": False})
        left = connection.scalars(
            sa.text(f"SELECT user_key FROM recsys.withheld_rows_{published.id}")
        ).all()
    assert left == [0]
    assert recommend(reader, "u0", 20) == ["i0", "i1", "i2", "i3", "i6", "i7"]


LOSSES = {"never loaded": None, "lost": "DELETE FROM recsys.forbidden_rows WHERE item_key = 7"}


@pytest.mark.parametrize("loss", LOSSES)
def test_pairs_that_are_not_there_are_not_taken_for_none(writer: Engine, loss: str) -> None:
    stock(writer)
    publication = night(writer, 0, rows=table(OWN), until=4, repeats="forbid")
    statement = LOSSES[loss]
    if statement:
        load_forbidden(writer, publication, pa.table({"user_key": [0, 3], "item_key": [7, 5]}))
        with writer.begin() as connection:
            connection.execute(sa.text(statement))
    with pytest.raises(ServingError, match="forbidden_pairs: 1, bound 0"):
        finish(writer, publication, LIMITS)


def test_a_shop_where_nobody_did_anything_may_forbid(writer: Engine) -> None:
    stock(writer)
    assert publish_without(writer, [], repeats="forbid").status == "published"


BESIDE = {
    "a fallback": "UPDATE recsys.fallback_rows SET items = ARRAY[6, 4] WHERE segment = ''",
    "a similar item": "UPDATE recsys.similar_rows SET items = ARRAY[4, 2]",
}
UNSHOWN = {
    "sold out": "UPDATE recsys.items SET available = false WHERE item_key = 4",
    "blocked": "UPDATE recsys.items SET blocked = true WHERE item_key = 4",
}


@pytest.mark.parametrize("path", BESIDE)
@pytest.mark.parametrize("why", UNSHOWN)
def test_what_may_not_be_shown_beside_the_lists_is_counted_and_not_shown(
    empty: Mapping[str, str], writer: Engine, reader: Engine, path: str, why: str
) -> None:
    stock(writer)
    publication = night(writer, 0, {0: [0, 1, 2, 3], 1: [1, 2, 3, 5]}, until=4)
    with writer.begin() as connection:
        connection.execute(sa.text("DELETE FROM recsys.item_availability"))
        for statement in (BESIDE[path], UNSHOWN[why]):
            connection.execute(sa.text(statement))
    publish(writer, finish(writer, publication, LIMITS), "night", NOW)
    found = {
        check.name: check.found for check in read_checks(writer, publication.id) if not check.passed
    }
    assert found == {"unavailable_fallbacks": 1}
    assert "i4" not in recommend(reader, "stranger", 20)
    with reader.connect() as connection:
        beside = (
            "SELECT item_id FROM recsys.fallback_lists UNION SELECT similar_item_id FROM"
            " recsys.similar_items"
        )
        assert "i4" not in connection.scalars(sa.text(beside)).all()


def test_a_fallback_of_unknown_items_is_refused(writer: Engine) -> None:
    stock(writer)
    publication = night(writer, 0, until=4)
    with writer.begin() as connection:
        connection.execute(
            sa.text("UPDATE recsys.fallback_rows SET items = ARRAY[6, 88] WHERE segment = ''")
        )
    with pytest.raises(ServingError, match="1 failed: unknown_fallbacks: 1, bound 0"):
        finish(writer, publication, LIMITS)


def test_a_block_holds_whatever_the_stock_says_and_whatever_was_published_before(
    empty: Mapping[str, str], writer: Engine, reader: Engine
) -> None:
    """Moderators took i1 and i6 out; the stock system, which knows nothing of that, goes on
    reporting them there.
    """
    stock(writer)
    publish_night(writer, 0)
    with writer.begin() as connection:
        connection.execute(
            sa.text(
                "UPDATE recsys.items SET available = false, blocked = true WHERE item_key IN (1, 6)"
            )
        )
    sell_out(empty, "i1", "i6", available=True)
    assert recommend(reader, "u0", 20) == ["i0", "i2", "i3", "i5", "i7"]
    assert recommend(reader, "stranger") == ["i7", "i0"]
    with reader.connect() as connection:
        fallback = connection.scalars(sa.text("SELECT item_id FROM recsys.fallback_lists")).all()
        similar = connection.scalars(
            sa.text("SELECT similar_item_id FROM recsys.similar_items")
        ).all()
    assert sorted(set(fallback)) == ["i0", "i5", "i7"] and similar == ["i2"]


def test_items_for_sale_beside_a_list_are_those_in_stock_now(
    empty: Mapping[str, str], writer: Engine, reader: Engine
) -> None:
    stock(writer)
    publish_night(writer, 0)
    sell_out(empty, "i1", "i7")
    with reader.connect() as connection:
        everyone = "SELECT item_id FROM recsys.fallback_lists WHERE segment = '' ORDER BY rank"
        assert connection.scalars(sa.text(everyone)).all() == ["i6", "i0"]
        assert connection.scalars(
            sa.text("SELECT similar_item_id FROM recsys.similar_items")
        ).all() == ["i2"]


# --- how long a fallback must be ------------------------------------------------------------------


def pairs(held: dict[int, list[int]]) -> Forbidden:
    rows = sorted((user, item) for user, items in held.items() for item in items)
    users, items = np.array(rows, np.int32).reshape(-1, 2).T
    return Forbidden(users, items)


def test_a_fallback_goes_on_until_everyone_has_k_items_left() -> None:
    ranking = np.array([4, 2, 0, 1, 3], np.int32)
    assert needed_length(pairs({}), ranking, 2, 100) == 2
    assert (
        needed_length(pairs({7: [3]}), ranking, 2, 100) == 2
    )  # its last: the first two are not that
    assert needed_length(pairs({7: [2]}), ranking, 2, 100) == 3
    assert needed_length(pairs({7: [2, 4], 9: [4]}), ranking, 2, 100) == 4
    assert needed_length(pairs({7: [4, 2, 0, 1]}), ranking, 2, 100) == 5  # not enough in the shop
    assert needed_length(pairs({7: [2, 4]}), ranking, 2, 3) == 3


@pytest.mark.parametrize("seed", range(20))
def test_its_length_is_the_shortest_that_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ranking = rng.permutation(30)[:25].astype(np.int32)
    held = {user: rng.choice(30, rng.integers(0, 20), replace=False).tolist() for user in range(5)}
    k, most = int(rng.integers(1, 8)), int(rng.integers(8, 40))
    left = [
        [n for n, item in enumerate(ranking[:most]) if item not in items] for items in held.values()
    ]
    slow = max([k, *(row[k - 1] + 1 if len(row) >= k else len(ranking[:most]) for row in left)])
    assert needed_length(pairs(held), ranking, k, most) == slow


def withheld(engine: Engine) -> set[int]:
    with engine.connect() as connection:
        names = connection.scalars(
            sa.text("SELECT relname FROM pg_class WHERE relname ~ '^withheld_rows_[0-9]+$'")
        )
        return {int(name.removeprefix("withheld_rows_")) for name in names}


def test_a_fallback_item_that_is_forbidden_and_not_withheld_is_refused(
    empty: Mapping[str, str], writer: Engine
) -> None:
    """As if the function that notes what is withheld were at fault."""
    stock(writer)
    owner = create_engine(empty["recsys_owner"])
    with owner.begin() as connection:
        sound = connection.scalar(sa.text("SELECT pg_get_functiondef('recsys.withhold'::regproc)"))
        broken = sound.replace("GROUP BY f.user_key", "AND f.item_key <> 7 GROUP BY f.user_key")
        assert broken != sound
        connection.exec_driver_sql(broken.replace("%", "%%"))
    try:
        with pytest.raises(ServingError, match="1 failed: forbidden_fallbacks: 2, bound 0"):
            publish_without(writer, [(0, 6), (0, 7), (3, 7)])
    finally:
        with owner.begin() as connection:
            connection.exec_driver_sql(sound.replace("%", "%%"))
        owner.dispose()
