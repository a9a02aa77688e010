"""A small shop to publish: 8 items, 4 users in two segments, lists of k = 3 with 1 spare."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks import schema
from recsys_tasks.clock import Cutoffs
from recsys_tasks.database import create_engine
from recsys_tasks.serving.load import load_fallbacks, load_lists, load_similar
from recsys_tasks.serving.pointer import Hold, read_hold
from recsys_tasks.serving.precompute import buckets
from recsys_tasks.serving.publication import (
    CheckLimits,
    CheckResult,
    Publication,
    PublicationSpec,
)
from recsys_tasks.serving.publish import Published, create_publication, finish, publish

FIRST = date(2026, 3, 1)
NOW = datetime(2026, 3, 1, 1, tzinfo=UTC)
LIMITS = CheckLimits(min_coverage=0.01, max_identical_share=0.5, max_list_churn=0.95)
K, SPARES, SHARDS = 3, 1, 2
ITEMS, USERS = 8, 4
Lists = dict[int, list[int]]
PLAIN: Lists = {0: [0, 1, 2, 3], 1: [1, 2, 3, 4], 2: [2, 3, 4, 5], 3: [3, 4, 5, 6]}


def stock(engine: Engine, unavailable: Sequence[int] = ()) -> None:
    """Users u0 … u3 (u0 and u1 in segment nl, u2 and u3 in be), items i0 … i7."""
    with engine.begin() as connection:
        for key in range(USERS):
            connection.execute(
                sa.text("INSERT INTO recsys.users VALUES (:key, :id, :segment)"),
                {"key": key, "id": f"u{key}", "segment": "nl" if key < 2 else "be"},
            )
        for key in range(ITEMS):
            values = {
                "key": key,
                "id": f"i{key}",
                "title": f"Item {key}",
                "ok": key not in unavailable,
            }
            connection.execute(
                sa.text("INSERT INTO recsys.items VALUES (:key, :id, :title, 'c', '{}', :ok)"),
                values,
            )
            connection.execute(
                sa.text("INSERT INTO recsys.item_availability VALUES (:id, :ok, '2026-01-01')"),
                values,
            )


def spec(
    day: int = 0, fingerprint: str = "f", release: str = "r1", expected: int = USERS, **further: Any
) -> PublicationSpec:
    as_of, mark = FIRST + timedelta(days=day), f"{fingerprint}{day}"
    return PublicationSpec(
        as_of, Cutoffs.at(as_of), mark, release, "t1", expected, K, SPARES, SHARDS, **further
    )


def table(lists: Lists, **changes: Any) -> pa.Table:
    """LISTS rows with falling scores; `changes` replace columns by lists of values."""
    items = list(lists.values())
    columns: dict[str, Any] = {
        "user_key": list(lists),
        "variant": ["default"] * len(items),
        "rung": [0] * len(items),
        "items": items,
        "scores": [[0.9 - 0.1 * n for n in range(len(row))] for row in items],
        "sources": [[0b000011] * len(row) for row in items],
        "reasons": [[1] + [0] * (len(row) - 1) if row else [] for row in items],
        "reason_items": [[7] + [-1] * (len(row) - 1) if row else [] for row in items],
        "ranks_before": [list(range(1, len(row) + 1)) for row in items],
        "propensities": [[1.0] * len(row) for row in items],
        "short_reason": [None if len(row) >= K else "too_few_candidates" for row in items],
        **changes,
    }
    return pa.table({f.name: pa.array(columns[f.name], f.type) for f in schema.LISTS.schema})


def in_shard(rows: pa.Table, shard: int) -> pa.Table:
    return rows.filter(pa.array(buckets(rows["user_key"].to_numpy()) % SHARDS == shard))


def steps(
    engine: Engine, rows: pa.Table, wanted: PublicationSpec, now: datetime
) -> list[Callable[[Any], Any]]:
    """The calls of one night in order; each takes and returns the publication."""

    def load(shard: int) -> Callable[[Publication], Publication]:
        def run(publication: Publication) -> Publication:
            load_lists(engine, publication, in_shard(rows, shard), shard)
            return publication

        return run

    def rest(publication: Publication) -> Publication:
        fallback = {
            "segment": ["", "nl"],
            "items": [[6, 7, 0], [5, 6]],
            "scores": [[1.0, 0.5, 0.1], [1.0, 0.5]],
        }
        similar = {"item_key": [0], "items": [[1, 2]], "scores": [[0.9, 0.8]]}
        load_fallbacks(engine, publication, pa.table(fallback))
        load_similar(engine, publication, pa.table(similar))
        return publication

    return [
        lambda _: create_publication(engine, wanted, now),
        load(0),
        load(1),
        rest,
        lambda publication: finish(engine, publication, LIMITS),
        lambda publication: publish(engine, publication, "night", now),
    ]


def night(
    engine: Engine,
    day: int = 0,
    lists: Lists | None = None,
    *,
    until: int = 6,
    rows: pa.Table | None = None,
    **of: Any,
) -> Any:
    """Run the first `until` steps of a night; the last step's value, a Published for a whole
    night.
    """
    value: Any = None
    rows = rows if rows is not None else table(PLAIN if lists is None else lists)
    wanted = spec(day, **{"expected": rows.num_rows, **of})
    for step in steps(engine, rows, wanted, NOW + timedelta(days=day))[:until]:
        value = step(value)
    return value


def shown(engine: Engine) -> dict[str, list[str]]:
    """What readers see: user id → item ids in order."""
    with engine.connect() as connection:
        rows = connection.execute(
            sa.text(
                "SELECT user_id, array_agg(item_id ORDER BY rank) FROM recsys.recommendations GROUP"
                " BY user_id"
            )
        )
        return {user: items for user, items in rows}


def recommend(engine: Engine, user: str, k: int | None = None) -> list[str]:
    with engine.connect() as connection:
        rows = connection.execute(
            sa.text("SELECT * FROM recsys.recommend(:user, :k)"), {"user": user, "k": k}
        )
        found = [(row.rank, row.item_id) for row in rows]
    assert [rank for rank, _ in found] == list(range(1, len(found) + 1))
    return [item for _, item in found]


def hold_of(engine: Engine) -> Hold | None:
    with engine.connect() as connection:
        return read_hold(connection)


def set_hold(engine: Engine, who: str, why: str) -> None:
    """A hold as a rollback sets it, without the rollback."""
    with engine.begin() as connection:
        connection.execute(
            sa.text("INSERT INTO recsys.hold (who, why, since) VALUES (:who, :why, :now)"),
            {"who": who, "why": why, "now": NOW},
        )


def read_checks(engine: Engine, publication_id: int) -> list[CheckResult]:
    """Every check result of a publication, in the order made; none before `finish`."""
    with engine.connect() as connection:
        statement = sa.text("SELECT checks FROM recsys.publication WHERE id = :id")
        found = connection.scalar(statement, {"id": publication_id})
    return [CheckResult(**check) for check in found or []]


def publish_night(engine: Engine, day: int, lists: Lists | None = None, **of: Any) -> Published:
    done = night(engine, day, lists, **of)
    assert isinstance(done, Published)
    return done


def sell_out(urls: Mapping[str, str], *items: str, available: bool = False) -> None:
    engine = create_engine(urls["recsys_availability"])
    with engine.begin() as connection:
        for item in items:
            connection.execute(
                sa.text(
                    "INSERT INTO recsys.item_availability (item_id, available) VALUES (:item, :ok)"
                    " ON CONFLICT (item_id) DO UPDATE SET available = excluded.available,"
                    " updated_at = now()"
                ),
                {"item": item, "ok": available},
            )
    engine.dispose()


VIEWS = [
    "alerts",
    "also_liked",
    "audience",
    "audience_changes",
    "audience_counts",
    "bought_together",
    "buy_again",
    "catalogue",
    "champions",
    "fallback_lists",
    "gate_decisions",
    "gate_rules",
    "item_events",
    "item_exposure",
    "item_history",
    "item_vectors",
    "list_changes",
    "list_counts",
    "metrics",
    "nights",
    "outcome_counts",
    "outcome_totals",
    "outcomes",
    "place_counts",
    "place_reasons",
    "publication_moves",
    "publications",
    "recommend_calls",
    "recommendation_history",
    "recommendation_lists",
    "recommendations",
    "release_history",
    "releases",
    "segment_items",
    "similar_items",
    "slices",
    "stage_runs",
    "status",
    "tower_versions",
    "user_sample",
    "user_vectors",
]


FIRST_LISTS = {
    "u0": ["i0", "i1", "i2"],
    "u1": ["i1", "i2", "i3"],
    "u2": ["i2", "i3", "i4"],
    "u3": ["i3", "i4", "i5"],
}
