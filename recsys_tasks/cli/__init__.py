"""The `recsys` command: look at, run and steer the pipeline without Airflow.

One module has one group of commands, in the order in which `recsys --help` lists them.
"""

from importlib.metadata import version
from typing import Annotated

import typer

from recsys_tasks.cli import (
    alerting,
    connecting,
    exporting,
    health,
    keeping,
    looking,
    repairing,
    running,
    settings,
    starting,
    steering,
)

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
)
for group in (
    health,
    starting,
    running,
    looking,
    connecting,
    steering,
    repairing,
    keeping,
    exporting,
):
    app.add_typer(group.app)
app.add_typer(alerting.app, name="alerts")
app.add_typer(settings.app, name="config")


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nightshelf {version('nightshelf')}")
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Every user's ranked list, rebuilt every night."""
