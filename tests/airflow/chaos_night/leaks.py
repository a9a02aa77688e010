"""The search for planted secrets and user ids in all that the nights left behind."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from recsys_tasks.database import create_engine, urls
from tests.airflow.chaos_night.outcome import Outcome
from tests.airflow.chaos_night.planted import A_USER, SECRETS
from tests.airflow.chaos_night.stand import NightStand

_ROOMS = ("alerts", "errors", "airflow", "lake", "postgres")
_EXPORTS = "env.sh"
"""What a person sources to speak to this Airflow; its connections are in it, and only the owner
may read it.
"""


def nothing_leaked(stand: NightStand) -> Outcome:
    """Secrets in no file of the home (the database's, too) but the one that is made for them, and
    in no message; an error's own text, with the user of whom it speaks, in its task's log alone.
    """
    began = time.monotonic()
    wrong = [*_in_files(stand.home), *_in_messages(stand), *_in_alerts(stand.home)]
    took = time.monotonic() - began
    return Outcome("planted secrets and a user's id", "held", took, {}, "; ".join(wrong))


def _in_files(home: Path) -> Iterator[str]:
    for room in _ROOMS:
        for path in sorted((home / room).resolve().rglob("*")):
            if path.is_file():
                yield from _in_file(path, home)


def _in_file(path: Path, home: Path) -> Iterator[str]:
    try:
        content = path.read_bytes()
    except OSError:  # gone meanwhile
        return
    if path.name == _EXPORTS:
        if path.stat().st_mode & 0o077:
            yield f"others may read {path}"
        return
    own_log = f"{home.resolve().parent}/airflow/logs/dag_id=" in str(path.resolve())
    for name, secret in SECRETS.items():
        if secret.encode() in content and not (name == "an error" and own_log):
            yield f"the secret of {name} is in {path}"
    told = {"alerts", "errors"} & set(path.relative_to(home.resolve().parent).parts)
    if told and A_USER.encode() in content:
        yield f"{A_USER} is in {path}"


def _in_messages(stand: NightStand) -> Iterator[str]:
    mails = "\n".join(message.as_string() for _, message in stand.mailbox.messages)
    sent_to = {name: json.dumps(one.bodies) for name, one in stand.channels.items()}
    for name, sent in {**sent_to, "teams": json.dumps(stand.teams.bodies), "e-mail": mails}.items():
        for what in (A_USER, *SECRETS.values()):
            if what in sent and not (name == "pagerduty" and what == SECRETS["pagerduty"]):
                yield f"{what} was sent to {name}"  # a routing key is part of the pager's message


def _in_alerts(home: Path) -> Iterator[str]:
    engine = create_engine(urls(home)["recsys"])
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT to_jsonb(a)::text FROM recsys.alerts AS a"))
        told = "\n".join(rows.scalars())
    engine.dispose()
    return (f"{what} is in recsys.alerts" for what in (A_USER, *SECRETS.values()) if what in told)
