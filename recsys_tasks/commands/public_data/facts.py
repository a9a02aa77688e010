"""What the interactions say of themselves, counted in the database: days, repeats, copies."""

from __future__ import annotations

import duckdb
import numpy as np

from recsys_tasks.clock import DAY_SECONDS, start_of
from recsys_tasks.commands.init.behaviour import Behaviour, days_of


def facts_of(connection: duckdb.DuckDBPyConnection) -> Behaviour:
    """Facts about the table of interactions; its last day is left out where the data ends within
    it.
    """
    counted = connection.execute(
        f"SELECT timestamp // {DAY_SECONDS} AS day, count(*) AS rows FROM interactions GROUP BY 1"
    ).fetchnumpy()
    numbers = counted["day"].astype(np.int64)
    counts = np.zeros(int(numbers.max() - numbers.min()) + 1, np.int64)
    counts[numbers - numbers.min()] = counted["rows"]
    days = days_of(counts, int(numbers.min()))
    end = start_of(days.last) + DAY_SECONDS
    kept = f"(SELECT * FROM interactions WHERE timestamp < {end})"
    last_day = start_of(days.last) // DAY_SECONDS
    (rows,) = _one(connection, "SELECT count(*) FROM interactions")
    users, within = _one(
        connection,
        f"SELECT count(*), quantile_disc({last_day} - newest + 1, 0.9) FROM"
        f" (SELECT max(timestamp // {DAY_SECONDS}) AS newest FROM {kept} GROUP BY user_id)",
    )
    (items,) = _one(connection, f"SELECT count(DISTINCT item_id) FROM {kept}")
    # By 64-bit hashes: among 25 M rows two differ and look alike once in 60,000 imports.
    (repeats,) = _one(
        connection,
        f"SELECT avg((first <> last)::INT) FROM (SELECT min(timestamp // {DAY_SECONDS}) AS first,"
        f" max(timestamp // {DAY_SECONDS}) AS last FROM {kept} GROUP BY hash(user_id, item_id))",
    )
    whole, different = _one(
        connection,
        f"SELECT count(*), count(DISTINCT hash(user_id, item_id, event, timestamp)) FROM {kept}",
    )
    return Behaviour(
        days,
        rows=int(rows),
        users=int(users),
        items=int(items),
        undated=0,
        repeats=repeats,
        duplicates=1 - different / whole,
        within_days=int(within),
    )


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[float, ...]:
    row = connection.execute(query).fetchone()
    return tuple(map(float, row or ()))
