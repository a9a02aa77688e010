"""Retention of publications: their rows go, their line in recsys.publications stays."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from recsys_tasks.database import gave_up_waiting, transaction
from recsys_tasks.errors import TransientError

# Dropping a partition needs readers to let go for a moment, and while we wait for a long analysis
# all others queue behind us: so long may a reader have to wait, no longer.
LOCK_TIMEOUT = "200ms"
_COUNTED = (
    *("item_exposure_rows", "list_count_rows", "audience_count_rows", "place_count_rows"),
    *("segment_item_rows", "outcome_windows", "outcome_count_rows", "audience_change_rows"),
)
_OF_NIGHTS = ("lists", "churn", "realised")
"""Scopes of metrics that the view `nights` has, with those of the gate's systems."""

_SURPLUS = sa.text("""
SELECT id FROM (
  SELECT p.id, p.status, row_number() OVER (
    PARTITION BY p.status <> 'failed' ORDER BY p.as_of DESC, p.id DESC) AS place
  FROM recsys.publication AS p
  WHERE p.retired_at IS NULL AND p.status <> 'building'
    AND p.id NOT IN (SELECT c.publication_id FROM recsys.current_publication AS c)
) AS kept
WHERE (status = 'failed' OR place > :keep)
  AND id NOT IN (SELECT m.from_publication FROM recsys.pointer_moves AS m
    WHERE m.from_publication IS NOT NULL
                 ORDER BY m.id DESC LIMIT 1)
UNION ALL
SELECT p.id FROM recsys.publication AS p
JOIN recsys.publication AS shown ON shown.id IN (
  SELECT c.publication_id FROM recsys.current_publication AS c)
WHERE p.retired_at IS NULL AND p.status = 'building' AND p.as_of < shown.as_of
ORDER BY id
""")


def drop_old(engine: Engine, keep: int, now: datetime) -> list[int]:
    """Retire all but the current and the newest `keep` other publications, every failed one, and
    half-made ones of nights before what readers see. Nobody may be at work on a night meanwhile.

    What readers saw before the last move is kept too: a query that began before that move may still
    read it. Returns the numbers retired. One that a reader keeps locked is left for the next call.
    """
    with transaction(engine) as connection:
        surplus = list(connection.scalars(_SURPLUS, {"keep": keep}))
    retired = []
    for publication_id in surplus:
        try:
            with transaction(engine) as connection:
                connection.execute(
                    sa.text("SELECT set_config('lock_timeout', :wait, true)"),
                    {"wait": LOCK_TIMEOUT},
                )
                retire(connection, publication_id, now)
        except TransientError as error:
            if not gave_up_waiting(error):
                raise
            continue
        retired.append(publication_id)
    return retired


def forget_history(engine: Engine, nights: int, figure_nights: int) -> None:
    """Remove the counts of retired publications, the figures of groups of users and the detailed
    metrics that are more than `nights` days older than what readers see; metrics that the view
    `nights` has after `figure_nights`.
    """
    seen = (
        "(SELECT p.as_of FROM recsys.current_publication AS c JOIN recsys.publication AS p"
        " ON p.id = c.publication_id)"
    )
    older = f"as_of <= {seen} - CAST(:nights AS int)"
    of = f"SELECT id FROM recsys.publication WHERE retired_at IS NOT NULL AND {older}"  # noqa: S608
    with transaction(engine) as connection:
        for table in _COUNTED:
            statement = f"DELETE FROM recsys.{table} WHERE publication_id IN ({of})"  # noqa: S608
            connection.execute(sa.text(statement), {"nights": nights})
        connection.execute(
            sa.text(f"DELETE FROM recsys.slice_rows WHERE {older}"),  # noqa: S608
            {"nights": nights},
        )
        metrics = (
            f"DELETE FROM recsys.metric_rows WHERE {older} AND (scope <> ALL (:kept)"  # noqa: S608
            f" AND scope !~ '^gate/(challenger|champion|popularity|against=)'"
            f" OR as_of <= {seen} - CAST(:figure_nights AS int))"
        )
        connection.execute(
            sa.text(metrics),
            {"nights": nights, "kept": list(_OF_NIGHTS), "figure_nights": figure_nights},
        )


def retire(
    connection: Connection, publication_id: int, now: datetime, note: str | None = None
) -> None:
    """Drop a publication's rows. An unfinished one becomes `failed`; what readers see is refused by
    the database.
    """
    values = {"id": publication_id, "now": now, "note": note}
    connection.execute(sa.text("SELECT recsys.drop_partition(:id)"), values)
    for table in (
        "fallback_rows",
        "similar_rows",
        "together_rows",
        "again_rows",
        "liked_rows",
        "forbidden_rows",
        "outcome_rows",
        "list_change_rows",
        "place_reason_rows",
    ):
        statement = sa.text(f"DELETE FROM recsys.{table} WHERE publication_id = :id")  # noqa: S608  the names above
        connection.execute(statement, values)
    mark = (
        "UPDATE recsys.publication SET retired_at = :now, note = coalesce(:note, note), "
        "status = CASE status WHEN 'building' THEN 'failed' ELSE status END WHERE id = :id"
    )
    connection.execute(sa.text(mark), values)
