"""Each revision down and up again on a database that holds nights: readers' answers stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.database import create_engine, current_revision, downgrade, migrate
from recsys_tasks.serving.load import load_lists
from recsys_tasks.serving.publication import Publication
from recsys_tasks.serving.publish import finish, publish
from tests.serving.nights import (
    LIMITS,
    NOW,
    PLAIN,
    in_shard,
    night,
    publish_night,
    recommend,
    stock,
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


def without_newer_columns(found: dict[str, Any], older: dict[str, Any]) -> dict[str, Any]:
    """The answers with those columns alone that the older revision's views have."""
    kept = dict(found)
    for view in VIEWS:
        columns = older[view][0].keys() if older[view] else ()
        kept[view] = (
            [{name: row[name] for name in columns} for row in found[view]]
            if columns
            else found[view]
        )
    return kept


def filled(writer: Engine) -> None:
    """Two nights and what is written beside them."""
    stock(writer)
    publish_night(writer, 0)
    publish_night(writer, 1, {user: [*items[1:], 7] for user, items in PLAIN.items()})
    with writer.begin() as connection:
        for statement in (
            (
                "INSERT INTO recsys.release_events (ts, event, release, who, why) "
                "VALUES (now(), 'promoted', 'r1', 'x', 'y')"
            ),
            (
                "INSERT INTO recsys.metrics (as_of, scope, name, value, extra) VALUES"
                " ('2026-03-01', 's', 'n', 1, '{}')"
            ),
        ):
            connection.exec_driver_sql(statement)


@pytest.mark.parametrize("revision", ["0004", "0002", "0001"])
def test_down_and_up_again_keeps_every_answer(
    empty: Mapping[str, str], writer: Engine, reader: Engine, revision: str
) -> None:
    filled(writer)
    before = answers(reader)
    assert before["u0"] == ["i1", "i2", "i3"] and len(before["recommendation_history"]) == 2 * 4 * 3
    owner = empty["recsys_owner"]
    downgrade(owner, revision)
    assert current_revision(owner) == revision
    if revision != "0001":  # its readers see the same
        then = answers(reader)
        assert then == without_newer_columns(before, then)
    migrate(owner)
    assert answers(reader) == before
    assert publish_night(writer, 2).moved  # and the next night goes on


def test_below_the_first_revision_nothing_is_left(
    empty: Mapping[str, str], writer: Engine, reader: Engine
) -> None:
    filled(writer)
    downgrade(empty["recsys_owner"])
    assert current_revision(empty["recsys_owner"]) is None
    migrate(empty["recsys_owner"])
    assert answers(reader)["publications"] == []


def sealed(owner_url: str, publication: Publication) -> None:
    engine = create_engine(owner_url)
    with engine.begin() as connection:
        connection.execute(sa.text("SELECT recsys.seal_partition(:id)"), {"id": publication.id})
    engine.dispose()


def test_a_partition_opened_here_is_sealed_by_the_older_revision(
    empty: Mapping[str, str], writer: Engine
) -> None:
    stock(writer)
    publication = night(writer, 0, until=4)
    downgrade(empty["recsys_owner"], "0002")
    sealed(empty["recsys_owner"], publication)
    with writer.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM recsys.list_rows")) == 4
    migrate(empty["recsys_owner"])


def test_a_partition_opened_by_the_older_revision_goes_on_here(
    empty: Mapping[str, str], writer: Engine
) -> None:
    stock(writer)
    downgrade(empty["recsys_owner"], "0002")
    publication = night(writer, 0, until=1, rows=table(PLAIN))
    with writer.begin() as connection:  # as the older code left a shard behind
        row = (
            f"{publication.id}, 0, 0, 'default', 0, '{{7}}', '{{1}}', '{{1}}', '{{0}}', '{{-1}}',"
            " '{1}', '{1}', 'x'"
        )
        connection.exec_driver_sql(f"INSERT INTO recsys.{publication.partition} VALUES ({row})")
    migrate(empty["recsys_owner"])
    for shard in range(2):
        load_lists(writer, publication, in_shard(table(PLAIN), shard), shard)
    assert finish(writer, publication, LIMITS).rows == 4
    assert publish(writer, publication, "night", NOW).moved
