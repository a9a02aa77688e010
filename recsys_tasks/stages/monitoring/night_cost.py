"""What the stages of a night took, from `recsys.stage_runs`."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Engine, text

_COST = text(
    "SELECT sum(seconds) AS seconds, sum(cpu_seconds) AS cpu_seconds, max(peak_bytes) AS peak_bytes"
    " FROM (SELECT max(seconds) AS seconds, max(cpu_seconds) AS cpu_seconds, max(peak_bytes) AS"
    " peak_bytes FROM recsys.stage_runs WHERE as_of = :night GROUP BY stage) AS longest"
)


def night_cost(engine: Engine, as_of: date) -> dict[str, float]:
    """`seconds` and `cpu_seconds` of all stages of a night that ended so far, and the `peak_bytes`
    of the largest; of a stage that ran several times, its longest run.
    """
    with engine.connect() as connection:
        row = connection.execute(_COST, {"night": as_of}).mappings().one()
    return {name: float(value) for name, value in row.items() if value is not None}
