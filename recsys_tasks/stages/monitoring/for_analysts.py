"""What the monitor stage writes for analysts: places by reason, items by segment, outcomes of the
lists of earlier nights, how each list changed and who has one, and what everyone did with each
item.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from sqlalchemy import Engine, text
from sqlalchemy.engine import Connection

from recsys_tasks.clock import DAY_SECONDS, day_of, start_of
from recsys_tasks.database import transaction
from recsys_tasks.database.binary import copy_batches
from recsys_tasks.errors import ArtifactError, DamagedArtifact
from recsys_tasks.features.segments import every_segment
from recsys_tasks.monitoring.lists.changes import list_changes
from recsys_tasks.monitoring.lists.outcomes import (
    Shown,
    count_outcomes,
    count_places,
    outcomes_of,
    place_rows,
)
from recsys_tasks.monitoring.lists.totals import Totals, count_items, segment_items, totals_of
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.eligibility.eligible import eligible_items
from recsys_tasks.stages.monitoring.night_lists import NightLists

ITEM_DAYS = 28
"""Days before the night of which events are counted by item; the view item_events says so, too."""
MISSED_NIGHTS = 7
"""So many nights may go by until the one that measures an earlier one's outcomes."""

_STATE = text("""
SELECT p.published_at, EXISTS (SELECT FROM recsys.outcome_windows AS w
                               WHERE w.publication_id = p.id AND w.complete) AS complete
FROM recsys.publication AS p WHERE p.id = :id AND p.retired_at IS NULL
""")
_NO_AUDIENCE = text("DELETE FROM recsys.audience_count_rows WHERE publication_id = :id")
# As the view audience has it, of one publication; only the database knows who was erased.
_AUDIENCE = text("""
INSERT INTO recsys.audience_count_rows (publication_id, segment, served_by, why_no_list, users)
SELECT p.id, coalesce(u.segment, ''),
       CASE WHEN l.user_key IS NOT NULL THEN 'own' WHEN f.segment <> '' THEN 'segment'
            ELSE 'everyone' END,
       CASE WHEN l.user_key IS NOT NULL THEN '' WHEN u.last_active >= p.as_of THEN 'active since'
            WHEN u.last_active IS NULL THEN 'inactive' ELSE 'too few events' END,
       count(*)
FROM recsys.publication AS p
CROSS JOIN recsys.users AS u
LEFT JOIN recsys.list_rows AS l ON l.publication_id = :id AND l.user_key = u.user_key
LEFT JOIN recsys.fallback_rows AS f ON f.publication_id = p.id AND f.segment = u.segment
WHERE p.id = :id
GROUP BY 1, 2, 3, 4
""")
_BOTH_KEPT = text("""
SELECT count(*) = 2 FROM recsys.publication AS p
WHERE p.id IN (:id, :before) AND p.retired_at IS NULL AND p.status IN ('ready', 'published', 'held')
""")
_NO_AUDIENCE_CHANGES = text("DELETE FROM recsys.audience_change_rows WHERE publication_id = :id")
# The reasons are those of the view audience, and unknown.
_AUDIENCE_CHANGES = text("""
INSERT INTO recsys.audience_change_rows (publication_id, before_id, segment, change, why, users)
SELECT :id, :before, coalesce(u.segment, ''),
       CASE WHEN n.user_key IS NULL THEN 'lost' WHEN o.user_key IS NULL THEN 'gained'
            ELSE 'kept' END,
       CASE WHEN n.user_key IS NOT NULL THEN '' WHEN u.user_key IS NULL THEN 'unknown'
            WHEN u.last_active >= p.as_of THEN 'active since'
            WHEN u.last_active IS NULL THEN 'inactive' ELSE 'too few events' END,
       count(*)
FROM (SELECT l.user_key FROM recsys.list_rows AS l WHERE l.publication_id = :id) AS n
FULL JOIN (SELECT l.user_key FROM recsys.list_rows AS l WHERE l.publication_id = :before) AS o
  ON o.user_key = n.user_key
LEFT JOIN recsys.users AS u ON u.user_key = coalesce(n.user_key, o.user_key)
JOIN recsys.publication AS p ON p.id = :id
GROUP BY 3, 4, 5
""")
_LATER_ITEMS = text("SELECT EXISTS (SELECT FROM recsys.item_event_rows WHERE until > :today)")
_NO_ITEMS = text("DELETE FROM recsys.item_event_rows")
_OUTCOMES = ("outcome_windows", "outcome_rows", "outcome_count_rows")
_OLDER_CHANGES = text("""
DELETE FROM recsys.list_change_rows
WHERE publication_id = :id OR publication_id NOT IN (:before, (SELECT max(c.publication_id) FROM
  recsys.current_publication AS c))
""")


