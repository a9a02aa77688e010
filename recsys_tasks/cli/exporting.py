"""Lists and vectors for use elsewhere, and the database's documentation."""

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


@app.command("export-lists")
def export_lists(
    to: Annotated[
        str,
        typer.Option(help="File that ends in .csv, .jsonl or .parquet; or s3://bucket/name.csv."),
    ],
    segment: Annotated[str | None, typer.Option(help="Only users of this segment.")] = None,
    k: Annotated[
        int | None, typer.Option(help="Places of a list; default: as many as readers see.", min=1)
    ] = None,
    own: Annotated[
        bool, typer.Option("--own", help="Only users with a list of their own.")
    ] = False,
    changed_since: Annotated[
        str | None,
        typer.Option(help="Only users' own lists that differ from those of this night."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Write over the file if it is there.")
    ] = False,
) -> None:
    """Write what readers see now into a file, a row for each user and place, of one moment.

    Users without a list of their own are in it with the fallback list that they get, as
    `served_by` says.
    """
    from recsys_tasks.commands.export_lists import Wanted
    from recsys_tasks.commands.export_lists import export_lists as export

    with shown_errors():
        night = typed_day(changed_since, "--changed-since") if changed_since else None
    with open_database(existing=True) as connection:
        with console.status("exporting"):
            done = export(connection, to, Wanted(segment, k, own, night), replace=replace)
        served = ", ".join(f"{users:,} {by}" for by, users in sorted(done.users.items()))
        say(f"{to}: {done.rows:,} rows of {done.users.total():,} users ({served or 'none'})")
        if done.left_out:
            others = ", ".join(f"{users:,} {by}" for by, users in sorted(done.left_out.items()))
            say(f"left out: {done.left_out.total():,} users ({others})")


@app.command("data-dictionary")
def data_dictionary() -> None:
    """Print docs/reference/data-dictionary.md: every view, column and function of the schema
    `recsys`, from its comments.
    """
    from recsys_tasks.serving.dictionary import data_dictionary as generate

    with open_database() as connection:
        typer.echo(generate(connection), nl=False)


@app.command("dbt-package")
def dbt_package(
    folder: Annotated[Path, typer.Argument(help="Folder to write into; made where there is none.")],
) -> None:
    """Write a dbt package: the views as sources with descriptions and tests, from their comments,
    and the dashboards that read them as exposures.
    """
    from recsys_tasks.commands.dbt_package import write_package

    with open_database() as connection:
        write_package(connection, folder)
    say(f"{folder}: add it to a dbt project's packages.yml, as `- local: {folder}`")
