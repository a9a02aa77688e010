"""An environment of a home, for tests that need no more of it."""

from __future__ import annotations

from pathlib import Path

from recsys_tasks.config import Environment
from recsys_tasks.config.environment import DEFAULT_CONFIG


def environment_of(home: Path, database_url: str | None = None) -> Environment:
    """What RECSYS_HOME and RECSYS_DATABASE_URL alone say."""
    return Environment(
        home=home,
        lake=str(home / "lake"),
        database_url=database_url,
        mlflow_url=None,
        config_path=DEFAULT_CONFIG,
    )
