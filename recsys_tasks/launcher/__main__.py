"""`python -m recsys_tasks.launcher demo | airflow | nights DATE …`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from recsys_tasks.clock import typed_day
from recsys_tasks.config import Environment, load_config, read_environment
from recsys_tasks.dag_names import FIRST_DAG
from recsys_tasks.errors import RecsysError
from recsys_tasks.launcher.demo import NightFailed, run_demo
from recsys_tasks.launcher.nights import run_nights
from recsys_tasks.launcher.screen import show
from recsys_tasks.launcher.stack import Stack
from recsys_tasks.monitoring.alerts.rerun import trigger_command

_UI_PORT = 8080


def main(arguments: list[str] | None = None) -> int:
    """Run a verb; the exit code."""
    parser = argparse.ArgumentParser(prog="recsys_tasks.launcher", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    demo = verbs.add_parser("demo", help="three simulated nights, then a summary")
    demo.add_argument(
        "--home", type=Path, help="folder of the demo, made anew; default: build/demo"
    )
    airflow = verbs.add_parser("airflow", help="Airflow with its UI on 127.0.0.1 until Ctrl-C")
    airflow.add_argument(
        "--port", type=int, default=_UI_PORT, help="port of the UI; another one when it is taken"
    )
    nights = verbs.add_parser(
        "nights", help="these nights through the scheduler, headless, then stop"
    )
    nights.add_argument("as_of", nargs="+", help="YYYY-MM-DD, in the order to run")
    chosen = parser.parse_args(arguments)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    began = time.perf_counter()

    def say(line: str) -> None:
        console.print(
            f"[dim]{time.perf_counter() - began:6.1f} s[/dim]  {escape(line)}",
            markup=True,
            soft_wrap=True,
        )

    try:
        if (
            chosen.verb == "nights"
        ):  # `airflow` starts with any: readers need their database, and DAGs load without it
            load_config(read_environment().config_path)
        if chosen.verb == "demo":
            show(console, run_demo(say, chosen.home))
        elif chosen.verb == "nights":
            days = [typed_day(day, "the nights to run") for day in chosen.as_of]
            return 0 if run_nights(read_environment(), days, say) else 1
        else:
            _serve(console, chosen.port)
    except KeyboardInterrupt:
        console.print("stopped")
        return 0 if chosen.verb == "airflow" else 130
    except (RecsysError, NightFailed, TimeoutError, RuntimeError) as error:
        console.print(str(error), style="red", markup=False)
        return 1
    return 0


def _serve(console: Console, port: int) -> None:
    settings = read_environment()
    with Stack(
        settings, lambda line: console.print(line, markup=False, soft_wrap=True), port=port
    ) as stack:
        try:
            stack.wait_ready()
        except (
            RuntimeError,
            TimeoutError,
        ) as error:  # readers keep their database, and what is wrong can be mended
            console.print(str(error), style="red", markup=False)
        console.print(f"UI: {stack.api.base} (no login: it listens on 127.0.0.1 only)")
        console.print(f"A shell that speaks to it: source {stack.exports}", soft_wrap=True)
        console.print(nights_by_themselves(settings), markup=False, soft_wrap=True)
        console.print(f"Run a night: {trigger_command('YYYY-MM-DD', stack.dag_id(FIRST_DAG))}")
        console.print("Ctrl-C stops everything.")
        while True:
            time.sleep(1)


def nights_by_themselves(settings: Environment) -> str:
    """Whether and when a night starts without being asked for, in one line."""
    try:
        config = load_config(settings.config_path)
    except RecsysError:
        return (
            f"No night can run: {settings.config_path} is wrong; `recsys config check` names each"
            " mistake"
        )
    if config.clock == "simulated":
        return (
            f"No night starts by itself: {settings.config_path} says `clock: simulated`; a real"
            " shop says `clock: wall`"
        )
    schedule = config.schedule
    return f"Nights start by themselves: {schedule.nightly!r} (cron, {schedule.timezone})"


if __name__ == "__main__":
    sys.exit(main())
