"""An export of one segment has exactly the users that `list_counts` and `audience` say: while a
newer night is made, after users have moved, after a rollback, and without those who were erased.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.serving.pointer import resume, rollback
from tests.serving.cookbook_nights import LATER
from tests.serving.nights import publish_night
from tests.serving.test_export_lists import export, shop  # noqa: F401  # the fixture

OWN = """SELECT segment, sum(lists)::int FROM recsys.list_counts
WHERE publication_id = (SELECT publication_id FROM recsys.status) GROUP BY segment"""
AGAIN = "UPDATE recsys.publication SET status = 'ready' WHERE as_of = '2026-03-03'"
EVERYONE = (
    "SELECT segment, count(*) FROM recsys.audience WHERE segment IS NOT NULL GROUP BY segment"
)


def agree(reader: Engine, folder: Path) -> Mapping[str, tuple[list[str], list[str]]]:
    """Segment → users with a list of their own, all users, as the files of the segments have them
    and the views count them.
    """
    with reader.connect() as connection:
        own = {name: count for name, count in connection.execute(sa.text(OWN))}
        everyone = {name: count for name, count in connection.execute(sa.text(EVERYONE))}
    found = {}
    for segment in everyone:
        users = []
        for options in (("--own",), ()):
            export(folder / "lists.csv", "--segment", segment, "--replace", *options)
            rows = csv.DictReader((folder / "lists.csv").open())
            per_user = Counter(row["user_id"] for row in rows)
            assert set(per_user.values()) <= {3}
            users.append(sorted(per_user))
        assert (len(users[0]), len(users[1])) == (own.get(segment, 0), everyone[segment]), segment
        found[segment] = (users[0], users[1])
    assert sum(own.values()) == sum(len(users) for users, _ in found.values())
    return found


def move(writer: Engine, user: str, segment: str) -> None:
    """As load_dimensions does where the shop says so."""
    with writer.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO recsys.users AS t (user_key, user_id, segment) SELECT u.user_key,"
                " u.user_id, :segment FROM recsys.users AS u WHERE u.user_id = :user ON CONFLICT"
                " (user_key) DO UPDATE SET segment = excluded.segment"
            ),
            {"user": user, "segment": segment},
        )


def erase(writer: Engine, user: str) -> None:
    statement = "SELECT count(*) FROM recsys.erase_user(:key, :id, :id, false)"
    with writer.begin() as connection:
        connection.execute(sa.text(statement), {"key": int(user[1:]), "id": user})


def test_a_file_of_a_segment_has_the_users_that_the_views_count(
    shop: Engine,  # noqa: F811
    reader: Engine,
    tmp_path: Path,
) -> None:
    """u0 and u1 live in nl, with u4 who has no list; u2 and u3 in be."""
    assert agree(reader, tmp_path) == {
        "nl": (["u0", "u1"], ["u0", "u1", "u4"]),
        "be": (["u2", "u3"], ["u2", "u3"]),
    }
    move(shop, "u1", "be")  # the next night's stage has read the shop
    moved = {"nl": (["u0"], ["u0", "u4"]), "be": (["u1", "u2", "u3"], ["u1", "u2", "u3"])}
    assert agree(reader, tmp_path) == moved
    publish_night(shop, 2, {key: [key, 5, 6, 7] for key in range(5) if key != 3})
    now = {"nl": (["u0", "u4"], ["u0", "u4"]), "be": (["u1", "u2"], ["u1", "u2", "u3"])}
    assert agree(reader, tmp_path) == now
    rollback(shop, who="ann", why="odd lists", now=LATER)
    assert agree(reader, tmp_path) == moved
    erase(shop, "u1")
    erase(shop, "u4")
    erased = {"nl": (["u0"], ["u0"]), "be": (["u2", "u3"], ["u2", "u3"])}
    assert agree(reader, tmp_path) == erased
    with shop.begin() as connection:
        connection.execute(sa.text(AGAIN))
    resume(shop, who="ann", now=LATER)
    last = {"nl": (["u0"], ["u0"]), "be": (["u2"], ["u2", "u3"])}
    assert agree(reader, tmp_path) == last


@pytest.mark.parametrize("segment", ["fr", None])
def test_lists_of_a_segment_that_is_new_or_none_are_counted_too(
    shop: Engine,  # noqa: F811
    reader: Engine,
    tmp_path: Path,
    segment: str | None,
) -> None:
    with shop.begin() as connection:
        change = "UPDATE recsys.users SET segment = :segment WHERE user_id IN ('u0', 'u1')"
        connection.execute(sa.text(change), {"segment": segment})
    with reader.connect() as connection:
        counted = {name: lists for name, lists in connection.execute(sa.text(OWN))}
        places = OWN.replace("sum(lists)", "sum(places)")
        assert counted == {segment: 2, "be": 2} and dict(
            connection.execute(sa.text(places)).all()
        ) == {segment: 6, "be": 6}
    if segment is not None:
        assert set(agree(reader, tmp_path)) == {"fr", "be", "nl"}
