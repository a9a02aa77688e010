"""E-mail over SMTP, by an Airflow connection of the type `smtp`.

As Airflow's own: TLS from the start unless the extra field `disable_ssl` is true, and then STARTTLS
unless `disable_tls` is. `from_email` and `to`, with commas between several, are extra fields, too.
"""

from __future__ import annotations

import logging
import smtplib
import ssl
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

from recsys_tasks.config import AlertsConfig
from recsys_tasks.monitoring.alerts.alert import Alert, as_text
from recsys_tasks.monitoring.alerts.channels.channel import (
    ANSWER_SECONDS,
    Connection,
    ConnectionOf,
    Send,
    Unconfirmed,
)

log = logging.getLogger(__name__)

_TLS_PORT, _PORT = 465, 587
_LONGEST_SUBJECT = 120


@dataclass(frozen=True)
class Email:
    """The connection of the setting `alerts.email_connection`, where it exists and has `to`."""

    name: str = "email"

    def open(self, settings: AlertsConfig, connection_of: ConnectionOf) -> Send | None:
        """See `Channel`."""
        if not settings.email_connection:
            return None
        connection = connection_of(settings.email_connection)
        if connection is None or not connection.host or not _receivers(connection.extra_dejson):
            return None
        return _sender(connection)


def _receivers(extra: Mapping[str, Any]) -> list[str]:
    given = extra.get("to") or ""
    names = given.split(",") if isinstance(given, str) else map(str, given)
    return [name.strip() for name in names if name.strip()]


def _is_true(value: Any) -> bool:
    return str(value).strip().lower() in ("true", "1", "yes")


def _sender(connection: Connection) -> Send:
    to = _receivers(connection.extra_dejson)
    sender = str(connection.extra_dejson.get("from_email") or connection.login or to[0])

    def send(alert: Alert) -> None:
        message = _message(alert, sender, to)
        try:
            with closing(_opened(connection)) as server:
                if connection.login and connection.password:
                    server.login(connection.login, connection.password)
                _hand_over(server, message)
                with suppress(smtplib.SMTPException, OSError):  # it has the message
                    server.quit()
        except smtplib.SMTPResponseException as error:
            # the server's own words may hold addresses
            raise ConnectionError(f"SMTP {error.smtp_code}") from None
        except smtplib.SMTPException as error:
            raise ConnectionError(type(error).__name__) from None

    return send


def _opened(connection: Connection) -> smtplib.SMTP:
    extra, host = connection.extra_dejson, str(connection.host)
    if not _is_true(extra.get("disable_ssl")):
        port = connection.port or _TLS_PORT
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(host, port, timeout=ANSWER_SECONDS, context=context)
    server = smtplib.SMTP(host, connection.port or _PORT, timeout=ANSWER_SECONDS)
    if not _is_true(extra.get("disable_tls")):
        server.starttls(context=ssl.create_default_context())
    return server


def _hand_over(server: smtplib.SMTP, message: EmailMessage) -> None:
    """Raises Unconfirmed where the server fell silent after it had the message."""
    try:
        refused = server.send_message(message)
    except (TimeoutError, smtplib.SMTPServerDisconnected, ConnectionResetError) as error:
        raise Unconfirmed(type(error).__name__) from error
    if refused:  # trying again would send it again to the others
        codes = ", ".join(sorted({str(code) for code, _ in refused.values()}))
        log.warning("The mail server refused %d receiver(s): SMTP %s", len(refused), codes)


def _message(alert: Alert, sender: str, to: list[str]) -> EmailMessage:
    """A notice, such as that it is over, answers the alert, so that both stand in one thread."""
    message, name = EmailMessage(), f"<{alert.incident}@nightshelf.invalid>"
    state = alert.severity if alert.status == "open" else alert.status
    first = " ".join(alert.message.splitlines()[0].split())
    message["Subject"] = f"[{state}] {first}"[:_LONGEST_SUBJECT]
    message["From"], message["To"] = sender, ", ".join(to)
    if alert.status == "open":
        message["Message-ID"] = name
    else:
        message["Message-ID"] = f"<{alert.incident}.{alert.status}@nightshelf.invalid>"
        message["In-Reply-To"] = message["References"] = name
    message.set_content(as_text(alert) + "\n")
    return message


CHANNEL = Email()
