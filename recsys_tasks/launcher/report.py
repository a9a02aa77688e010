"""What the demo's last screen shows, read from PostgreSQL as an analyst would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Engine, text

Rows = list[dict[str, Any]]

_STAGES = (
    "SELECT id, as_of, stage, seconds, rows, figures FROM recsys.stage_runs WHERE id > :after ORDER"
    " BY id"
)
_TOWERS = (
    "SELECT lineage, learned_before, ledger FROM recsys.tower_versions ORDER BY recorded_at,"
    " learned_before"
)
_GATE = "SELECT as_of, verdict, paragraph FROM recsys.gate_decisions ORDER BY id"
_ALERTS = (
    "SELECT raised_at, as_of, severity, message, reader_state, remedy, runbook FROM recsys.alerts"
    " ORDER BY id"
)
_PUBLICATIONS = (
    "SELECT as_of, status, current, rows, release FROM recsys.publications ORDER BY publication_id"
)
_STATUS = "SELECT as_of, release, tower_version, rows FROM recsys.status"
# A user whose list says "because of": the most telling one, and the same one in every run.
_USER = (
    "SELECT user_id FROM recsys.recommendations WHERE rank <= 10 GROUP BY user_id"
    " ORDER BY count(DISTINCT reason) DESC, user_id LIMIT 1"
)
_LIST = (
    "SELECT rank, item_id, title, score, reason, reason_item_title, sources, rung FROM"
    " recsys.recommendations WHERE user_id = :user AND rank <= 10 ORDER BY rank"
)
_LISTS = "SELECT user_id, item_ids FROM recsys.recommendation_lists"


@dataclass(frozen=True)
class Report:
    """Everything that the nights left behind for people."""

    stages: Rows
    towers: Rows
    decisions: Rows
    alerts: Rows
    publications: Rows
    user: str
    items: Rows


def read_report(engine: Engine) -> Report:
    """Read all that the demo's last screen shows."""
    user = next((row["user_id"] for row in _rows(engine, _USER)), "")
    return Report(
        stages=stage_runs(engine),
        towers=_rows(engine, _TOWERS),
        decisions=_rows(engine, _GATE),
        alerts=_rows(engine, _ALERTS),
        publications=_rows(engine, _PUBLICATIONS),
        user=user,
        items=_rows(engine, _LIST, user=user),
    )


def stage_runs(engine: Engine, after: int = 0) -> Rows:
    """Stage runs newer than an id, oldest first."""
    return _rows(engine, _STAGES, after=after)


def published_lists(engine: Engine) -> dict[str, Sequence[str]]:
    """User id → item ids of the current publication, best first."""
    return {row["user_id"]: row["item_ids"] for row in _rows(engine, _LISTS)}


def published_night(engine: Engine) -> date | None:
    """Night of the lists that readers see."""
    rows = _rows(engine, _STATUS)
    return rows[0]["as_of"] if rows else None


def alerts(engine: Engine) -> Rows:
    """Every alert, oldest first."""
    return _rows(engine, _ALERTS)


def _rows(engine: Engine, query: str, **values: Any) -> Rows:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(query), values).mappings()]
