"""`recsys alerts test`: which alert channels take a message now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from recsys_tasks.config import AlertsConfig
from recsys_tasks.errors import ConfigError
from recsys_tasks.monitoring.alerts.channels import ConnectionOf, known_channels, open_senders
from recsys_tasks.monitoring.alerts.drill import drill


def try_channels(
    settings: AlertsConfig, connection_of: ConnectionOf, now: datetime, only: str | None
) -> Iterator[tuple[bool, str]]:
    """Send the test message; whether each channel took it, and a line on that. Raises ConfigError
    for a channel that is none, and where no channel is configured.
    """
    known = sorted(channel.name for channel in known_channels())
    if only is not None and only not in known:
        raise ConfigError(
            expected=f"a channel: {', '.join(known)}",
            found=repr(only),
            where="--channel",
            remedy="correct the name, or install the package that has the channel",
        )
    senders, unknown = open_senders(settings, connection_of)
    wanted = {name: send for name, send in senders.items() if only in (None, name)}
    for name in unknown:
        if only in (None, name):
            yield False, f"{name}: its connection cannot be read"
    if not wanted and not unknown:
        raise ConfigError(
            expected="a channel whose connection is in the environment",
            found="none" if only is None else f"no connection of {only}",
            where="AIRFLOW_CONN_… of the settings alerts.*_connection",
            remedy=(
                "export the connection; or, where Airflow alone has it: airflow dags trigger"
                " fire_drill"
            ),
        )
    for heard in drill(wanted, now, settings.runbook_base):
        yield heard.accepted, f"{heard.channel}: {heard.words}"
