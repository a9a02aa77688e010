"""A heartbeat after each good night: a service outside calls people when it stays away.

It tells of what nothing here can tell of: a machine, an Airflow or a network that is gone.
"""

from __future__ import annotations

from datetime import date

from recsys_tasks.config import AlertsConfig
from recsys_tasks.monitoring.alerts.channels import ConnectionOf, Unconfirmed
from recsys_tasks.monitoring.alerts.channels.http import post_json
from recsys_tasks.monitoring.alerts.channels.webhook import webhook_url


def beat(settings: AlertsConfig, connection_of: ConnectionOf, as_of: date) -> str:
    """Post the night to the URL of `alerts.heartbeat_connection`, where it exists; one line on how
    it went, empty without one. Never raises: the night is good, heard or not.
    """
    if not settings.heartbeat_connection:
        return ""
    try:
        connection = connection_of(settings.heartbeat_connection)
        if connection is None:
            return ""
        secret = connection.password or ""
        url = secret if "://" in secret else webhook_url(connection)
        post_json(url, {"as_of": as_of.isoformat(), "status": "published"})
    except Unconfirmed as error:
        return f"heartbeat: no answer ({error}), it may have arrived"
    except Exception as error:
        # only a refusal's own words are sure to hold no URL, which is a secret
        words = f": {error}" if type(error) is ConnectionError else ""
        return f"heartbeat: not sent: {type(error).__name__}{words}"
    return "heartbeat sent"
