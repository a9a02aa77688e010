"""Queries: what readers see, which nights were made, and which stages of a night finished."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Engine, text

from recsys_tasks.monitoring.readers.freshness import Shown

_SHOWN = text(
    "SELECT p.as_of, c.moved_at, p.published_at, h.who, h.why, h.since FROM"
    " recsys.current_publication AS c JOIN recsys.publication AS p ON p.id = c.publication_id LEFT"
    " JOIN recsys.hold AS h ON true"
)
# Nights whose lists were made: shown, rolled back by a person, or waiting for the end of a hold.
_MADE = text(
    "SELECT as_of, min(coalesce(published_at, created_at)) AS ready FROM recsys.publication WHERE"
    " status IN ('published', 'held') OR status = 'ready' AND EXISTS (SELECT FROM recsys.hold)"
    " GROUP BY as_of ORDER BY as_of DESC LIMIT :n"
)
_STAGES = text(
    "SELECT DISTINCT split_part(stage, '.', 1) FROM recsys.stage_runs WHERE as_of = :day"
)
_BEGUN = text("SELECT max(as_of) FROM recsys.stage_runs")
_NEWEST_NIGHTS = 30


def shown(engine: Engine) -> Shown | None:
    """What readers see, and whether a person holds them there; None before the first
    publication.
    """
    with engine.connect() as connection:
        row = connection.execute(_SHOWN).one_or_none()
    if row is None:
        return None
    hold = f"{row.who}: {row.why}" if row.since is not None else ""
    return Shown(row.as_of, max(filter(None, (row.published_at, row.moved_at))), hold, row.since)


def made(engine: Engine) -> list[tuple[date, datetime]]:
    """Nights whose lists were made and when they were ready, newest first."""
    with engine.connect() as connection:
        return [(row.as_of, row.ready) for row in connection.execute(_MADE, {"n": _NEWEST_NIGHTS})]


def newest_begun(engine: Engine) -> date | None:
    """The latest night of which a stage finished; None before the first."""
    with engine.connect() as connection:
        found: date | None = connection.execute(_BEGUN).scalar()
    return found


def finished_stages(engine: Engine, night: date) -> set[str]:
    """Stages of a night that finished at least once."""
    with engine.connect() as connection:
        return set(connection.execute(_STAGES, {"day": night}).scalars())
