"""The alert of a part that does not stay up, sent by a process of its own: this one knows nothing
of Airflow.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from recsys_tasks.config import PROJECT_ROOT, Environment
from recsys_tasks.monitoring.alarms import runbook_link
from recsys_tasks.monitoring.alerts.alert import Alert, as_text, incident_id
from recsys_tasks.monitoring.alerts.spool import spool_of

_SECONDS = 60
_DOES_NOT_STAY_UP = " does not stay up"
_SEND = """
import json, sys
from recsys_alerts import deliver_alerts, raise_or_send
from recsys_tasks.monitoring.alerts.alert import Alert
raise_or_send(Alert(**json.load(sys.stdin)))
print("\\x1e", deliver_alerts(), sep="")
"""


def tell(part: str, found: str, environment: Mapping[str, str]) -> str:
    """Raise and deliver one alert with the channels of Airflow's `environment`; how it went, and
    the alert.
    """
    now = datetime.now(UTC)  # noqa: TID251  # a process died now, whatever night it is
    return send(
        down_alert(part, found, home=Path(environment["RECSYS_HOME"]), now=now), environment
    )


def down_alert(part: str, found: str, *, home: Path, now: datetime) -> Alert:
    """The alert of a part of the stack that does not stay up; each time that it happens is an
    incident of its own.
    """
    at = now.isoformat(timespec="seconds")
    database = not part.startswith("airflow ")
    log = (
        home / "postgres" / "log"
        if database
        else home / "airflow" / "processes" / f"{part.split()[-1]}.log"
    )
    lists = (
        "readers get nothing: their database is down"
        if database
        else "readers keep their lists: PostgreSQL is up"
    )
    return Alert(
        incident=incident_id("down", part, at),
        raised_at=at,
        as_of="",
        dag="",
        task="",
        kind="Down",
        severity="critical",
        message=f"{part}{_DOES_NOT_STAY_UP}\nexpected: it to run\nfound: {found}\nwhere: {log}",
        reader_state=f"{lists}; no night runs until this one does",
        remedy=f"tail -n 50 {log}; correct what it names: the launcher starts it again each minute",
        runbook=runbook_link("Down", "include/runbooks"),
    )


def over(part: str, environment: Environment, *, now: datetime) -> None:
    """A part has stayed up since: its alerts are over, of which the channels hear with the next
    delivery. Raises OSError when no folder can be written.
    """
    first = down_alert(part, "", home=environment.home, now=now).message.splitlines()[0]
    spool_of(environment).resolve(
        lambda alert: alert.kind == "Down" and alert.message.splitlines()[0] == first,
        f"{part} has stayed up since",
        now,
    )


def alerted_parts(environment: Environment) -> set[str]:
    """The parts whose alert is still open, whichever launcher raised it."""
    firsts = (
        record.alert.message.splitlines()[0]
        for record in spool_of(environment).open()
        if record.alert.kind == "Down"
    )
    return {first.removesuffix(_DOES_NOT_STAY_UP) for first in firsts}


def send(alert: Alert, environment: Mapping[str, str]) -> str:
    """Keep an alert and offer it to every channel, also where the database does not answer; how it
    went, and it.
    """
    path = f"{PROJECT_ROOT / 'plugins'}:{environment.get('PYTHONPATH', '')}"
    # As a server of Airflow's own, it also finds the connections that were made in the UI.
    surroundings = {**environment, "PYTHONPATH": path, "_AIRFLOW_PROCESS_CONTEXT": "server"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", _SEND],
            input=json.dumps(asdict(alert)),
            env=surroundings,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = (
            f"it could not be sent: {getattr(error, 'stderr', None) or error}".strip().splitlines()[
                -1
            ]
        )
    else:
        said = done.stdout.rpartition("\x1e")[2].splitlines()[0]
    return f"{said}:\n{as_text(alert)}"
