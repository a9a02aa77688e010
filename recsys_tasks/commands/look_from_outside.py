"""`recsys probe` and `recsys metrics`: by which bounds they judge, and which database they ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import Engine

from recsys_tasks.config import Environment
from recsys_tasks.config.essentials import read_essentials
from recsys_tasks.config.operations import ScheduleConfig
from recsys_tasks.database import create_engine, urls
from recsys_tasks.errors import ConfigError, RecsysError
from recsys_tasks.monitoring.prometheus import exposition
from recsys_tasks.monitoring.readers.probe import Bounds, Finding, probe, unreachable


def bounds_of(
    environment: Environment,
    given: Mapping[str, str | None],
    stale_after: float | None,
    nights_behind: int | None,
) -> Bounds:
    """The bounds that were typed, completed by the settings as far as they can be read. `given`:
    settings of `schedule` by name.

    Where readers' deadline is known, it alone is the bound, unless others are typed. Raises
    ConfigError for what is no time, no zone or no cron.
    """
    essentials = read_essentials(environment)
    typed = {name: value for name, value in given.items() if value is not None}
    try:
        schedule = ScheduleConfig(**{**essentials.schedule.model_dump(), **typed})
    except ValidationError as error:
        wrong = error.errors()[0]
        name = "-".join(str(wrong["loc"][0]).split("_"))
        raise ConfigError(
            expected="a time of day as HH:MM, a time zone and a cron",
            found=f"{wrong['input']!r}: {wrong['msg']}",
            where=f"--{name}",
            remedy=(
                "write them as in `recsys probe --ready-by 06:00 --timezone Europe/Amsterdam"
                " --nightly '0 3 * * *'`"
            ),
        ) from error
    if schedule.ready_by and ("ready_by" in typed or essentials.clock == "wall"):
        return Bounds(stale_after, nights_behind, schedule.nights)
    return Bounds(
        30.0 if stale_after is None else stale_after, 1 if nights_behind is None else nights_behind
    )


def look_from_outside(environment: Environment, now: datetime, bounds: Bounds) -> Finding:
    """What readers see, judged. Never raises a RecsysError: what does not answer is a finding."""
    try:
        with _readers(environment) as engine:
            return probe(engine, now, bounds)
    except RecsysError as error:
        return unreachable(error)


def metrics_page(environment: Environment, now: datetime) -> tuple[str, bool]:
    """What Prometheus reads, and whether the database answered. Raises TransientError where no
    server was ever started.
    """
    essentials = read_essentials(environment)
    nights = essentials.schedule.nights if essentials.clock == "wall" else None
    with _readers(environment) as engine:
        return exposition(engine, now, nights)


@contextmanager
def _readers(environment: Environment) -> Iterator[Engine]:
    url = environment.database_url or urls(environment.home)["recsys_reader"]
    engine = create_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()
