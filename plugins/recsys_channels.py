"""Airflow's connections, for the alert channels that need one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from recsys_tasks.config import AlertsConfig


def channels(settings: AlertsConfig) -> tuple[dict[str, Callable[[Any], None]], list[str]]:
    """Senders of the channels that are configured, and the names of those that cannot be looked up
    just now.
    """
    from recsys_tasks.monitoring.alerts.channels import open_channels

    return open_channels(settings, connection_of)


def connection_of(connection_id: str) -> Any:
    """The connection of that id; None where there is none. An empty AIRFLOW_CONN_… variable is
    none.
    """
    try:
        connection = BaseHook.get_connection(connection_id)
    except AirflowNotFoundException:
        return None
    return connection if connection.host or connection.password else None
