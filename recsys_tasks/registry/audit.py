"""What happened to releases, as rows of `recsys.release_events`: appended, never changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, text

from recsys_tasks.database.locks import gave_up_waiting
from recsys_tasks.errors import TransientError
from recsys_tasks.gate.decision import GateDecision

NO_RELEASE = "none"
"""Named by a row that leaves no champion (a move made by hand before there was one, undone)."""
CHAMPION, PREVIOUS, ANCHOR, SHADOW = "champion", "previous", "anchor", "shadow"
SET_BY = {ANCHOR: "anchored", SHADOW: "shadowed"}
"""Aliases that are set by themselves, and the event that says so; the other two follow from MOVES.
"""
MOVES = ("promoted", "rolled_back", "hand_moved")
"""Events whose release is champion from then on."""
_LOCK = "nightshelf release registry"
_GATE = "nightshelf release gate"


@dataclass(frozen=True)
class ReleaseEvent:
    """One row: `event` is registered, rejected, one of MOVES, or one that SET_BY names; `at` is
    aware.
    """

    at: datetime
    event: str
    release: str
    who: str
    why: str

    def as_json(self) -> str:
        """One line that `from_json` reads."""
        return json.dumps({**vars(self), "at": self.at.isoformat()}, ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> ReleaseEvent:
        """The event of `as_json`."""
        raw: dict[str, Any] = json.loads(line)
        return cls(**{**raw, "at": datetime.fromisoformat(raw["at"])})


def champions(events: Iterable[ReleaseEvent]) -> list[str]:
    """Champions that can be rolled back to, oldest first; the last one is champion now."""
    stack: list[str] = []
    for event in events:
        if event.event in ("promoted", "hand_moved") and event.release not in (
            NO_RELEASE,
            *stack[-1:],
        ):
            stack.append(event.release)
        elif event.event == "rolled_back":
            while stack and stack[-1] != event.release:
                stack.pop()
            if not stack and event.release != NO_RELEASE:
                stack.append(event.release)
    return stack


def aliases(events: Sequence[ReleaseEvent]) -> dict[str, str | None]:
    """Where every alias stands, by the record."""
    stack: list[str | None] = [None, None, *champions(events)]
    found: dict[str, str | None] = {CHAMPION: stack[-1], PREVIOUS: stack[-2]}
    for alias, name in SET_BY.items():
        newest = next((e.release for e in reversed(events) if e.event == name), NO_RELEASE)
        found[alias] = None if newest == NO_RELEASE else newest
    return found


def since(events: Sequence[ReleaseEvent], alias: str) -> datetime | None:
    """When an alias came to where it stands, by the record; None where it stands nowhere."""
    reached: datetime | None = None
    before: str | None = None
    for end, event in enumerate(events, start=1):
        if event.event in (*MOVES, SET_BY.get(alias)):
            now = aliases(events[:end])[alias]
            reached = event.at if now != before or event.event == SET_BY.get(alias) else reached
            before = now
    return reached if before is not None else None


class Audit:
    """The two append-only tables behind one engine of the recsys database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Only one process changes releases at a time; a lost connection lets go of the lock."""
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        with connection:
            connection.execute(
                text("SELECT pg_advisory_lock(hashtextextended(:name, 0))"), {"name": _LOCK}
            )
            try:
                yield
            finally:
                # The pool would keep the session, and with it the lock.
                connection.execute(
                    text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))"), {"name": _LOCK}
                )

    @contextmanager
    def turn(self, wait_seconds: float) -> Iterator[bool]:
        """Only one gate judges at a time: whether the others were done within the wait."""
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        with connection:
            usual = connection.execute(text("SHOW lock_timeout")).scalar_one()
            timeout = text("SELECT set_config('lock_timeout', :wait, false)")
            connection.execute(timeout, {"wait": f"{wait_seconds * 1000:.0f}ms"})
            got = _took(connection, _GATE)
            connection.execute(timeout, {"wait": usual})
            try:
                yield got
            finally:
                if got:
                    connection.execute(
                        text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))"),
                        {"name": _GATE},
                    )

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
        return [
            ReleaseEvent(row.ts.astimezone(UTC), row.event, row.release, row.who, row.why)
            for row in rows
        ]

    def append_decision(self, decision: GateDecision, at: datetime) -> None:
        """Add a gate decision; a no-op when the newest row of its night says the same."""
        row = decision.as_dict()
        newest = (
            "SELECT challenger, verdict, paragraph FROM recsys.gate_decisions "
            "WHERE as_of = :day ORDER BY id DESC LIMIT 1"
        )
        sql = (
            "INSERT INTO recsys.gate_decisions (as_of, challenger, champion, verdict, paragraph,"
            " rules, decided_at) VALUES (:as_of, :challenger, :champion, :verdict, :paragraph,"
            " CAST(:rules AS jsonb), :at)"
        )
        with self._engine.begin() as connection:
            known = connection.execute(text(newest), {"day": decision.as_of}).first()
            if known is None or tuple(known) != (
                decision.challenger,
                decision.verdict,
                decision.paragraph,
            ):
                values = {
                    **row,
                    "as_of": decision.as_of,
                    "rules": json.dumps(row["rules"]),
                    "at": at,
                }
                connection.execute(text(sql), values)


def _took(connection: Connection, name: str) -> bool:
    try:
        connection.execute(
            text("SELECT pg_advisory_lock(hashtextextended(:name, 0))"), {"name": name}
        )
    except TransientError as error:
        if not gave_up_waiting(error):
            raise
        return False
    return True
