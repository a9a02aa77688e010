"""What each channel and the table lack of the spooled alerts, and how a record notes each attempt.

Pure functions of a `Record`: whatever they decide is written under the spool's lock by `delivery`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from recsys_tasks.monitoring.alerts.alert import DIGEST, Alert, resolved_notice
from recsys_tasks.monitoring.alerts.spool import (
    FAILED,
    LEASE,
    LEFT_OUT,
    SENDING,
    SENT,
    TABLE,
    UNCONFIRMED,
    Attempt,
    Record,
)

CATCH_UP = 3
"""Alerts that a channel which is new gets of those raised before it: the newest ones that are open.
"""
YOUNG = timedelta(hours=24)
FAILURES = 3
REST = timedelta(minutes=5)
"""A channel that failed with so many alerts is left alone for so long: it cannot take more now, and
must not cost every delivery its time.
"""
_MOST_UNCONFIRMED = 2


@dataclass(frozen=True)
class Message:
    """What one channel gets of one incident: the alert, or that it is over."""

    incident: str
    alert: Alert


def addressed(record: Record, names: tuple[str, ...]) -> Record | None:
    """The record with the channels of its first delivery; None: it has them already."""
    return replace(record, audience=names) if record.audience is None else None


def due(records: Sequence[Record], name: str, now: datetime) -> list[Message]:
    """What the channel is to be sent at `now`, newest first; what it failed with comes last."""
    before_it = [r for r in records if _came_before(r, name) and now - _raised(r) < YOUNG]
    caught_up = {record.alert.incident for record in before_it[-CATCH_UP:]}
    messages: list[Message] = []
    failed: list[Message] = []
    for record in reversed(records):
        alert = record.alert
        if not _lacks(record, name, now) or (
            _came_before(record, name) and alert.incident not in caught_up
        ):
            continue
        over = (
            resolved_notice(alert, record.resolved_words, record.resolved_at)
            if record.resolved_at
            else alert
        )
        tried = record.attempts.get(_key(record, name)) is not None
        (failed if tried else messages).append(Message(alert.incident, over))
    return [*messages, *failed]


def rests(records: Sequence[Record], name: str, now: datetime) -> bool:
    """Whether the channel failed so often just now that it is not to be asked."""
    attempts = [r.attempts.get(key) for r in records for key in (name, f"{name} resolved")]
    failed = [
        attempt
        for attempt in attempts
        if attempt is not None
        and attempt.state in (FAILED, UNCONFIRMED)
        and now - datetime.fromisoformat(attempt.at) < REST
    ]
    return len(failed) >= FAILURES


def _raised(record: Record) -> datetime:
    return datetime.fromisoformat(record.alert.raised_at)


def _came_before(record: Record, name: str) -> bool:
    """Whether the alert is older than the channel."""
    return record.audience is not None and name not in record.audience


def _lacks(record: Record, name: str, now: datetime) -> bool:
    if not _free(record, name, now):
        return False
    if record.acknowledged and not record.resolved_at:
        return False
    if record.resolved_at:  # who did not get the page needs not hear that it is over
        attempt = record.attempts.get(name)
        paged = name in record.delivered or (attempt is not None and attempt.state == UNCONFIRMED)
        return paged and name not in record.told
    return name not in record.delivered


def _free(record: Record, name: str, now: datetime) -> bool:
    """False while another deliverer is at it, and when it may have arrived and somebody
    knows.
    """
    attempt = record.attempts.get(_key(record, name))
    if attempt is None or attempt.state == FAILED:
        return True
    if attempt.state == LEFT_OUT:
        return False
    if attempt.state == SENDING and now - datetime.fromisoformat(attempt.at) < LEASE:
        return False
    heard = record.told if record.resolved_at else record.delivered
    return attempt.count < _MOST_UNCONFIRMED and not set(heard) - {TABLE}


def _key(record: Record, name: str) -> str:
    return f"{name} resolved" if record.resolved_at else name


def claim(record: Record, name: str, now: datetime) -> Record | None:
    """The record with an attempt of this channel under way; None: there is nothing to send, or
    another deliverer is at it.
    """
    if not _lacks(record, name, now):
        return None
    key = _key(record, name)
    before = record.attempts.get(key)
    mine = Attempt(SENDING, now.isoformat(), (before.count if before else 0) + 1)
    return replace(record, attempts={**record.attempts, key: mine})


def noted(record: Record, name: str, state: str) -> Record:
    """The record with the channel's attempt ended: SENT, UNCONFIRMED, FAILED or LEFT_OUT."""
    key = _key(record, name)
    if state == SENT:
        taken = {"told" if record.resolved_at else "delivered": (*_heard(record), name)}
        attempts = {k: v for k, v in record.attempts.items() if k != key}
        return replace(record, attempts=attempts, **taken)  # type: ignore[arg-type]
    attempt = replace(record.attempts[key], state=state)
    if state == FAILED:  # certainly not sent: it may be tried as often as needed
        attempt = replace(attempt, count=attempt.count - 1)
    return replace(record, attempts={**record.attempts, key: attempt})


def _heard(record: Record) -> tuple[str, ...]:
    return record.told if record.resolved_at else record.delivered


def table_lacks(record: Record) -> bool:
    """Whether `recsys.alerts` does not know all of the record yet; it has no digests."""
    if record.alert.kind == DIGEST:
        return False
    last = record.attempts.get(TABLE)
    unlisted = last is None or last.count != len(set(record.delivered) - {TABLE})
    return (
        TABLE not in record.delivered
        or unlisted
        or bool(record.resolved_at and TABLE not in record.told)
    )


def kept(record: Record, known: Record) -> Record:
    """The table knows what `known` says: the channels that took it by then, and whether it was
    over.
    """
    told = (*record.told, TABLE) if known.resolved_at and TABLE not in record.told else record.told
    delivered = record.delivered if TABLE in record.delivered else (*record.delivered, TABLE)
    count = len(set(known.delivered) - {TABLE})
    return replace(
        record,
        told=told,
        delivered=delivered,
        attempts={**record.attempts, TABLE: Attempt("kept", "", count)},
    )
