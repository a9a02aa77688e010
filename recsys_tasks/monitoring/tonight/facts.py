"""What the live page is made from: queries to the reader's views, in one read-only transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from recsys_tasks.database import transaction

NIGHTS = 30
"""Nights of the grid, the trends and the gate's history."""
_PLACES = 10

_STATUS = "SELECT * FROM recsys.status"
_OPEN = """
SELECT severity, kind, as_of, raised_at, message, reader_state, remedy, runbook, acknowledged_at,
  acknowledged_by, acknowledged_note FROM recsys.alerts
WHERE resolved_at IS NULL ORDER BY (severity = 'critical') DESC, id DESC LIMIT 50
"""
_OVER = """
SELECT severity, kind, as_of, raised_at, resolved_at, message FROM recsys.alerts
WHERE resolved_at IS NOT NULL ORDER BY resolved_at DESC LIMIT 20
"""
_NIGHTS = "SELECT * FROM recsys.nights ORDER BY as_of DESC LIMIT :n"
_FINISHED = """
SELECT as_of, split_part(stage, '.', 1) AS stage, max(finished_at) AS finished_at
FROM recsys.stage_runs WHERE as_of = ANY (:nights) GROUP BY 1, 2
"""
_PUBLISHED = """
SELECT publication_id, status, published_at, note FROM recsys.publications
WHERE as_of = CAST(:night AS date) ORDER BY publication_id DESC
"""
_USER = "SELECT * FROM recsys.audience WHERE user_id = :user"
_LIST = "SELECT rank, item_id, title, score, reason, reason_item_id FROM recsys.recommend(:user)"
_BEFORE = """
SELECT DISTINCT ON (h.rank) h.rank, h.item_id, h.title, h.as_of
FROM recsys.recommendation_history AS h
WHERE h.user_id = :user AND h.rank <= :k AND h.publication_id = (
  SELECT max(o.publication_id) FROM recsys.recommendation_history AS o
  WHERE o.user_id = :user AND o.published AND o.as_of < (SELECT s.as_of FROM recsys.status AS s))
ORDER BY h.rank
"""
_ITEM = "SELECT * FROM recsys.catalogue WHERE item_id = :item"
_EXPOSURE = """
SELECT as_of, lists, first_places, share FROM recsys.item_exposure
WHERE item_id = :item ORDER BY publication_id DESC LIMIT 7
"""
_SIMILAR = """
SELECT rank, similar_item_id, similar_title, score FROM recsys.similar_items
WHERE item_id = :item ORDER BY rank LIMIT :k
"""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """Ids that a person looks for; empty: none."""

    user: str = ""
    item: str = ""


@dataclass(frozen=True)
class Deadline:
    """By when readers expect the lists of the newest night that has started."""

    night: date
    words: str
    passed: bool


@dataclass(frozen=True)
class Live:
    """What the database said, and what only the settings and the code know."""

    project: str
    now: datetime
    stages: Mapping[str, Sequence[str]]
    """Column of the grid → stages of a night, in order."""
    deadline: Deadline | None
    """None: `schedule.ready_by` promises none, or the shop is simulated."""
    expected: str
    """Words on when the newest night was due; empty in a simulated shop."""
    asked: Asked
    status: Row
    alerts: Sequence[Row] = ()
    over: Sequence[Row] = ()
    nights: Sequence[Row] = ()
    """Newest first, as the view `nights` has them."""
    finished: Mapping[date, Mapping[str, datetime]] = field(default_factory=dict)
    """Night → stage → when it last ended well."""
    found: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    """Answers about the user and the item that were asked for, by part."""

    @property
    def order(self) -> list[str]:
        """The stages of a night, each once."""
        return list(dict.fromkeys(name for names in self.stages.values() for name in names))


@dataclass(frozen=True)
class Known:
    """What the caller knows: see `Live`."""

    project: str
    now: datetime
    stages: Mapping[str, Sequence[str]]
    deadline: Deadline | None = None
    expected: str = ""


def read_live(engine: Engine, known: Known, asked: Asked) -> Live:
    """Ask the database, in one transaction that sees one moment. Raises DatabaseError."""
    with transaction(engine) as connection:
        connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        nights = _rows(connection, _NIGHTS, n=NIGHTS)
        finished: dict[date, dict[str, datetime]] = {}
        for row in _rows(connection, _FINISHED, nights=[night["as_of"] for night in nights]):
            finished.setdefault(row["as_of"], {})[row["stage"]] = row["finished_at"]
        return Live(
            **vars(known),
            asked=asked,
            status=_rows(connection, _STATUS)[0],
            alerts=_rows(connection, _OPEN),
            over=_rows(connection, _OVER),
            nights=nights,
            finished=finished,
            found={**_of_user(connection, asked.user), **_of_item(connection, asked.item)},
        )


@dataclass(frozen=True)
class Readers:
    """What readers see now, and what became of a night's lists."""

    status: Row
    published: Sequence[Row]
    """The night's publications, newest first."""


def read_readers(engine: Engine, night: str) -> Readers:
    """Ask for what readers see, beside a night. Raises DatabaseError."""
    with transaction(engine) as connection:
        connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        status = _rows(connection, _STATUS)[0]
        return Readers(status, _rows(connection, _PUBLISHED, night=night))


def _of_user(connection: Connection, user: str) -> dict[str, list[Row]]:
    if not user:
        return {}
    return {
        "user": _rows(connection, _USER, user=user),
        "list": _rows(connection, _LIST, user=user),
        "before": _rows(connection, _BEFORE, user=user, k=_PLACES),
    }


def _of_item(connection: Connection, item: str) -> dict[str, list[Row]]:
    if not item:
        return {}
    return {
        "item": _rows(connection, _ITEM, item=item),
        "exposure": _rows(connection, _EXPOSURE, item=item),
        "similar": _rows(connection, _SIMILAR, item=item, k=_PLACES),
    }


def _rows(connection: Connection, query: str, **of: Any) -> list[Row]:
    return [dict(row) for row in connection.execute(sa.text(query), of).mappings()]
