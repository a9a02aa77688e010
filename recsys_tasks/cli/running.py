"""Nights without Airflow."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from recsys_tasks.cli.output import console, say
from recsys_tasks.cli.session import open_night

app = typer.Typer()


@app.command()
def run(
    as_of: Annotated[
        str, typer.Option(help="The night, YYYY-MM-DD: what is known before 00:00 UTC of it.")
    ],
) -> None:
    """Run every stage of one night in this process, without Airflow."""
    from recsys_tasks.stages import STAGES, run_all

    with open_night(as_of) as night:
        watched = sys.stderr.isatty()
        with console.status("starting") as status:
            for result in run_all(
                night, before=lambda name: status.update(f"{name} …") if watched else None
            ):
                say(result.summary())
        say(f"done: {len(STAGES)} stages")
