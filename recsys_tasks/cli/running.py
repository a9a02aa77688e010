"""Commands that run nights without Airflow."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recsys_tasks.cli.output import console, say
from recsys_tasks.cli.session import now, open_night, shown_errors
from recsys_tasks.errors import ConfigError

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


@app.command()
def soak(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder; a gigabyte at most.")],
    nights: Annotated[int, typer.Option(min=1, help="How many.")] = 30,
    seed: Annotated[int, typer.Option(help="Of the faults and of the shop.")] = 1,
) -> None:
    """Run many nights of a small simulated shop in a home of its own, some of which break by
    chance (kills, a database that dies, broken deliveries, damaged files, missed nights); exit code
    1 where readers did not get a night, something was left over, or memory or disk kept growing.
    """
    from recsys_tasks.commands.soak import soak as run_soak
    from recsys_tasks.commands.soak import verdict

    with shown_errors():
        _refuse_full(folder)
        done = []
        for night in run_soak(folder, nights, seed):
            done.append(night)
            say(
                f"{night.night}  {night.fault:<25} {night.tries} runs {night.seconds:5.0f} s"
                f" {night.peak_mb:6,.0f} MB, kept {night.kept_mb:6,.1f} MB"
                f"  {night.wrong or 'well'}"
            )
    wrong = verdict(done)
    say(f"{len(done)} nights, {len(done) - len({n.night for n in done if n.wrong})} of them well")
    for line in wrong:
        say(f"wrong: {line}")
    if wrong:
        raise typer.Exit(1)


def _refuse_full(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(
            expected="a folder that is new or empty",
            found=f"{sum(1 for _ in folder.iterdir())} files and folders",
            where=str(folder),
            remedy="name another one, such as `recsys soak /tmp/soak`",
        )
