"""Commands that run nights without Airflow."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from recsys_tasks.cli.output import console, say
from recsys_tasks.cli.session import now, open_night, shown_errors

if TYPE_CHECKING:
    from recsys_tasks.stages import Night

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
    with open_night(as_of) as night:
        _run(night)


def _run(night: Night) -> None:
    from recsys_tasks.commands.run_night import run_night
    from recsys_tasks.commands.tell_on_call import tell_of_failure, tell_of_success

    run_night(
        night,
        console,
        terminal=sys.stdout.isatty(),
        failed=lambda stage, error: tell_of_failure(night, stage, error, now()),
    )
    tell_of_success(night, now())


@app.command()
def backfill(
    first: Annotated[str, typer.Option("--from", help="The first night, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", help="The last night, YYYY-MM-DD.")],
) -> None:
    """Make nights of the past, oldest first. Each is served by the release that was live then, is
    not judged, and never takes readers back.
    """
    from recsys_tasks.clock import typed_day
    from recsys_tasks.commands.backfill import backfill, nights_between
    from recsys_tasks.stages import Night

    with shown_errors():
        nights = nights_between(typed_day(first, "--from"), typed_day(last, "--to"))
    with open_night(nights[-1].isoformat()) as newest:
        line = backfill(
            nights,
            lambda day: Night.open(newest.config, newest.environment, day, now()),
            _run,
        )
    say(line)
