"""Alerts to channels: each message once, whoever delivers beside; a channel that hangs holds no
other one up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from recsys_tasks.monitoring.alerts.alert import Alert
from recsys_tasks.monitoring.alerts.attempts import (
    FAILURES,
    Message,
    addressed,
    claim,
    due,
    kept,
    noted,
    rests,
    table_lacks,
)
from recsys_tasks.monitoring.alerts.channels import LessSevere, Send, Unconfirmed
from recsys_tasks.monitoring.alerts.digest import Digest, gather
from recsys_tasks.monitoring.alerts.spool import (
    FAILED,
    LEFT_OUT,
    SENT,
    TABLE,
    UNCONFIRMED,
    Spool,
)

KeepAlert = Callable[[Alert, Sequence[str], str], None]
"""Keeps one alert, the names of the channels that took it, and when it was over; raises when it
could not.
"""

# Airflow ends a callback after 50 s. A channel that began nothing new after START_SECONDS is given
# up at LAST_SECONDS.
START_SECONDS = 7.0
LAST_SECONDS = 28.0
TABLE_SECONDS = 6.0


def deliver(
    spool: Spool,
    channels: Mapping[str, Send],
    table: KeepAlert | None,
    *,
    now: datetime,
    known: Iterable[str] = (),
    digest: Digest | None = None,
) -> str:
    """Offer what waits to each channel, newest first, and to the table; one line on how it went.
    Never raises.

    `known` names channels that exist and cannot be reached just now: they get their alerts later.
    `digest`: which alerts wait for it; None: none does.
    """
    failures: list[str] = []
    sent: list[str] = []
    spool.settle()
    try:
        if digest is not None:
            gather(spool, digest, now)
        _fix_audiences(spool, [*channels, *known])
    except OSError as error:
        failures.append(f"spool: {type(error).__name__}")
    workers = [
        threading.Thread(
            target=_serve,
            args=(_Delivery(spool, now, digest, sent, failures), name, channel),
            daemon=True,
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


def send_now(alert: Alert, channels: Mapping[str, Send], table: KeepAlert | None) -> str:
    """Send an alert that no folder could keep to every channel at once; one line on how it went.
    Never raises.
    """
    sent: list[str] = []
    failures: list[str] = []

    def send(name: str, channel: Send) -> None:
        if _outcome(name, partial(channel, alert), failures) not in (FAILED, LEFT_OUT):
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
            spool.change(record.alert.incident, partial(addressed, names=tuple(names)))


# --- one channel ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Delivery:
    """One delivery, for each of its channels."""

    spool: Spool
    now: datetime
    digest: Digest | None
    sent: list[str]
    failures: list[str]
    started: float = field(default_factory=time.monotonic)

    def waiting(self, name: str) -> list[Message]:
        """What the channel is to be sent now; nothing while it rests."""
        records = self.spool.records()
        if rests(records, name, self.now):
            self.failures.append(f"{name}: failed too often, it rests")
            return []
        messages = due(records, name, self.now)
        return [m for m in messages if self.digest is None or not self.digest.holds(m.alert)]


def _serve(delivery: _Delivery, name: str, channel: Send) -> None:
    spool, now, failures, failed = delivery.spool, delivery.now, delivery.failures, 0
    for message in delivery.waiting(name):
        if failed >= FAILURES:
            return
        if time.monotonic() - delivery.started > START_SECONDS:
            failures.append(f"{name}: too slow, the rest waits")
            return
        try:
            if spool.change(message.incident, partial(claim, name=name, now=now)) is None:
                continue  # another deliverer has it
            state = _outcome(name, partial(channel, message.alert), failures)
            spool.change(message.incident, partial(noted, name=name, state=state))
        except OSError as error:  # unrecorded it would be sent again and again
            failures.append(f"spool: {type(error).__name__}")
            return
        if state == SENT:
            delivery.sent.append(message.incident)
        failed = failed + 1 if state in (FAILED, UNCONFIRMED) else 0


def _outcome(name: str, send: Callable[[], None], failures: list[str]) -> str:
    try:
        send()
    except LessSevere:
        return LEFT_OUT
    except Unconfirmed:
        failures.append(f"{name}: no answer, it may have arrived")
        return UNCONFIRMED
    except Exception as error:  # one broken channel must not silence the others
        failures.append(f"{name}: {type(error).__name__}: {error}")
        return FAILED
    return SENT


# --- the table -----------------------------------------------------------------------------------


def _keep(spool: Spool, table: KeepAlert, failures: list[str]) -> None:
    for record in reversed(spool.records()):
        if not table_lacks(record):
            continue
        names = sorted(set(record.delivered) - {TABLE})
        if (
            _outcome(TABLE, partial(table, record.alert, names, record.resolved_at), failures)
            != SENT
        ):
            return  # it is down for the others as well
        try:
            spool.change(record.alert.incident, partial(kept, known=record))
        except OSError:
            return
