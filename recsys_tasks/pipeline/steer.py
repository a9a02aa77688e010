"""A person's commands on what readers see: roll back, resume."""

from __future__ import annotations

from datetime import datetime

from recsys_tasks.database import create_engine, database_url
from recsys_tasks.pipeline.night import local_environment
from recsys_tasks.serving import pointer


def roll_back(to: int | None, *, who: str, why: str, now: datetime) -> str:
    """Show an earlier publication and set a hold; one line on what readers see now. Raises ServingError."""
    with local_environment() as environment:
        engine = create_engine(database_url(environment))
        shown = pointer.rollback(engine, who=who, why=why, now=now, to=to)
        engine.dispose()
    return f"readers see publication {shown.id} of {shown.as_of}; nights are held back until `recsys resume`"


def resume(*, who: str, now: datetime) -> str:
    """End the hold and show the newest ready publication; one line on what readers see now."""
    with local_environment() as environment:
        engine = create_engine(database_url(environment))
        shown = pointer.resume(engine, who=who, now=now)
        engine.dispose()
    return (
        f"the hold is over; {'no publication waited' if shown is None else f'readers see {shown.id} of {shown.as_of}'}"
    )
