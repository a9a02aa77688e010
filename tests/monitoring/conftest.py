"""The serving schema's fixtures: what watches nights is tried on real publications."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from recsys_tasks.config import DEFAULT_CONFIG, Environment
from recsys_tasks.config.essentials import read_essentials
from recsys_tasks.monitoring.alerts.spool import spool_of
from recsys_tasks.stages.watch import Look, look
from recsys_tasks.stages.watched_airflow import Airflow
from tests.monitoring.watched import Watch
from tests.serving.conftest import empty, reader, writer
from tests.serving.nights import NOW

__all__ = ["empty", "reader", "writer"]


@pytest.fixture
def environment(empty: Mapping[str, str], tmp_path: Path) -> Environment:
    settings = yaml.safe_load(DEFAULT_CONFIG.read_text()) | {"clock": "wall"}
    (tmp_path / "recsys.yaml").write_text(yaml.safe_dump(settings))
    home = tmp_path / "home"
    return Environment(
        home=home, lake=str(home / "lake"), database_url=empty["recsys"], mlflow_url=None,
        config_path=tmp_path / "recsys.yaml",
    )  # fmt: skip


@pytest.fixture
def simulated(environment: Environment) -> Environment:
    """The environment of a simulated shop."""
    settings = environment.config_path.read_text().replace("wall", "simulated")
    environment.config_path.write_text(settings)
    return environment


@pytest.fixture
def watch(environment: Environment) -> Watch:
    """The look at `hours` after the night of `day` was due, at 01:00 of its date."""

    def run(day: int, hours: float, **airflow: Any) -> str:
        now = NOW + timedelta(days=day, hours=hours)
        at = Look(
            environment,
            read_essentials(environment),
            now,
            Airflow(**airflow),
            spool_of(environment).add,
        )
        return look(at)

    return run
