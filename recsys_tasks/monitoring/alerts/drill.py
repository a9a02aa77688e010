"""The fire drill: a message that is marked as a test, through each channel for real.

Whether a channel would take a page is known by trying alone: a token expires, a webhook is removed,
and nobody hears until a night on which everybody should.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from recsys_tasks.monitoring.alarms import Alarm
from recsys_tasks.monitoring.alerts.alert import DRILL, Alert, incident_id
from recsys_tasks.monitoring.alerts.channels import Send, Unconfirmed

SECONDS = 28.0
"""A channel that has not answered by then did not take it."""
REFUSED = "channel_refused"
"""Kind of the alarm that a channel did not take the test."""


@dataclass(frozen=True)
class Heard:
    """How a channel took the test."""

    channel: str
    accepted: bool
    words: str


def drill(senders: Mapping[str, Send], now: datetime, runbooks: str) -> list[Heard]:
    """Send the test through each channel, all at once; how each took it, by name."""
    return heard_by(senders, drill_alert(now, runbooks))


def heard_by(senders: Mapping[str, Send], alert: Alert) -> list[Heard]:
    """Send a message through each channel, all at once; how each took it, by name."""
    outcomes: dict[str, Heard] = {}

    def send(name: str, channel: Send) -> None:
        outcomes[name] = _heard(name, channel, alert)

    workers = [threading.Thread(target=send, args=p, daemon=True) for p in senders.items()]
    deadline = time.monotonic() + SECONDS
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))
    silent = f"no answer within {SECONDS:.0f} s"
    return [outcomes.get(name, Heard(name, False, silent)) for name in sorted(senders)]


def drill_alert(now: datetime, runbooks: str) -> Alert:
    """The message of a test."""
    at = now.isoformat(timespec="milliseconds")
    return Alert(
        incident=incident_id(DRILL, at),
        raised_at=at,
        as_of="",
        dag="",
        task="",
        kind=DRILL,
        severity="info",
        message="TEST: this channel takes alerts; nothing is wrong",
        reader_state="nothing changed for them",
        remedy="nothing: this is a test",
        runbook=f"{runbooks}/channel-refused.md",
    )


def refusals(heard: Sequence[Heard]) -> list[tuple[Alarm, str]]:
    """The alarm of each channel that did not take the test, and what it comes once for."""
    return [
        (Alarm(REFUSED, _metric(h.channel), 1.0, 0.0, _words(h)), h.channel)
        for h in heard
        if not h.accepted
    ]


def mended(heard: Sequence[Heard]) -> frozenset[str]:
    """Incidents that are over: those of channels that took the test."""
    return frozenset(
        incident_id("alarm", REFUSED, _metric(h.channel), h.channel) for h in heard if h.accepted
    )


def _heard(name: str, channel: Send, alert: Alert) -> Heard:
    try:
        channel(alert)
    except Unconfirmed as error:
        return Heard(name, False, f"no answer ({error}), it may have arrived")
    except Exception as error:  # one broken channel must not silence what the others say
        # only a refusal's own words are sure to hold no URL, which is a secret
        words = f": {error}" if type(error) is ConnectionError else ""
        return Heard(name, False, f"refused: {type(error).__name__}{words}")
    return Heard(name, True, "accepted")


def _metric(channel: str) -> str:
    return f"tests that {channel} took"


def _words(heard: Heard) -> str:
    return f"the alert channel {heard.channel} did not take a test message: {heard.words}"
