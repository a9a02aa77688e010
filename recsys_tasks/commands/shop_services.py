"""What a person's command opens: the shop's database and its time, or a night of now with its
registry.

`now` is the world's time; what a command writes down is in the shop's clock, like the nights beside
it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Engine

from recsys_tasks.config import Environment, load_config
from recsys_tasks.database import create_engine, database_url
from recsys_tasks.stages.night import Night, local_environment
from recsys_tasks.stages.shop_clock import shop_time


@contextmanager
def shop_database(now: datetime) -> Iterator[tuple[Engine, datetime]]:
    """The running database, and the time in the shop's clock."""
    with local_environment() as environment, _engine_of(environment) as engine:
        yield engine, shop_time(engine, now)


@contextmanager
def night_of_now(now: datetime) -> Iterator[Night]:
    """A night at the shop's time, for its registry and lake. Raises ConfigError."""
    with local_environment() as environment:
        with _engine_of(environment) as engine:
            now = shop_time(engine, now)
        night = Night(load_config(environment.config_path), environment, now.date(), now)
        yield night
        night.engine.dispose()


@contextmanager
def _engine_of(environment: Environment) -> Iterator[Engine]:
    engine = create_engine(database_url(environment))
    yield engine
    engine.dispose()
