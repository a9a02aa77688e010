"""Airflow's connections, for the alert channels and the sources that need one."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from recsys_tasks.config import (
    AlertsConfig,
    connection_variable,
    load_config,
    read_environment,
)
from recsys_tasks.errors import ConfigError


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
    connection = _found(connection_id)
    return connection if connection and (connection.host or connection.password) else None


def _found(connection_id: str) -> Any:
    try:
        return BaseHook.get_connection(connection_id)
    except AirflowNotFoundException:
        return None


def lend_connections() -> None:
    """Put the connections that the shop's source names into the environment, where the stages,
    which know nothing of Airflow, look for them. What is there already stays.
    """
    with suppress(ConfigError):  # the stage itself says what is wrong with the settings
        for name in load_config(read_environment().config_path).source.connections:
            variable = connection_variable(name)
            connection = None if os.environ.get(variable) else _found(name)
            # one of a cloud may have nothing but extra fields
            if connection and (connection.host or connection.password or connection.extra):
                os.environ[variable] = connection.get_uri()
