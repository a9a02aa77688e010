"""Vectors for use elsewhere, and the database's documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recsys_tasks.cli.output import console, say
from recsys_tasks.cli.session import open_database, shown_errors
from recsys_tasks.clock import typed_day
from recsys_tasks.config import load_config, read_environment

app = typer.Typer()


@app.command("export-embeddings")
def export_embeddings(
    as_of: Annotated[str, typer.Option(help="The night, YYYY-MM-DD, whose vectors are wanted.")],
    to: Annotated[Path, typer.Option(help="Folder to write; an earlier export there is replaced.")],
) -> None:
    """Write a night's item and user vectors as parquet, for TensorBoard's projector, and as a map
    (PNG and HTML).
    """
    from recsys_tasks.commands.export_embeddings import export_embeddings as export

    environment = read_environment()
    with shown_errors(), console.status("reading") as status:
        day = typed_day(as_of, "--as-of")
        config = load_config(environment.config_path)
        done = export(config, environment, day, to, before=lambda step: status.update(f"{step} …"))
    say(
        f"{done.items:,} items and {done.users:,} users, {done.dimensions} dimensions each, of"
        f" tower {done.tower}; {done.mapped:,} items on the map: {done.folder}"
    )


@app.command("data-dictionary")
def data_dictionary() -> None:
    """Print docs/reference/data-dictionary.md: every view, column and function of the schema
    `recsys`, from its comments.
    """
    from recsys_tasks.serving.dictionary import data_dictionary as generate

    with open_database() as connection:
        typer.echo(generate(connection), nl=False)