@dataclass(frozen=True)
class _Window:
    """Seconds [start, end) within which events count for a publication's places."""

    start: int
    end: int
    complete: bool


def record_for_analysts(snapshot: Snapshot, engine: Engine, tonight: NightLists) -> int:
    """Write it all; returns how many publications' outcomes were measured.

    Raises ArtifactError where tonight's lists are gone, DamagedArtifact for any damaged file.
    """
    now, publication = _shown(snapshot, tonight), tonight.planned.publication_id
    with transaction(engine) as connection:
        _replace(connection, "place_count_rows", publication, count_places(now))
        _replace(connection, "segment_item_rows", publication, segment_items(now))
        count_audience(connection, publication)
    _record_item_events(snapshot, engine)
    before = tonight.before()
    old = _kept(snapshot, before) if before is not None else None
    if before is not None:
        with transaction(engine) as connection:
            count_audience_changes(connection, publication, before.planned.publication_id)
    if before is not None and old is not None:
        _record_changes(snapshot, engine, (before, old), (tonight, now))
    return sum(_measured(snapshot, engine, night) for night in _earlier(snapshot, tonight))


def count_audience(connection: Connection, publication: int) -> None:
    """Count a publication's users by segment, what they are served and why."""
    for statement in (_NO_AUDIENCE, _AUDIENCE):
        connection.execute(statement, {"id": publication})


def count_audience_changes(connection: Connection, publication: int, before: int) -> None:
    """Count who kept, gained and lost a list between two publications; counts of before stay where
    the lists of one are gone.
    """
    both = {"id": publication, "before": before}
    if publication != before and connection.scalar(_BOTH_KEPT, both):
        for statement in (_NO_AUDIENCE_CHANGES, _AUDIENCE_CHANGES):
            connection.execute(statement, both)


def _record_item_events(snapshot: Snapshot, engine: Engine) -> None:
    """Count what everyone did with each item, unless a later night has counted already."""
    start = snapshot.as_of - timedelta(days=ITEM_DAYS)
    events = snapshot.events(since=start, before=snapshot.as_of)
    rows = count_items(events, list(snapshot.config.event_codes))
    today = start_of(snapshot.as_of) // DAY_SECONDS
    rows = rows.append_column("until", _all(today, rows, pa.int32()))
    with transaction(engine) as connection:
        if connection.scalar(_LATER_ITEMS, {"today": today}):
            return
        connection.execute(_NO_ITEMS)
        copy_batches(connection, "item_event_rows", rows.combine_chunks().to_batches())


def _shown(snapshot: Snapshot, night: NightLists) -> Shown:
    users, items, _ = night.read()
    codes, names = every_segment(snapshot.users, snapshot.config.users.segment_by)
    return Shown.of((users, items, night.reasons()), codes, names)


def _kept(snapshot: Snapshot, night: NightLists) -> Shown | None:
    """The lists of an earlier night; None where they are gone. Raises DamagedArtifact."""
    try:
        return _shown(snapshot, night)
    except DamagedArtifact:
        raise
    except ArtifactError:
        return None


def _record_changes(
    snapshot: Snapshot,
    engine: Engine,
    before: tuple[NightLists, Shown],
    now: tuple[NightLists, Shown],
) -> None:
    events = snapshot.events(since=before[0].as_of, before=snapshot.as_of)
    changes = list_changes(
        (before[1].users, before[1].items),
        (now[1].users, now[1].items),
        eligible_items(snapshot, snapshot.as_of),
        np.bincount(events.user, minlength=snapshot.n_users),
    )
    publication, earlier = (night.planned.publication_id for night, _ in (now, before))
    if publication == earlier:
        return
    changes = changes.append_column("before_id", _all(earlier, changes, pa.int64()))
    with transaction(engine) as connection:
        connection.execute(_OLDER_CHANGES, {"id": publication, "before": earlier})
        _add(connection, "list_change_rows", publication, changes)


