"""`recsys alerts ack`: a person is at an incident; its channels hear so, and then only its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from recsys_tasks.config import Environment, connection_of_environment
from recsys_tasks.config.essentials import read_essentials
from recsys_tasks.database import create_engine, database_url, transaction
from recsys_tasks.errors import ConfigError
from recsys_tasks.monitoring.alerts.alert import Alert, acknowledged_notice
from recsys_tasks.monitoring.alerts.channels import open_channels
from recsys_tasks.monitoring.alerts.drill import heard_by
from recsys_tasks.monitoring.alerts.spool import Record, spool_of
from recsys_tasks.monitoring.alerts.wording import fit_to_send

_FIND = sa.text(
    "SELECT incident, raised_at, coalesce(as_of::text, '') AS as_of, coalesce(dag, '') AS dag,"
    " coalesce(task, '') AS task, kind, severity, message, reader_state, remedy,"
    " coalesce(runbook, '') AS runbook, delivered, resolved_at FROM recsys.alerts"
    " WHERE id::text = :which OR incident = :which"
)
_NOTE = sa.text(
    "UPDATE recsys.alerts SET acknowledged_at = :now, acknowledged_by = :who,"
    " acknowledged_note = NULLIF(:note, '') WHERE incident = :incident"
)


def acknowledge(
    environment: Environment, which: str, who: str, note: str, now: datetime
) -> Iterator[str]:
    """Note that `who` is at the alert with this id or incident, and tell the channels that have it;
    a line on each. Raises ConfigError for one that is not there or over.
    """
    who, note = fit_to_send(who), fit_to_send(note)
    engine = create_engine(database_url(environment))
    try:
        with transaction(engine) as connection:
            row = connection.execute(_FIND, {"which": which}).mappings().one_or_none()
            if row is None or row["resolved_at"] is not None:
                raise _refused(which, row)
            of = {"incident": row["incident"], "now": now, "who": who, "note": note}
            connection.execute(_NOTE, of)
    finally:
        engine.dispose()
    at = now.isoformat(timespec="milliseconds")
    spool_of(environment).change(row["incident"], partial(_acknowledged, at=at))
    yield f"{row['kind']} of {row['as_of'] or 'no night'}: {who} is at it"
    given = {name: row[name] for name in Alert.__dataclass_fields__ if name in row}
    alert = Alert(**{**given, "raised_at": row["raised_at"].isoformat()})
    senders, _ = open_channels(read_essentials(environment).alerts, connection_of_environment)
    told = {name: send for name, send in senders.items() if name in row["delivered"]}
    for heard in heard_by(told, acknowledged_notice(alert, who, note, at)):
        yield f"{heard.channel}: {heard.words}"


def _acknowledged(record: Record, at: str) -> Record | None:
    return None if record.resolved_at else replace(record, acknowledged=at)


def _refused(which: str, row: Any) -> ConfigError:
    over = "no such alert" if row is None else f"over since {row['resolved_at']:%Y-%m-%d %H:%M} UTC"
    return ConfigError(
        expected="the id or the incident of an open alert",
        found=f"{which!r}: {over}",
        where="recsys alerts ack",
        remedy="recsys alerts list shows the open ones with their ids",
    )
