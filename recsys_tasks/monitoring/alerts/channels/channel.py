"""What an alert channel is, and what it needs to know of an Airflow connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

from recsys_tasks.config import AlertsConfig
from recsys_tasks.monitoring.alerts.alert import Alert

ANSWER_SECONDS = 20
"""A channel that takes its time has taken the message all the same."""

Send: TypeAlias = Callable[[Alert], None]
"""Sends one alert; raises when it could not, and Unconfirmed when it may have been sent."""


class Unconfirmed(Exception):
    """The message went out, but no answer came: it may have arrived."""


class LessSevere(Exception):
    """The channel is not to get alerts of this severity."""


class Connection(Protocol):
    """An Airflow connection."""

    host: str | None
    login: str | None
    password: str | None
    schema: str | None
    port: int | None

    @property
    def extra_dejson(self) -> Mapping[str, Any]:
        """Its extra fields."""


ConnectionOf: TypeAlias = Callable[[str], Connection | None]
"""The Airflow connection of that id; None where there is none, or an empty one. Raises when it
cannot be looked up just now."""


@runtime_checkable
class Channel(Protocol):
    """Where alerts are sent. Its name is on record with each alert that it took."""

    @property
    def name(self) -> str:
        """As in the column `delivered` of `recsys.alerts`."""

    def open(self, settings: AlertsConfig, connection_of: ConnectionOf) -> Send | None:
        """What sends an alert; None where the channel is not configured.

        Called before each delivery in every Airflow process that delivers, so it loads a library
        only when it is configured. May raise when it cannot be known just now: the channel gets its
        alerts later.
        """