def _earlier(snapshot: Snapshot, tonight: NightLists) -> Iterable[NightLists]:
    """Nights whose window may reach up to tonight, or was not measured since, the newest first."""
    for days in range(1, MISSED_NIGHTS + snapshot.config.monitoring.outcome_days):
        night = tonight.days_before(days)
        if night is not None:
            yield night


def _measured(snapshot: Snapshot, engine: Engine, night: NightLists) -> bool:
    """Measure one earlier night's outcomes; False where readers never saw it, it is measured
    already, or its lists are gone.
    """
    publication, names = night.planned.publication_id, list(snapshot.config.event_codes)
    with transaction(engine) as connection:
        state = connection.execute(_STATE, {"id": publication}).first()
    if state is None or state.published_at is None or state.complete:
        return False
    window = _window(snapshot, night, state.published_at)
    shown = _kept(snapshot, night) if window.start < window.end else None
    if shown is None:
        return False
    until = day_of(window.end - 1) + timedelta(days=1)
    events = snapshot.events(since=day_of(window.start), before=until)
    events = events.between(window.start, window.end)
    found = outcomes_of(shown, events)
    everyone = totals_of(events, len(names))
    with transaction(engine) as connection:
        for table, rows in zip(
            _OUTCOMES,
            (
                _windows(snapshot, window, everyone),
                place_rows(shown, found, names),
                count_outcomes(shown, found, names),
            ),
            strict=True,
        ):
            _replace(connection, table, publication, rows)
        _replace(connection, "place_count_rows", publication, count_places(shown))
    return True


def _window(snapshot: Snapshot, night: NightLists, published_at: datetime) -> _Window:
    """From when readers saw it; a night that was published long after its date has none."""
    last = start_of(night.as_of) + snapshot.config.monitoring.outcome_days * DAY_SECONDS
    end = min(last, start_of(snapshot.as_of))
    start = max(start_of(night.as_of), int(published_at.timestamp()))
    return _Window(start, end, end == last)


def _windows(snapshot: Snapshot, window: _Window, everyone: Totals) -> list[dict[str, object]]:
    return [
        {
            "event": name,
            "days": snapshot.config.monitoring.outcome_days,
            "window_start": datetime.fromtimestamp(window.start, tz=UTC),
            "window_end": datetime.fromtimestamp(window.end, tz=UTC),
            "complete": window.complete,
            "users": int(everyone.users[code]),
            "times": int(everyone.times[code]),
            "amount": None if np.isnan(everyone.amount[code]) else float(everyone.amount[code]),
        }
        for code, name in enumerate(snapshot.config.event_codes)
    ]


def _replace(
    connection: Connection, table: str, publication: int, rows: pa.Table | list[dict[str, object]]
) -> None:
    """Put rows of a publication in the place of those that are there."""
    remove = text(f"DELETE FROM recsys.{table} WHERE publication_id = :id")  # noqa: S608  names above
    connection.execute(remove, {"id": publication})
    if isinstance(rows, pa.Table):
        _add(connection, table, publication, rows)
        return
    names = list(rows[0])
    insert = (
        f"INSERT INTO recsys.{table} (publication_id, {', '.join(names)}) VALUES"  # noqa: S608
        f" (:publication_id, {', '.join(f':{name}' for name in names)})"
    )
    connection.execute(text(insert), [{"publication_id": publication, **row} for row in rows])


def _add(connection: Connection, table: str, publication: int, rows: pa.Table) -> None:
    rows = rows.append_column("publication_id", _all(publication, rows, pa.int64()))
    copy_batches(connection, table, rows.combine_chunks().to_batches())


def _all(value: int, rows: pa.Table, kind: pa.DataType) -> pa.Array:
    return pa.array(np.full(rows.num_rows, value), kind)
