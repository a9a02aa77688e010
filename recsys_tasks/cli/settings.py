"""The commands of the group `config`: what the settings file says, and what may stand in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recsys_tasks.cli.output import say
from recsys_tasks.cli.session import shown_errors
from recsys_tasks.config import load_config, read_environment

app = typer.Typer(no_args_is_help=True, help="The settings file.")


@app.command("check")
def config_check(
    path: Annotated[
        Path | None, typer.Argument(help="Settings file; default: RECSYS_CONFIG.")
    ] = None,
) -> None:
    """Print what will run, or every mistake of the settings file at once."""
    from recsys_tasks.commands.describe import describe

    environment = read_environment()
    with shown_errors():
        config = load_config(path or environment.config_path)
        for line in describe(config, environment):
            say(line)


@app.command("docs")
def config_docs() -> None:
    """Print docs/reference/configuration.md: every field, its meaning, unit and default."""
    from recsys_tasks.commands.settings_reference import field_reference

    typer.echo(field_reference(), nl=False)


@app.command("schema")
def config_schema() -> None:
    """Print a JSON Schema of the settings file, by which an editor completes and checks it."""
    from recsys_tasks.commands.settings_reference import json_schema

    with shown_errors():
        typer.echo(json_schema(), nl=False)
