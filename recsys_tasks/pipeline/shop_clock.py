"""The clock that the shop lives in, kept in the database for whoever asks how old something is.

A real shop's is the world's. A simulated shop's stands at the time of its newest night: what a person does between two
nights happens then, or records of one shop would mix two clocks that may lie years apart.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, text

from recsys_tasks.database import transaction
from recsys_tasks.pipeline.night import Night

_KEEP = text(
    "INSERT INTO recsys.shop_clock AS k (simulated, now) VALUES (:simulated, :now) ON CONFLICT (singleton) DO UPDATE "
    "SET simulated = excluded.simulated, now = CASE WHEN excluded.simulated THEN greatest(k.now, excluded.now) END "
    "WHERE k.simulated <> excluded.simulated OR k.now < excluded.now"
)
_READ = text("SELECT now FROM recsys.shop_clock WHERE simulated")


def keep_time(night: Night) -> None:
    """Move the shop's clock on to this night; it never goes back for an older one."""
    simulated = night.config.clock == "simulated"
    with transaction(night.engine) as connection:
        connection.execute(_KEEP, {"simulated": simulated, "now": night.now if simulated else None})


def shop_time(engine: Engine, now: datetime) -> datetime:
    """The time in the shop's clock when the world's is `now`."""
    with transaction(engine) as connection:
        simulated: datetime | None = connection.scalar(_READ)
    return now if simulated is None else simulated
