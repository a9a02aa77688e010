"""Nights without Airflow."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from recsys_tasks.cli.output import console
from recsys_tasks.cli.session import open_night

app = typer.Typer()


@app.command()
def run(
    as_of: Annotated[
        str, typer.Option(help="The night, YYYY-MM-DD: what is known before 00:00 UTC of it.")
    ],
) -> None:
    """Run every stage of one night in this process, without Airflow."""
    from recsys_tasks.commands.run_night import run_night

    with open_night(as_of) as night:
        run_night(night, console, terminal=sys.stdout.isatty())
