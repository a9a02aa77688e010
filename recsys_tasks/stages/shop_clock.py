"""The clock that the shop lives in, kept in the database for whoever asks how old something is.

A real shop's is the world's. A simulated shop's stands at the time of its newest night: what a
person does between two nights happens then, or records of one shop would mix two clocks that may
lie years apart.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Engine, text

from recsys_tasks.database import transaction
from recsys_tasks.stages.night import time_of

_KEEP = text(
    "INSERT INTO recsys.shop_clock AS k (simulated, now) VALUES (:simulated, CAST(:now AS"
    " timestamptz)) ON CONFLICT (singleton) DO UPDATE SET simulated = excluded.simulated, now ="
    " excluded.now WHERE (k.simulated, k.now) IS DISTINCT FROM (excluded.simulated, excluded.now)"
)
_NEWEST = text("SELECT max(as_of) FROM recsys.publication")
_READ = text("SELECT now FROM recsys.shop_clock WHERE simulated")


def keep_time(engine: Engine, now: datetime, *, simulated: bool) -> None:
    """Set a simulated shop's clock to `now`, the time of a night, or to the newest one with a
    publication where that is later.

    An old night that is run again does not turn it back; one of a mistyped year, which gets no
    publication as there is no data of its day, holds it only until the next night.
    """
    with transaction(engine) as connection:
        newest: date | None = connection.scalar(_NEWEST)
        now = max(now, time_of(newest)) if newest else now
        connection.execute(_KEEP, {"simulated": simulated, "now": now if simulated else None})


def shop_time(engine: Engine, now: datetime) -> datetime:
    """The time in the shop's clock when the world's is `now`."""
    with transaction(engine) as connection:
        simulated: datetime | None = connection.scalar(_READ)
    return now if simulated is None else simulated
