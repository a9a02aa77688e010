"""The first step: settings for a shop of one's own, or tables and settings of a public data set."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from recsys_tasks.cli.output import console, say
from recsys_tasks.cli.session import now, shown_errors
from recsys_tasks.config import parse_config
from recsys_tasks.errors import ConfigError, offenders

if TYPE_CHECKING:
    from recsys_tasks.commands.init import Place, Setting

app = typer.Typer()
_STORES = ("s3://", "s3a://", "gs://", "gcs://", "memory://")
"""URLs of object stores; others are databases'."""


@app.command()
def init(
    places: Annotated[
        list[str] | None,
        typer.Argument(
            help="A folder with the shop's CSV, JSON or Parquet files, or several folders and"
            " files; one of an object store (s3://bucket/shop); or the URL of its database:"
            " duckdb:///shop.duckdb, '${SHOP_DATABASE_URL}'.",
            metavar="[PLACE]...",
            show_default=False,
        ),
    ] = None,
    connection: Annotated[
        str | None,
        typer.Option(
            help="Instead: the Airflow connection of its database. With s3://: that of the store."
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(help="The settings file; default: recsys.yaml in the folder, or here."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Ask nothing: guesses stay as they are.")
    ] = False,
) -> None:
    """Look at a shop's tables and propose the settings file: ids, times, kinds, attributes."""
    from recsys_tasks.commands.init import file_text, propose

    with shown_errors():
        looked_at, path = _place(places or [], connection, to)
        _refuse_to_overwrite(path)
        proposal = propose(looked_at, now())
        if not yes and sys.stdin.isatty():
            proposal.asked(_ask)
        parse_config(proposal.as_mapping(), where="what was proposed and answered")
        path.write_text(file_text(proposal), encoding="utf-8")
        guesses = [s.key for s in proposal.settings if s.confidence == "a guess"]
        say(f"{path}: {len(proposal.settings)} settings, each with its evidence as a comment")
        if guesses:
            say(f"guesses, look at these first: {', '.join(guesses)}")
        for words in proposal.noticed:
            say(f"wrong with the data: {words}")
        for words in proposal.left_out:
            say(f"not used: {words}")
        _say_next(path.resolve(), proposal.first_night)


@app.command("import")
def import_data(
    path: Annotated[
        Path, typer.Argument(help="What was downloaded: the archive, a file, or its folder.")
    ],
    to: Annotated[
        Path | None,
        typer.Option(help="New folder; default: called as the data set, where you stand."),
    ] = None,
) -> None:
    """Make tables and settings of a public data set's download: MovieLens, Amazon reviews,
    RetailRocket, Online Retail, H&M. What it is, is seen by its content.
    """
    from recsys_tasks.commands.public_data import SETTINGS
    from recsys_tasks.commands.public_data import import_data as make

    with shown_errors(), console.status("opening") as status:
        done = make(
            path.expanduser(),
            to.expanduser() if to else None,
            before=lambda step: status.update(f"{step} …"),
        )
    say(f"{done.title}: {done.made.rows:,} interactions, {done.first} to {done.last}")
    for table, entities in done.made.entities.items():
        say(f"{table}: {entities.words}")
    for why, rows in done.made.left_out.items():
        say(f"left out: {rows:,} rows {why}")
    for bad in done.made.unreadable:
        say(f"not read: {bad.rows:,} rows of {bad.file}; the first: {'; '.join(bad.examples)}")
    if done.unused:
        say(f"not used: {offenders(done.unused)}")
    if done.guesses:
        say(f"guesses, look at these first: {', '.join(done.guesses)}")
    say(f"Tables and settings, with what was assumed as comments: {done.folder}")
    _say_next(done.folder / SETTINGS, done.first_night)


def _say_next(settings: Path, first_night: str) -> None:
    say("Then:")
    say(f"  export RECSYS_CONFIG={shlex.quote(str(settings))} RECSYS_HOME=~/nightshelf")
    say("  recsys config check")
    say(f"  recsys run --as-of {first_night}")


def _place(places: list[str], connection: str | None, to: Path | None) -> tuple[Place, Path]:
    """What is looked at, and the settings file to write. Raises ConfigError."""
    from recsys_tasks.commands.init import DatabasePlace, FolderPlace, StorePlace

    here = (to or Path("recsys.yaml")).expanduser()
    far = [place for place in places if "://" in place or place.startswith("${")]
    if far and len(places) > 1:
        raise ConfigError(
            expected="one URL, or folders and files of this machine",
            found=f"{len(places)} places, a URL among them",
            where="recsys init",
            remedy="recsys init URL, of a folder or database that has all tables",
        )
    if far and far[0].startswith(_STORES):
        return StorePlace(far[0], connection), here
    if bool(places) == (connection is not None):
        raise ConfigError(
            expected="a folder, files, the URL of a database, or --connection",
            found="a place and --connection" if places else "none of them",
            where="recsys init",
            remedy="recsys init FOLDER, recsys init URL, or recsys init --connection NAME",
        )
    if far or not places:
        return DatabasePlace(far[0] if far else None, connection), here
    first, *further = (Path(place).expanduser() for place in places)
    folder = first.parent if first.is_file() else first
    path = (to or folder / "recsys.yaml").expanduser()
    return FolderPlace(first, path.parent, tuple(further)), path


def _refuse_to_overwrite(path: Path) -> None:
    if path.exists():
        raise ConfigError(
            expected="a settings file that is not there yet",
            found="one that somebody may have corrected",
            where=str(path),
            remedy=f"recsys init … --to {path.with_stem(path.stem + '-new')}, or remove it",
        )


def _ask(setting: Setting) -> Any:
    """What a person says of a guess, read as YAML; Enter keeps it."""
    shown = yaml.safe_dump(setting.value, default_flow_style=True, width=10**6)
    given = typer.prompt(
        f"{setting.key}: {setting.evidence}", default=shown.removesuffix("\n").removesuffix("\n...")
    )
    return yaml.safe_load(given)
