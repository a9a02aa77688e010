"""Commands by which analysts reach the database."""

from __future__ import annotations

from typing import Annotated

import typer

from recsys_tasks.cli.output import say
from recsys_tasks.cli.session import existing_environment

app = typer.Typer()


@app.command()
def connect(
    port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            help="Let the reader in by this port of this machine (127.0.0.1), until Ctrl-C; for"
            " the embedded server, which listens on a socket alone.",
        ),
    ] = None,
) -> None:
    """What psql, a program or a BI tool connects with, as the reader; it shows the password."""
    from recsys_tasks.commands.analysts import connection_lines, open_port

    with existing_environment() as environment:
        if port is not None:
            open_port(environment, port, say)
            return
        for line in connection_lines(environment):
            say(line)


@app.command()
def sql(
    command: Annotated[
        str | None, typer.Option("--command", "-c", help="One query; without it, a prompt.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV with a header.")] = False,
) -> None:
    """psql as the reader, in schema recsys: views only, nothing can be changed."""
    from recsys_tasks.commands.analysts import run_psql

    options = ["-X"] + (["--csv"] if as_csv else []) + (["-c", command] if command else [])
    with existing_environment() as environment:
        code = run_psql(environment, options)
    raise typer.Exit(code)
