"""What the regular look finds, as tests ask it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.config import Environment
from recsys_tasks.monitoring.alerts.alert import Alert
from recsys_tasks.monitoring.alerts.spool import spool_of
from tests.serving.nights import FIRST

Watch = Callable[..., str]


def raised(environment: Environment) -> list[Alert]:
    return [record.alert for record in spool_of(environment).records()]


def open_now(environment: Environment) -> list[str]:
    return [record.alert.kind for record in spool_of(environment).open()]


def finish_stages(engine: Engine, day: int, names: Sequence[str]) -> None:
    with engine.begin() as connection:
        for name in names:
            connection.execute(
                sa.text(
                    "INSERT INTO recsys.stage_runs (as_of, stage, seconds, rows) VALUES (:day,"
                    " :name, 1, 1)"
                ),
                {"day": FIRST + timedelta(days=day), "name": name},
            )
