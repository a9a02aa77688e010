"""How often readers called recommend(), by what it answered: the server counts, and this notes."""

from __future__ import annotations

from sqlalchemy import Engine, text

from recsys_tasks.database import transaction

_SEEN = text("""
SELECT p.proname AS name, coalesce(pg_stat_get_function_calls(p.oid), 0) AS calls,
       coalesce(m.calls, 0) AS noted
FROM pg_proc AS p LEFT JOIN recsys.recommend_call_marks AS m ON m.name = p.proname
WHERE p.pronamespace = 'recsys'::regnamespace
  AND (p.proname = 'recommend' OR p.proname ~ '^answered_')
""")
_THERE = text("SELECT to_regclass('recsys.recommend_call_marks') IS NOT NULL")
_ALONE = text("LOCK TABLE recsys.recommend_call_marks IN SHARE ROW EXCLUSIVE MODE")
_MARK = text("""
INSERT INTO recsys.recommend_call_marks (name, calls) VALUES (:name, :calls)
ON CONFLICT (name) DO UPDATE SET calls = excluded.calls
""")
_ADD = text("""
INSERT INTO recsys.recommend_call_rows AS c (day, outcome, calls)
VALUES ((now() AT TIME ZONE 'UTC')::date, :outcome, :calls)
ON CONFLICT (day, outcome) DO UPDATE SET calls = c.calls + excluded.calls
""")
_OLD = text("""
DELETE FROM recsys.recommend_call_rows
WHERE day < (now() AT TIME ZONE 'UTC')::date - CAST(:days AS int)
""")
_PREFIX = "answered_"


def note_calls(engine: Engine, days: int) -> int:
    """Add the calls since the last time to today's counts, and forget those of more than `days`
    days ago; how many calls.

    The server's counters begin anew after a crash: one that went back counts from 0.
    """
    with transaction(engine) as connection:
        if not connection.scalar(
            _THERE
        ):  # the schema is of an earlier version, until it is migrated
            return 0
        connection.execute(_ALONE)
        new: dict[str, int] = {}
        for row in connection.execute(_SEEN).all():
            new[row.name] = row.calls if row.calls < row.noted else row.calls - row.noted
            connection.execute(_MARK, {"name": row.name, "calls": row.calls})
        every = new.pop("recommend", 0)
        counts = {name.removeprefix(_PREFIX): calls for name, calls in new.items()}
        # A session tells of its calls at its own time: one may have told of the answer alone.
        counts["own"] = max(every - sum(counts.values()), 0)
        for outcome, calls in counts.items():
            if calls:
                connection.execute(_ADD, {"outcome": outcome, "calls": calls})
        connection.execute(_OLD, {"days": days})
    return sum(counts.values())
