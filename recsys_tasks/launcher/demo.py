"""The demo: three nights of a simulated shop through the real scheduler, one of them with a broken
delivery.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path

from sqlalchemy import Engine

from recsys_tasks.config import DEFAULT_CONFIG, PROJECT_ROOT, Environment, load_config
from recsys_tasks.dag_names import FIRST_DAG, LAST_DAG
from recsys_tasks.database import EmbeddedServer, create_engine
from recsys_tasks.errors import ConfigError
from recsys_tasks.launcher import report, sessions
from recsys_tasks.launcher.api import wait_until
from recsys_tasks.launcher.progress import Progress
from recsys_tasks.launcher.stack import Stack, alone_in
from recsys_tasks.sources.kinds.shop import ShopSource
from recsys_tasks.sources.shop.source import Shop

HISTORY_DAYS = 56
_NIGHT_SECONDS = 1800.0


class NightFailed(Exception):
    """A night ended otherwise than the demo expects."""


@dataclass(frozen=True)
class DemoResult:
    """What the last screen needs: figures of the whole run."""

    home: Path
    report: report.Report
    nights: tuple[tuple[date, float], ...]
    ready_seconds: float
    seconds: float
    peaks: dict[str, int]
    peak: int


def run_demo(say: Callable[[str], None], home: Path | None = None) -> DemoResult:
    """Run the demo in a home of its own, made anew. Raises NightFailed when a night goes another
    way.
    """
    began = time.perf_counter()
    home = (home or PROJECT_ROOT / "build" / "demo").resolve()
    _clear(home)
    settings = Environment(
        home=home,
        lake=str(home / "lake"),
        database_url=None,
        mlflow_url=None,
        config_path=DEFAULT_CONFIG,
    )
    shop = _shop(settings)
    first = shop.first_day + timedelta(days=HISTORY_DAYS)
    say(f"The shop lives through {HISTORY_DAYS} days while Airflow starts")
    # A process of its own: OpenBLAS can hang for ever when this process forks while one of its
    # threads multiplies.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as beside:
        history = beside.submit(shop.simulate, first)
        with Stack(settings, say) as stack:
            stack.wait_ready()
            history.result()
            ready = time.perf_counter() - began
            engine = create_engine(stack.recsys_url)
            progress = Progress(stack.api, engine, stack.meter, say)
            nights = tuple(_nights(shop, engine, progress, stack, say, first))
            found = report.read_report(engine)
            engine.dispose()
            peaks, peak = dict(stack.meter.peaks), stack.meter.peak
    return DemoResult(home, found, nights, ready, time.perf_counter() - began, peaks, peak)


def _nights(
    shop: Shop,
    engine: Engine,
    progress: Progress,
    stack: Stack,
    say: Callable[[str], None],
    first: date,
) -> list[tuple[date, float]]:
    done = [_night(1, first, stack, progress, say, "cold start")]
    second, third = first + timedelta(days=1), first + timedelta(days=2)
    shop.simulate_day(first, report.published_lists(engine))
    say(f"{first}: shoppers saw the lists of night 1; what they did is tonight's new data")
    done.append(_night(2, second, stack, progress, say, "warm start"))
    shop.simulate_day(second, report.published_lists(engine))
    shop.write_bad_batch(second)
    say(f"{second}: the shop delivers a broken batch")
    _broken_night(third, engine, stack, progress, say)
    shop.write_corrected_batch(second)
    done.append(_night(3, third, stack, progress, say, "corrected batch"))
    return done


def _night(
    number: int,
    night: date,
    stack: Stack,
    progress: Progress,
    say: Callable[[str], None],
    words: str,
) -> tuple[date, float]:
    began = time.perf_counter()
    say(f"Night {number}, {night}: {words}")
    run = stack.api.trigger(stack.dag_id(FIRST_DAG), night.isoformat())
    state = progress.follow(night, run, until=stack.dag_id(LAST_DAG), seconds=_NIGHT_SECONDS)
    if state != "success":
        raise NightFailed(f"night {night} ended as {state}:\n" + progress.last_alert())
    seconds = time.perf_counter() - began
    say(f"Night {number} is published and measured after {seconds:.0f} s")
    return night, seconds


def _broken_night(
    night: date, engine: Engine, stack: Stack, progress: Progress, say: Callable[[str], None]
) -> None:
    before, known = report.published_night(engine), len(report.alerts(engine))
    run = stack.api.trigger(stack.dag_id(FIRST_DAG), night.isoformat())
    state = progress.follow(night, run, until=stack.dag_id(LAST_DAG), seconds=_NIGHT_SECONDS)
    if state != "failed":
        raise NightFailed(f"the broken batch of {night} was not refused: {state}")
    wait_until(lambda: len(report.alerts(engine)) > known, 90, "the alert of the broken batch")
    if report.published_night(engine) != before:
        raise NightFailed("readers no longer see the lists of the night before")
    say(f"Refused, and on-call has one alert; readers keep the lists of {before}")


def _shop(settings: Environment) -> Shop:
    config = load_config(settings.config_path)
    if not isinstance(config.source, ShopSource) or config.clock != "simulated":
        raise ConfigError(
            expected="source.kind shop and clock simulated",
            found=f"source.kind {config.source.kind}, clock {config.clock}",
            where=str(settings.config_path),
            remedy=(
                "the demo runs on include/recsys.yaml as it came; run your own shop with `make"
                " airflow`"
            ),
        )
    return Shop(config.source, settings.home)


def _clear(home: Path) -> None:
    """Remove an earlier demo, and end what a killed demo left running. Raises ConfigError while one
    still runs.
    """
    alone_in(home).close()
    sessions.end_left_over(home / "airflow" / "processes")
    if (home / "postgres" / "postmaster.pid").exists():
        EmbeddedServer.start(home).stop()
    shutil.rmtree(home, ignore_errors=True)
