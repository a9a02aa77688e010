"""What happened to releases, as rows of `recsys.release_events`: appended, never changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text

from recsys_tasks.release.decision import GateDecision

NO_RELEASE = "none"
"""Named by a row that leaves no champion (a move made by hand before there was one, undone)."""
_LOCK = "nightshelf release registry"


@dataclass(frozen=True)
class ReleaseEvent:
    """One row: `event` is registered, promoted, rejected, rolled_back or hand_moved; `at` is aware."""

    at: datetime
    event: str
    release: str
    who: str
    why: str

    def as_json(self) -> str:
        """One line that `from_json` reads."""
        return json.dumps({**vars(self), "at": self.at.isoformat()})

    @classmethod
    def from_json(cls, line: str) -> ReleaseEvent:
        """The event of `as_json`."""
        raw: dict[str, Any] = json.loads(line)
        return cls(**{**raw, "at": datetime.fromisoformat(raw["at"])})


def champions(events: Iterable[ReleaseEvent]) -> list[str]:
    """Champions that can be rolled back to, oldest first; the last one is champion now."""
    stack: list[str] = []
    for event in events:
        if event.event in ("promoted", "hand_moved") and event.release not in stack[-1:]:
            stack.append(event.release)
        elif event.event == "rolled_back":
            while stack and stack[-1] != event.release:
                stack.pop()
            if not stack and event.release != NO_RELEASE:
                stack.append(event.release)
    return stack


def champion_on(events: Iterable[ReleaseEvent], day: date) -> str | None:
    """The champion at the end of a UTC day."""
    end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    stack = champions(event for event in events if event.at < end)
    return stack[-1] if stack else None


class Audit:
    """The two append-only tables behind one engine of the recsys database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Only one process changes releases at a time; a lost connection lets go of the lock."""
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        with connection:
            connection.execute(text("SELECT pg_advisory_lock(hashtextextended(:name, 0))"), {"name": _LOCK})
            try:
                yield
            finally:
                # The pool would keep the session, and with it the lock.
                connection.execute(text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))"), {"name": _LOCK})

    def append(self, event: ReleaseEvent) -> None:
        """Add a row."""
        columns, values = "ts, event, release, who, why", ":at, :event, :release, :who, :why"
        sql = f"INSERT INTO recsys.release_events ({columns}) VALUES ({values})"
        with self._engine.begin() as connection:
            connection.execute(text(sql), vars(event))

    def events(self) -> list[ReleaseEvent]:
        """Every row, in the order written."""
        with self._engine.connect() as connection:
            rows: Sequence[Any] = connection.execute(
                text("SELECT ts, event, release, who, why FROM recsys.release_events ORDER BY id")
            ).all()
        return [ReleaseEvent(row.ts.astimezone(UTC), row.event, row.release, row.who, row.why) for row in rows]

    def append_decision(self, decision: GateDecision, at: datetime) -> None:
        """Add a gate decision; a no-op when the newest row of its night says the same."""
        row = decision.as_dict()
        newest = (
            "SELECT challenger, verdict, paragraph FROM recsys.gate_decisions "
            "WHERE as_of = :day ORDER BY id DESC LIMIT 1"
        )
        sql = (
            "INSERT INTO recsys.gate_decisions (as_of, challenger, champion, verdict, paragraph, rules, decided_at) "
            "VALUES (:as_of, :challenger, :champion, :verdict, :paragraph, CAST(:rules AS jsonb), :at)"
        )
        with self._engine.begin() as connection:
            known = connection.execute(text(newest), {"day": decision.as_of}).first()
            if known is None or tuple(known) != (decision.challenger, decision.verdict, decision.paragraph):
                values = {**row, "as_of": decision.as_of, "rules": json.dumps(row["rules"]), "at": at}
                connection.execute(text(sql), values)
