"""The one pointer that readers follow: moved forward by nights, back by a person, who thereby sets
a hold.

Every move takes the pointer's lock and a fencing number that never shrinks, so that a publisher
that was thought dead cannot undo a later move.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from recsys_tasks.database import take_lock, transaction
from recsys_tasks.errors import ServingError
from recsys_tasks.serving.publication import (
    Publication,
    read_current,
    require_publication,
    select_one,
)


@dataclass(frozen=True)
class Hold:
    """While it is set, nights publish without being shown."""

    who: str
    why: str
    since: datetime


def rollback(
    engine: Engine, *, who: str, why: str, now: datetime, to: int | None = None
) -> Publication:
    """Show an earlier publication again and set a hold; returns what readers see now.

    `to` names a publication that was shown before and is still kept; None takes the one shown
    before the current. What readers leave is `held`: no night shows it again. Raises ServingError
    when there is no target.
    """
    with transaction(engine) as connection:
        pointer_lock(connection)
        current = read_current(connection)
        target = _target(connection, current, to)
        if current is not None and (target.as_of, target.id) < (current.as_of, current.id):
            note = f"rolled back by {who}: {why}"
            statement = sa.text(
                "UPDATE recsys.publication SET status = 'held', note = :note WHERE id = :id"
            )
            connection.execute(statement, {"note": note, "id": current.id})
        _set_hold(connection, who, why, now)
        move_pointer(connection, target, who=who, why=f"rollback: {why}", now=now)
        return require_publication(connection, target.id)


def resume(engine: Engine, *, who: str, now: datetime) -> Publication | None:
    """Clear the hold and show the newest ready publication; None when none waits and readers stay
    where they are.
    """
    with transaction(engine) as connection:
        pointer_lock(connection)
        connection.execute(sa.text("DELETE FROM recsys.hold"))
        current = read_current(connection)
        waiting = select_one(
            connection,
            "WHERE status = 'ready' AND retired_at IS NULL ORDER BY as_of DESC, id DESC LIMIT 1 FOR"
            " UPDATE",
        )
        if waiting is None or (current is not None and waiting.as_of < current.as_of):
            return None
        # Not a new number: a night that began after the rollback and still runs is newer, and must
        # be shown after.
        fence = max(read_fence(connection), waiting.fence)
        move_pointer(connection, waiting, who=who, why="resumed", now=now, fence=fence)
        return require_publication(connection, waiting.id)


def pointer_lock(connection: Connection) -> None:
    """Wait to be the only one who moves the pointer, until the transaction ends. Raises
    TransientError.
    """
    take_lock(connection, "pointer")


def read_hold(connection: Connection) -> Hold | None:
    """The hold, within a transaction."""
    row = connection.execute(sa.text("SELECT who, why, since FROM recsys.hold")).mappings().first()
    return None if row is None else Hold(**row)


def read_fence(connection: Connection) -> int:
    """Fencing number of the last move; 0 before the first."""
    return int(connection.scalar(sa.text("SELECT fence FROM recsys.current_publication")) or 0)


def move_pointer(
    connection: Connection,
    target: Publication,
    *,
    who: str,
    why: str,
    now: datetime,
    fence: int | None = None,
) -> None:
    """Make a publication current and write down who did it; the caller holds the pointer's lock.

    `fence`: the publication's own number; None draws a new one, past every publication made so far.
    """
    before = read_current(connection)
    values = {
        "id": target.id,
        "fence": (
            fence
            if fence is not None
            else connection.scalar(sa.text("SELECT nextval('recsys.fence_seq')"))
        ),
        "who": who,
        "why": why,
        "now": now,
        "before": None if before is None else before.id,
    }
    connection.execute(_SHOWN, values)
    connection.execute(_POINT, values)
    connection.execute(_MOVED, values)


_SHOWN = sa.text(
    "UPDATE recsys.publication SET status = 'published', note = NULL, published_at ="
    " coalesce(published_at, :now) WHERE id = :id"
)
_POINT = sa.text(
    "INSERT INTO recsys.current_publication (publication_id, fence, moved_at, moved_by, why) VALUES"
    " (:id, :fence, :now, :who, :why) ON CONFLICT (singleton) DO UPDATE SET publication_id ="
    " excluded.publication_id, fence = excluded.fence, moved_at = excluded.moved_at, moved_by ="
    " excluded.moved_by, why = excluded.why"
)
_MOVED = sa.text(
    "INSERT INTO recsys.pointer_moves (from_publication, to_publication, fence, moved_at, moved_by,"
    " why) VALUES (:before, :id, :fence, :now, :who, :why)"
)


def _set_hold(connection: Connection, who: str, why: str, now: datetime) -> None:
    statement = sa.text(
        "INSERT INTO recsys.hold (who, why, since) VALUES (:who, :why, :now) ON CONFLICT"
        " (singleton) DO UPDATE SET who = excluded.who, why = excluded.why, since = excluded.since"
    )
    connection.execute(statement, {"who": who, "why": why, "now": now})


def _target(connection: Connection, current: Publication | None, to: int | None) -> Publication:
    shown = "published_at IS NOT NULL AND retired_at IS NULL"
    if to is not None:
        found = select_one(connection, f"WHERE id = :id AND {shown} FOR UPDATE", id=to)
    elif current is not None:
        found = select_one(
            connection,
            f"WHERE status = 'published' AND {shown} AND (as_of, id) < (:as_of, :id) "
            "ORDER BY as_of DESC, id DESC LIMIT 1 FOR UPDATE",
            as_of=current.as_of,
            id=current.id,
        )
    else:
        found = None
    if found is None:
        raise ServingError(
            expected="an earlier publication that was shown and is still kept",
            found="none" if to is None else f"publication {to} was never shown, or is retired",
            where="recsys.publication",
            remedy="choose one with published_at and without retired_at from recsys.publications",
        )
    return found
