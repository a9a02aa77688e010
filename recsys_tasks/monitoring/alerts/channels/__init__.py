"""Alert channels: an extension point, one file a channel. What calls people is here; what Airflow
knows of connections is handed in.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from recsys_tasks.config import AlertsConfig
from recsys_tasks.errors import ConfigError
from recsys_tasks.extensions import ExtensionPoint
from recsys_tasks.monitoring.alarms import SEVERITIES, Severity
from recsys_tasks.monitoring.alerts.alert import Alert
from recsys_tasks.monitoring.alerts.channels.channel import (
    Channel,
    Connection,
    ConnectionOf,
    LessSevere,
    Send,
    Unconfirmed,
)

__all__ = [
    "CHANNELS",
    "Channel",
    "Connection",
    "ConnectionOf",
    "LessSevere",
    "Send",
    "Unconfirmed",
    "known_channels",
    "open_channels",
    "open_senders",
]

log = logging.getLogger(__name__)


def _check(found: Any) -> None:
    if not isinstance(found, Channel):
        raise TypeError(f"{found!r} is no Channel of recsys_tasks.monitoring.alerts.channels")


CHANNELS: ExtensionPoint[Channel] = ExtensionPoint(
    what="alert channel",
    group="nightshelf.channels",
    package="recsys_tasks.monitoring.alerts.channels",
    attribute="CHANNEL",
    check=_check,
)


def open_channels(
    settings: AlertsConfig, connection_of: ConnectionOf
) -> tuple[dict[str, Send], list[str]]:
    """Senders of the channels that are configured, and the names of those that cannot be looked up
    just now.

    Connections are looked up here, not when something is sent: channels send in threads of their
    own. Never raises: a channel that cannot be opened, or a package that cannot be loaded, does not
    silence the others.
    """
    senders, unknown = open_senders(settings, connection_of)
    for name in senders.keys() & settings.least_severity.keys():
        senders[name] = _from(settings.least_severity[name], senders[name])
    return senders, unknown


def open_senders(
    settings: AlertsConfig, connection_of: ConnectionOf
) -> tuple[dict[str, Send], list[str]]:
    """As `open_channels`, but each sends whatever the severity: for tests of a channel."""
    senders: dict[str, Send] = {}
    unknown: list[str] = []
    for channel in known_channels():
        try:
            send = channel.open(settings, connection_of)
        except Exception as error:
            log.warning("Channel %s cannot be opened: %s", channel.name, type(error).__name__)
            unknown.append(channel.name)
            continue
        if send is not None:
            senders[channel.name] = send
    return senders, unknown


def _from(least: Severity, send: Send) -> Send:
    """Sends alerts of this severity and above; that one is over goes to whoever got it."""

    def send_if_severe(alert: Alert) -> None:
        if alert.status == "open" and SEVERITIES.index(alert.severity) < SEVERITIES.index(least):
            raise LessSevere
        send(alert)

    return send_if_severe


def known_channels() -> Iterable[Channel]:
    """Every channel that is installed; the built-in ones where a package cannot be loaded."""
    try:
        return tuple(CHANNELS)
    except ConfigError as error:
        log.warning("Only the built-in channels are used. %s", error)
        return tuple(found.extension for found in CHANNELS.built_in())
