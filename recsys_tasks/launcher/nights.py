"""Chosen nights through the real scheduler, headless: a rerun, a backfill, a trial of one's own
settings.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import date

from recsys_tasks.config import Environment
from recsys_tasks.dag_names import FIRST_DAG, LAST_DAG
from recsys_tasks.database import create_engine
from recsys_tasks.launcher.progress import Progress
from recsys_tasks.launcher.stack import Stack

_NIGHT_SECONDS = 12 * 3600.0


def run_nights(settings: Environment, nights: Sequence[date], say: Callable[[str], None]) -> bool:
    """Start Airflow, run the nights in order, stop it; False when one failed, and then none after
    it runs.
    """
    with Stack(settings, say) as stack:
        stack.wait_ready()
        first, last = stack.dag_id(FIRST_DAG), stack.dag_id(LAST_DAG)
        engine = create_engine(stack.recsys_url)
        progress = Progress(stack.api, engine, stack.meter, say)
        try:
            for night in nights:
                began = time.perf_counter()
                say(f"Night {night}")
                run = stack.api.trigger(first, night.isoformat())
                state = progress.follow(night, run, until=last, seconds=_NIGHT_SECONDS)
                if state != "success":
                    say(f"Night {night} ended as {state}:\n{progress.last_alert()}")
                    return False
                say(
                    f"Night {night} is published and measured after"
                    f" {time.perf_counter() - began:.0f} s"
                )
            say(f"memory: {stack.meter.peak / 2**30:.1f} GiB at most")
        finally:
            engine.dispose()
    return True
