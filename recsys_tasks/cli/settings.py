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
    settings_only: Annotated[
        bool,
        typer.Option(
            "--settings-only", help="Look at the file alone, not at the data that it names."
        ),
    ] = False,
) -> None:
    """Print what will run, or every mistake of the settings file at once. Exit code 1 also where
    the data that it names is not there or cannot be read.
    """
    from recsys_tasks.commands.describe import describe, describe_data

    environment = read_environment()
    with shown_errors():
        config = load_config(path or environment.config_path)
        for line in describe(config, environment):
            say(line)
        findings = [] if settings_only else list(describe_data(config))
    for passed, line in findings:
        typer.echo(line, err=not passed)
    if not all(passed for passed, _ in findings):
        raise typer.Exit(1)


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
