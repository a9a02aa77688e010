"""Figures of earlier nights, from the view `recsys.metrics`."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Engine, text

from recsys_tasks.monitoring.alarms.figures import Scopes, by_night

_ROWS = text(
    "SELECT as_of, scope, name, value FROM recsys.metrics WHERE as_of >= :since AND as_of <= :until"
)


def recorded_figures(engine: Engine, since: date, until: date) -> dict[date, Scopes]:
    """Every figure of the nights in [since, until], by night, scope and name."""
    with engine.connect() as connection:
        rows = connection.execute(_ROWS, {"since": since, "until": until})
        return by_night((row.as_of, row.scope, row.name, row.value) for row in rows)
