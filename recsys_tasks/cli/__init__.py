"""The `recsys` command: look at, run and steer the pipeline without Airflow.

One module has one group of commands, in the order in which `recsys --help` lists them.
"""

import typer

from recsys_tasks.cli import (
    exporting,
    health,
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
    add_completion=False,
    help="Every user's ranked list, rebuilt every night.",
)
for group in (health, starting, running, looking, steering, repairing, exporting):
    app.add_typer(group.app)
app.add_typer(settings.app, name="config")
