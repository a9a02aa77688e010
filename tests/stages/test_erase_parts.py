"""The parts of an erasure, on a few literal rows: mentions, the list of the erased, revisions,
summaries.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.errors import hashed_user
from recsys_tasks.ids import IdMap, extend_ids
from recsys_tasks.lake import Lake
from recsys_tasks.lake.attempts import Attempts
from recsys_tasks.privacy import database as in_database
from recsys_tasks.snapshot.erased_users import read_erased, remember
from recsys_tasks.snapshot.erasing import Subject
from tests.serving.conftest import empty, reader, writer  # noqa: F401
from tests.serving.nights import publish_night, stock

NOW = datetime(2026, 3, 1, tzinfo=UTC)

TEXTS = [
    ("u17", "user u17 complained of u171 and xu17", "user (erased) complained of u171 and xu17"),
    ("u17", f"rows of {hashed_user('u17')}", "rows of (erased)"),
    ("42", '{"rows": "42", "why": "user 42"}', '{"rows": "42", "why": "user (erased)"}'),
    ("42", '"no \\"42\\" and \'42\', 42"', '"no \\"(erased)\\" and \'(erased)\', 42"'),
    ("rows", '{"name": "rows"}', '{"name": "rows"}'),
    ("o'x <3", "o'x <3; o&#x27;x &lt;3", "(erased); (erased)"),
    ("😀", "a 😀 b", "a (erased) b"),
    ("a.b*", "a.b*, aXb*", "(erased), aXb*"),
]  # fmt: skip


@pytest.mark.parametrize(("user", "text", "left"), TEXTS)
def test_a_mention_is_the_same_in_python_and_in_postgresql(
    user: str,
    text: str,
    left: str,
    writer: Engine,  # noqa: F811
) -> None:
    subject = Subject(user, 1)
    assert subject.without(text) == left
    with writer.connect() as connection:
        query = sa.text("SELECT regexp_replace(:text, :pattern, '(erased)', 'g')")
        assert connection.scalar(query, {"text": text, "pattern": subject.pattern}) == left


def test_the_erased_are_left_out_and_the_list_only_grows(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    rows = pa.table({"user_id": ["a", "b", None, "a", "007"], "n": [1, 2, 3, 4, 5]})
    assert read_erased(lake).without(rows) == (rows, 0)
    erased = remember(lake, read_erased(lake), "a", 5, NOW, "ann")
    erased = remember(lake, erased, "7", -1, NOW, "ann")
    assert remember(lake, erased, "a", 5, NOW, "bob") is erased
    known = read_erased(lake)
    assert known == erased and [entry.key for entry in known.entries] == [5, -1]
    kept, gone = known.without(rows)
    assert (kept["n"].to_pylist(), gone) == ([2, 3, 5], 2)  # 007 is not 7, a missing id is nobody's


def test_erased_ids_keep_their_keys_taken(tmp_path: Path) -> None:
    ids = IdMap("users", ("", "b", "", "d"))
    assert ids.keys(["b", "d", "", "0"]).tolist() == [1, 3, -1, -1]
    lake = Lake(tmp_path)
    extend_ids(lake, "users", ["b", "c"])
    with lake.revising(lake.require("ids", "users"), {"at": "now"}) as draft:
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"id": ["", "c"]}), draft.path / "ids.parquet")
    assert extend_ids(lake, "users", ["d"]).ids == ("", "c", "d")


def test_a_revision_is_found_as_what_it_replaces(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with lake.writing("decision", "k", inputs={"x": "1"}) as draft:
        (draft.path / "a.txt").write_text("ann and bob")
        (draft.path / "b.txt").write_text("items")
        draft.rows = 2
    first = lake.require("decision", "k")
    for text, rows in (("bob", 1), ("", 0)):
        with lake.revising(lake.require("decision", "k"), {"by": "me"}) as draft:
            (draft.path / "a.txt").write_text(text)
            draft.rows = rows
    now = lake.get(first.reference)
    assert (now.reference, now.content, now.revision) == (first.reference, first.content, 2)
    assert lake.made_of("decision", "k", {"x": "1"}) == now
    assert (now.file("a.txt").read_text(), now.file("b.txt").read_text(), now.rows) == (
        "",
        "items",
        0,
    )
    assert len(now.manifest["erased"]) == 2 and not first.path.exists()
    assert [path.name for path in (tmp_path / "decision" / "k").iterdir()] == [f"{first.version}.2"]
    lake.remove(now)
    assert lake.keys("decision") == []


def test_until_the_old_files_go_the_old_version_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(tmp_path)
    with lake.writing("decision", "k") as draft:
        (draft.path / "a.txt").write_text("old")
    first = lake.require("decision", "k")
    with monkeypatch.context() as patch:
        patch.setattr(Attempts, "delete", lambda *_: None)  # as if killed
        with lake.revising(first, {}) as draft:
            (draft.path / "a.txt").write_text("new")
    assert lake.require("decision", "k") == lake.get(first.reference) == first
    with lake.revising(first, {}) as draft:
        (draft.path / "a.txt").write_text("newer")
    assert lake.require("decision", "k").file("a.txt").read_text() == "newer"
    assert len(list((tmp_path / "decision" / "k").iterdir())) == 1


def test_a_failed_revision_changes_nothing(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with lake.writing("decision", "k") as draft:
        (draft.path / "a.txt").write_text("old")
    with pytest.raises(RuntimeError), lake.revising(lake.require("decision", "k"), {}):
        raise RuntimeError
    assert lake.require("decision", "k").file("a.txt").read_text() == "old"
    assert len(list((tmp_path / "decision" / "k").iterdir())) == 1


def test_a_remote_lake_revises_too(tmp_path: Path) -> None:
    lake = Lake("memory://revised", cache=tmp_path / "cache")
    with lake.writing("decision", "k") as draft:
        (draft.path / "a.txt").write_text("old")
    first = lake.require("decision", "k")
    with lake.revising(first, {}) as draft:
        (draft.path / "a.txt").write_text("new")
    assert lake.get(first.reference).file("a.txt").read_text() == "new"
    assert not first.path.exists()
    fresh = Lake("memory://revised", cache=tmp_path / "other")
    assert fresh.require("decision", "k").file("a.txt").read_text() == "new"


def test_the_database_forgets_a_user_and_its_counts_agree(writer: Engine, reader: Engine) -> None:  # noqa: F811
    """u0 has 0 1 2, u1 1 2 3, u2 2 3 4, u3 3 4 5; without u1: items 1 and 2 and 3 lose a list
    each.
    """
    stock(writer)
    publish_night(writer, 0)
    counts = "SELECT item_id, lists, first_places FROM recsys.item_exposure ORDER BY 1"
    with writer.begin() as connection:
        values = {"key": 1, "id": "u1", "mention": Subject("u1", 1).pattern}
        call = sa.text(
            "SELECT place, held FROM recsys.erase_user(:key, :id, :mention, :dry) WHERE held > 0"
        )
        dry = connection.execute(call, {**values, "dry": True}).all()
        assert connection.execute(call, {**values, "dry": False}).all() == dry
        assert sorted(place for place, _ in dry) == [
            "list_rows_" + str(_newest(connection)),
            "users",
        ]
        assert connection.execute(call, {**values, "dry": True}).all() == []
        connection.execute(sa.text("INSERT INTO recsys.users (user_key, user_id) VALUES (1, '')"))
        assert connection.scalar(sa.text("SELECT count(*) FROM recsys.users")) == 3
    with reader.connect() as connection:
        found = [tuple(row) for row in connection.execute(sa.text(counts))]
        rows = connection.scalar(sa.text("SELECT rows FROM recsys.publications"))
        lists = connection.execute(
            sa.text("SELECT segment, lists, places FROM recsys.list_counts ORDER BY 1")
        ).all()
    assert found == [
        ("i0", 1, 1),
        ("i1", 1, 0),
        ("i2", 2, 1),  # with u0 and, first, with u2
        ("i3", 2, 1),
        ("i4", 2, 0),
        ("i5", 1, 0),
        ("i6", 0, 0),
        ("i7", 0, 0),
    ]
    assert rows == 3 and [tuple(row) for row in lists] == [("be", 2, 6), ("nl", 1, 3)]


def test_the_database_shows_the_rows_that_it_counts(writer: Engine) -> None:  # noqa: F811
    """u1 has the list 1 2 3; a reason that names u1 names another, too, 130 characters away."""
    stock(writer)
    publish_night(writer, 0)
    subject = Subject("u1", 1)
    why = "for u1" + "." * 124 + "and u2"
    with writer.begin() as connection:
        newest = f"list_rows_{_newest(connection)}"
        connection.execute(
            sa.text(
                "INSERT INTO recsys.release_events (ts, event, release, who, why)"
                " VALUES ('2026-03-01', 'rejected', 'r0', 'ann', :why)"
            ),
            {"why": why},
        )
    found = in_database.rows(writer, subject)
    counted = {place: n for place, n in in_database.count(writer, subject).items() if n}
    assert counted == {place: len(rows) for place, rows in found.items()}
    assert set(found) == {newest, "users", "release_events.why"}
    assert found[newest][0]["item_ids"][:3] == ["i1", "i2", "i3"]
    assert found["users"][0]["user_id"] == "u1"
    (event,) = found["release_events.why"]
    # Two characters of the id and 120 after it, four of "for " before: 126 of 136.
    assert event["why"] == [why[:126]] and event["release"] == "r0" and "who" not in event


def _newest(connection: sa.Connection) -> int:
    return int(connection.scalar(sa.text("SELECT max(id) FROM recsys.publication")) or 0)
