"""Alerts to channels: each message once, whoever delivers beside; a channel that hangs holds no
other one up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from recsys_tasks.monitoring.alerts.alert import Alert, resolved_notice
from recsys_tasks.monitoring.alerts.spool import (
    FAILED,
    LEASE,
    SENDING,
    TABLE,
    UNCONFIRMED,
    Attempt,
    Record,
    Spool,
)

Channel = Callable[[Alert], None]
"""Sends one alert; raises when it could not, and Unconfirmed when it may have been sent."""
Table = Callable[[Alert, Sequence[str], str], None]
"""Keeps one alert, the names of the channels that took it, and when it was over; raises when it
could not.
"""

# Airflow ends a callback after 50 s. A channel that began nothing new after START_SECONDS is given
# up at LAST_SECONDS.
START_SECONDS = 7.0
LAST_SECONDS = 28.0
TABLE_SECONDS = 6.0
CATCH_UP = 3
"""Alerts that a channel which is new gets of those raised before it: the newest ones that are open.
"""
YOUNG = timedelta(hours=24)
_MOST_UNCONFIRMED = 2


class Unconfirmed(Exception):
    """The message went out, but no answer came: it may have arrived."""


@dataclass(frozen=True)
class _Message:
    """What one channel gets of one incident: the alert, or that it is over."""

    incident: str
    alert: Alert


def deliver(
    spool: Spool,
    channels: Mapping[str, Channel],
    table: Table | None,
    *,
    now: datetime,
    known: Iterable[str] = (),
) -> str:
    """Offer what waits to each channel, newest first, and to the table; one line on how it went.
    Never raises.

    `known` names channels that exist and cannot be reached just now: they get their alerts later.
    """
    failures: list[str] = []
    sent: list[str] = []
    spool.settle()
    try:
        _fix_audiences(spool, [*channels, *known])
    except OSError as error:
        failures.append(f"spool: {type(error).__name__}")
    started = time.monotonic()
    workers = [
        threading.Thread(
            target=_serve, args=(spool, name, channel, now, started, sent, failures), daemon=True
        )
        for name, channel in channels.items()
    ]
    _run(workers, LAST_SECONDS)
    if table is not None:
        keeper = threading.Thread(target=_keep, args=(spool, table, failures), daemon=True)
        _run([keeper], TABLE_SECONDS)
    spool.trim([*channels, *known, TABLE])
    return f"{len(sent)} alert(s) sent" + (
        f"; failed: {'; '.join(failures[:3])}" if failures else ""
    )


def send_now(alert: Alert, channels: Mapping[str, Channel], table: Table | None) -> str:
    """Send an alert that no folder could keep to every channel at once; one line on how it went.
    Never raises.
    """
    sent: list[str] = []
    failures: list[str] = []

    def send(name: str, channel: Channel) -> None:
        if _outcome(name, partial(channel, alert), failures) != FAILED:
            sent.append(name)

    _run(
        [threading.Thread(target=send, args=pair, daemon=True) for pair in channels.items()],
        LAST_SECONDS,
    )
    if table is not None:
        keep = threading.Thread(
            target=_outcome, args=(TABLE, partial(table, alert, sent, ""), failures), daemon=True
        )
        _run([keep], TABLE_SECONDS)
    return f"{len(sent)} alert(s) sent without a spool" + (
        f"; failed: {'; '.join(failures[:3])}" if failures else ""
    )


def _run(workers: Sequence[threading.Thread], seconds: float) -> None:
    """Start them together and wait so long; what hangs longer ends with its process."""
    deadline = time.monotonic() + seconds
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))


def _fix_audiences(spool: Spool, names: Sequence[str]) -> None:
    """From its first delivery on, an alert goes to the channels of that time."""
    for record in spool.records():
        if record.audience is None:
            spool.change(record.alert.incident, partial(_addressed, names=tuple(names)))


def _addressed(record: Record, names: tuple[str, ...]) -> Record | None:
    return replace(record, audience=names) if record.audience is None else None


# --- one channel ---------------------------------------------------------------------------------


def _serve(
    spool: Spool,
    name: str,
    channel: Channel,
    now: datetime,
    started: float,
    sent: list[str],
    failures: list[str],
) -> None:
    for message in _due(spool.records(), name, now):
        if time.monotonic() - started > START_SECONDS:
            failures.append(f"{name}: too slow, the rest waits")
            return
        try:
            if spool.change(message.incident, partial(_claim, name=name, now=now)) is None:
                continue  # another deliverer has it
            state = _outcome(name, partial(channel, message.alert), failures)
            spool.change(message.incident, partial(_noted, name=name, state=state))
        except OSError as error:  # unrecorded it would be sent again and again
            failures.append(f"spool: {type(error).__name__}")
            return
        if state == "sent":
            sent.append(message.incident)


def _due(records: Sequence[Record], name: str, now: datetime) -> list[_Message]:
    """What the channel lacks, newest first."""
    before_it = [r for r in records if _came_before(r, name) and now - _raised(r) < YOUNG]
    caught_up = {record.alert.incident for record in before_it[-CATCH_UP:]}
    messages = []
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
        messages.append(_Message(alert.incident, over))
    return messages


def _raised(record: Record) -> datetime:
    return datetime.fromisoformat(record.alert.raised_at)


def _came_before(record: Record, name: str) -> bool:
    """Whether the alert is older than the channel."""
    return record.audience is not None and name not in record.audience


def _lacks(record: Record, name: str, now: datetime) -> bool:
    if not _free(record, name, now):
        return False
    if record.resolved_at:  # who did not get the page needs not hear that it is over
        attempt = record.attempts.get(name)
        paged = name in record.delivered or (attempt is not None and attempt.state == UNCONFIRMED)
        return paged and name not in record.told
    return name not in record.delivered


def _free(record: Record, name: str, now: datetime) -> bool:
    """False while another deliverer is at it, and when it may have arrived and somebody surely
    knows.
    """
    attempt = record.attempts.get(_key(record, name))
    if attempt is None or attempt.state == FAILED:
        return True
    if attempt.state == SENDING and now - datetime.fromisoformat(attempt.at) < LEASE:
        return False
    heard = record.told if record.resolved_at else record.delivered
    return attempt.count < _MOST_UNCONFIRMED and not set(heard) - {TABLE}


def _key(record: Record, name: str) -> str:
    return f"{name} resolved" if record.resolved_at else name


def _claim(record: Record, name: str, now: datetime) -> Record | None:
    if not _lacks(record, name, now):
        return None
    key = _key(record, name)
    before = record.attempts.get(key)
    mine = Attempt(SENDING, now.isoformat(), (before.count if before else 0) + 1)
    return replace(record, attempts={**record.attempts, key: mine})


def _noted(record: Record, name: str, state: str) -> Record:
    key = _key(record, name)
    if state == "sent":
        taken = {"told" if record.resolved_at else "delivered": (*_heard(record), name)}
        attempts = {k: v for k, v in record.attempts.items() if k != key}
        return replace(record, attempts=attempts, **taken)  # type: ignore[arg-type]
    attempt = replace(record.attempts[key], state=state)
    if state == FAILED:  # surely not sent: it may be tried as often as needed
        attempt = replace(attempt, count=attempt.count - 1)
    return replace(record, attempts={**record.attempts, key: attempt})


def _heard(record: Record) -> tuple[str, ...]:
    return record.told if record.resolved_at else record.delivered


def _outcome(name: str, send: Callable[[], None], failures: list[str]) -> str:
    try:
        send()
    except Unconfirmed:
        failures.append(f"{name}: no answer, it may have arrived")
        return UNCONFIRMED
    except Exception as error:  # one broken channel must not silence the others
        failures.append(f"{name}: {type(error).__name__}: {error}")
        return FAILED
    return "sent"


# --- the table -----------------------------------------------------------------------------------


def _keep(spool: Spool, table: Table, failures: list[str]) -> None:
    for record in reversed(spool.records()):
        if not _table_lacks(record):
            continue
        names = sorted(set(record.delivered) - {TABLE})
        if (
            _outcome(TABLE, partial(table, record.alert, names, record.resolved_at), failures)
            != "sent"
        ):
            return  # it is down for the others as well
        try:
            spool.change(record.alert.incident, partial(_kept, known=record))
        except OSError:
            return


def _table_lacks(record: Record) -> bool:
    noted = record.attempts.get(TABLE)
    unlisted = noted is None or noted.count != len(set(record.delivered) - {TABLE})
    return (
        TABLE not in record.delivered
        or unlisted
        or bool(record.resolved_at and TABLE not in record.told)
    )


def _kept(record: Record, known: Record) -> Record:
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
