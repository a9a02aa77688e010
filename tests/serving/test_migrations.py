"""A database that older code made, of each of its revisions, goes on under this version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.database import current_revision, head_revision, migrate
from recsys_tasks.serving.load import load_lists
from recsys_tasks.serving.publish import create_publication, finish, publish
from tests.database.schemas import REVISIONS, execute, facts, fresh_schema, older_schema
from tests.serving.nights import (
    LIMITS,
    NOW,
    PLAIN,
    in_shard,
    publish_night,
    recommend,
    shown,
    spec,
    table,
)

VIEWS = {
    "recommendations": "user_id, rank",
    "recommendation_history": "publication_id, user_id, rank",
    "recommendation_lists": "user_id",
    "similar_items": "item_id, rank",
    "fallback_lists": "segment, rank",
    "publications": "publication_id",
    "releases": "release",
    "gate_decisions": "id",
    "metrics": "as_of, scope, name",
    "alerts": "id",
}


def answers(reader: Engine) -> dict[str, Any]:
    """All that readers can ask."""
    found: dict[str, Any] = {
        user: recommend(reader, user) for user in ("u0", "u1", "u2", "u3", "stranger")
    }
    with reader.connect() as connection:
        for view, order in VIEWS.items():
            rows = connection.execute(sa.text(f"SELECT * FROM recsys.{view} ORDER BY {order}"))
            found[view] = [dict(row) for row in rows.mappings()]
    return found


# What the older code wrote, in the columns that every revision has.
OLDER_NIGHT = """
INSERT INTO recsys.users (user_key, user_id, segment)
SELECT n, 'u' || n, CASE WHEN n < 2 THEN 'nl' ELSE 'be' END FROM generate_series(0, 3) AS n;
INSERT INTO recsys.items (item_key, item_id, title, available)
SELECT n, 'i' || n, 'Item ' || n, true FROM generate_series(0, 7) AS n;
INSERT INTO recsys.publication (as_of, fingerprint, learned_before, history_before, k, spares,
  shards, expected_rows, rows, created_at, published_at, status)
VALUES ('2026-02-28', 'older', '2026-02-28', '2026-02-28', 3, 1, 2, 4, 4, now(), now(),
  'published');
SELECT recsys.open_partition(1);
INSERT INTO recsys.list_rows_1
SELECT 1, 0, n, 'default', 0, ARRAY[n, n + 1, n + 2, n + 3], '{0.9,0.8,0.7,0.6}', '{3,3,1,1}',
  '{1,0,0,0}', '{7,-1,-1,-1}', '{1,2,3,4}', '{1,1,1,1}' FROM generate_series(0, 3) AS n;
SELECT recsys.seal_partition(1);
INSERT INTO recsys.fallback_rows VALUES (1, '', '{6,7}', '{1,0.5}');
INSERT INTO recsys.current_publication VALUES (true, 1, 1, now(), 'x', 'y');
"""
RECORDS = """
INSERT INTO recsys.release_events (ts, event, release, who, why)
VALUES (now(), 'promoted', 'r1', 'x', 'y');
INSERT INTO recsys.metrics (as_of, scope, name, value, extra)
VALUES ('2026-03-01', 's', 'n', 1, '{}');
"""
UNFINISHED_NIGHT = """
INSERT INTO recsys.publication (as_of, fingerprint, learned_before, history_before, k, spares,
  shards, expected_rows, created_at)
VALUES ('2026-03-01', 'f0', '2026-03-01', '2026-03-01', 3, 1, 2, 4, now());
SELECT recsys.open_partition(2);
INSERT INTO recsys.list_rows_2
VALUES (2, 0, 0, 'default', 0, '{7}', '{1}', '{1}', '{0}', '{-1}', '{1}', '{1}', 'x');
"""


def test_every_revision_of_the_older_code_is_tried() -> None:
    assert REVISIONS[0] == "0001" and REVISIONS[-1] == "0020" < head_revision()


@pytest.mark.parametrize("revision", REVISIONS)
def test_an_older_schema_becomes_the_very_schema_of_a_new_database(
    empty: Mapping[str, str], revision: str
) -> None:
    owner = empty["recsys_owner"]
    fresh_schema(owner)
    wanted = facts(owner)
    older_schema(owner, revision)
    assert current_revision(owner) == revision
    migrate(owner)
    assert facts(owner) == wanted


@pytest.mark.parametrize("revision", ["0001", "0004", "0012", "0014", "0016", "0019", "0020"])
def test_what_an_older_schema_holds_is_answered_as_before(
    empty: Mapping[str, str], writer: Engine, reader: Engine, revision: str
) -> None:
    owner = empty["recsys_owner"]
    older_schema(owner, revision)
    execute(owner, OLDER_NIGHT)
    migrate(owner)
    assert shown(reader) == {f"u{n}": [f"i{n + m}" for m in range(3)] for n in range(4)}
    assert recommend(reader, "u1", 4) == ["i1", "i2", "i3", "i4"]
    assert recommend(reader, "stranger") == ["i6", "i7"]
    with reader.connect() as connection:
        reasons = "SELECT reason, sources FROM recsys.recommendations WHERE user_id = 'u2'"
        both = ["two_tower", "covisitation"]
        assert connection.execute(sa.text(reasons)).all() == [
            ("because_of", both),
            ("for_you", both),
            ("for_you", both[:1]),
        ]
    assert publish_night(writer, 0).moved  # and the next night goes on


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_a_publication_of_before_there_were_counts_is_counted(
    empty: Mapping[str, str], reader: Engine, revision: str
) -> None:
    older_schema(empty["recsys_owner"], revision)
    execute(empty["recsys_owner"], OLDER_NIGHT)
    migrate(empty["recsys_owner"])
    with reader.connect() as connection:
        counts = "SELECT segment, lists, places FROM recsys.list_counts ORDER BY segment"
        assert connection.execute(sa.text(counts)).all() == [("be", 2, 6), ("nl", 2, 6)]
        lists = "SELECT lists FROM recsys.item_exposure ORDER BY item_id"
        assert list(connection.scalars(sa.text(lists))) == [1, 2, 3, 3, 2, 1, 0, 0]


def test_every_answer_of_a_database_of_the_revision_before_stays(
    empty: Mapping[str, str], writer: Engine, reader: Engine
) -> None:
    older_schema(empty["recsys_owner"], "0020")
    execute(empty["recsys_owner"], OLDER_NIGHT, RECORDS)
    before = answers(reader)
    assert before["u0"] == ["i0", "i1", "i2"] and len(before["recommendation_history"]) == 4 * 3
    assert before["releases"] and before["metrics"]
    migrate(empty["recsys_owner"])
    assert answers(reader) == before
    assert publish_night(writer, 0).moved


def test_a_partition_opened_by_the_older_revision_goes_on_here(
    empty: Mapping[str, str], writer: Engine
) -> None:
    older_schema(empty["recsys_owner"], "0002")
    execute(empty["recsys_owner"], OLDER_NIGHT, UNFINISHED_NIGHT)  # a shard that is left behind
    migrate(empty["recsys_owner"])
    publication = create_publication(writer, spec(), NOW)
    assert publication.id == 2
    for shard in range(2):
        load_lists(writer, publication, in_shard(table(PLAIN), shard), shard)
    assert finish(writer, publication, LIMITS).rows == 4
    assert publish(writer, publication, "night", NOW).moved
