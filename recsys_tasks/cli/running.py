"""Nights without Airflow."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from recsys_tasks.cli.output import console
from recsys_tasks.cli.session import now, open_night

app = typer.Typer()


@app.command()
def run(
    as_of: Annotated[
        str, typer.Option(help="The night, YYYY-MM-DD: what is known before 00:00 UTC of it.")
    ],
) -> None:
    """Run every stage of one night in this process, without Airflow. A stage that fails, and every
    alarm, is an alert as under Airflow.
    """
    from recsys_tasks.commands.run_night import run_night
    from recsys_tasks.commands.tell_on_call import tell_of_failure, tell_of_success

    with open_night(as_of) as night:
        run_night(
            night,
            console,
            terminal=sys.stdout.isatty(),
            failed=lambda stage, error: tell_of_failure(night, stage, error, now()),
        )
        tell_of_success(night, now())
