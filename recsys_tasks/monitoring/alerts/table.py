"""Alerts and what readers see, in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date

from sqlalchemy import Engine, text

from recsys_tasks.monitoring.alerts.alert import Alert

_UPSERT = text(
    "INSERT INTO recsys.alerts (incident, raised_at, as_of, dag, task, kind, severity, message,"
    " reader_state, remedy, runbook, delivered, resolved_at, shop_time) VALUES (:incident,"
    " CAST(:raised_at AS timestamptz), CAST(NULLIF(:as_of, '') AS date), :dag, :task, :kind,"
    " :severity, :message, :reader_state, :remedy, :runbook, CAST(:channels AS jsonb),"
    " CAST(NULLIF(:resolved_at, '') AS timestamptz), coalesce((SELECT k.now FROM recsys.shop_clock"
    " AS k), CAST(:raised_at AS timestamptz))) ON CONFLICT (incident) DO UPDATE SET delivered ="
    " excluded.delivered,"
    " resolved_at = excluded.resolved_at"
)
_KNOWN = text("SELECT count(*) FROM recsys.alerts WHERE incident = :incident AND delivered <> '{}'")


def keep_alert(
    engine: Engine, alert: Alert, channels: Sequence[str], resolved_at: str = ""
) -> None:
    """Write the alert to `recsys.alerts`, once; a repetition only notes the channels that took it,
    and its end.
    """
    delivered = json.dumps({name: "sent" for name in channels})
    with engine.begin() as connection:
        connection.execute(
            _UPSERT, {**asdict(alert), "channels": delivered, "resolved_at": resolved_at}
        )


def was_sent(engine: Engine, incident: str) -> bool:
    """Whether a channel took the alert of this incident, as far as the table knows."""
    with engine.connect() as connection:
        return bool(connection.scalar(_KNOWN, {"incident": incident}))


def published_night(engine: Engine) -> date | None:
    """The night whose lists readers see, or None when nothing was ever published."""
    with engine.connect() as connection:
        night: date | None = connection.execute(
            text("SELECT as_of FROM recsys.status")
        ).scalar_one_or_none()
    return night
