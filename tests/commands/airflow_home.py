"""Airflow's tables in the embedded server of a home, as the launcher makes them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from recsys_tasks.config import DEFAULT_CONFIG, Environment
from recsys_tasks.database import create_engine, urls
from recsys_tasks.launcher.environment import Place, Ports, airflow_environment
from recsys_tasks.stages.night import running

_RUN = sa.text(
    "INSERT INTO dag_run (dag_id, run_id, run_type, state, run_after, start_date, log_template_id,"
    " span_status) VALUES ('train_ranker', :run, 'manual', 'success', :day, :day,"
    " (SELECT max(id) FROM log_template), 'ended')"
)


@dataclass(frozen=True)
class AirflowHome:
    """A home whose server runs, with Airflow's tables in it."""

    environment: Environment
    variables: Mapping[str, str]

    def airflow(self, *words: str) -> str:
        """What `airflow …` says, in the environment that the launcher gives it."""
        done = subprocess.run(
            ["airflow", *words], env=dict(self.variables), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    def ran(self, run: str, day: datetime) -> None:
        """A run of the history, and a line of the audit log."""
        with self.connected() as connection:
            connection.execute(_RUN, {"run": run, "day": day})
            connection.execute(
                sa.text("INSERT INTO log (dttm, event, run_id) VALUES (:day, 'trigger', :run)"),
                {"run": run, "day": day},
            )

    def rows(self, query: str) -> list[Any]:
        """The first column of what Airflow's tables answer."""
        with self.connected() as connection:
            return list(connection.scalars(sa.text(query)))

    @contextmanager
    def connected(self) -> Iterator[sa.Connection]:
        engine = create_engine(urls(self.environment.home)["airflow"])
        with engine.begin() as connection:
            yield connection
        engine.dispose()


def home_of(folder: Path, settings: Path = DEFAULT_CONFIG) -> Environment:
    """An environment whose home is in a folder."""
    return Environment(
        home=folder / "home",
        lake=str(folder / "home" / "lake"),
        database_url=None,
        mlflow_url=None,
        config_path=settings,
    )


@contextmanager
def airflow_home(environment: Environment, *, migrated: bool = True) -> Iterator[AirflowHome]:
    """The home's server runs; Airflow's tables are made unless a restore brought them."""
    with running(environment):
        known = urls(environment.home)
        place = Place(
            environment.home,
            airflow_url=known["airflow"],
            recsys_url=known["recsys"],
            mlflow_url=known["mlflow"],
            ports=Ports(1, 2, 3),
            config_path=environment.config_path,
        )
        home = AirflowHome(environment, airflow_environment(place))
        if migrated:
            home.airflow("db", "migrate")
        yield home


def connection_in(told: str) -> dict[str, Any]:
    """What `airflow connections get … -o json` says, behind what else it prints."""
    found: list[dict[str, Any]] = json.loads(told[told.index("[{") :])
    return found[0]
