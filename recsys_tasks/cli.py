"""The `recsys` command: look at, run and steer the pipeline without Airflow."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import Connection, text

from recsys_tasks.clock import typed_day
from recsys_tasks.config import load_config, read_environment
from recsys_tasks.errors import ConfigError, RecsysError

if TYPE_CHECKING:
    from recsys_tasks.stages import Night

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Every user's ranked list, rebuilt every night.",
)
config_app = typer.Typer(no_args_is_help=True, help="The settings file.")
app.add_typer(config_app, name="config")
WHOLE = 100_000
"""Columns of an output that is no screen: nothing is cut or wrapped for the program that reads it.
"""
console = Console(width=None if sys.stdout.isatty() else WHOLE)

Who = Annotated[str, typer.Option(help="Who decided it.", default_factory=getpass.getuser)]


@contextmanager
def _shown_errors() -> Iterator[None]:
    """A RecsysError, and what the machine refuses, become four parts on standard error and exit
    code 1.
    """
    try:
        yield
    except OSError as error:
        refused = ConfigError(
            expected="files and folders that this user may read and write, on a disk with room",
            found=error.strerror or str(error),
            where=str(error.filename or read_environment().home),
            remedy=(
                "correct its rights, make room, or set RECSYS_HOME to another folder; `recsys"
                " doctor` checks it"
            ),
        )
        typer.echo(f"{type(refused).__name__}\n{refused}", err=True)
        raise typer.Exit(1) from error
    except RecsysError as error:
        typer.echo(f"{type(error).__name__}\n{error}", err=True)
        raise typer.Exit(1) from error


@contextmanager
def _database() -> Iterator[Connection]:
    from recsys_tasks.database import create_engine, database_url
    from recsys_tasks.stages import local_environment

    with _shown_errors(), local_environment() as environment:
        engine = create_engine(database_url(environment))
        with engine.begin() as connection:
            yield connection
        engine.dispose()


@contextmanager
def _night(as_of: str) -> Iterator[Night]:
    """The night that was typed, with its services; they are not started for a date that is none."""
    from recsys_tasks.stages import Night, local_environment

    with _shown_errors():
        day = typed_day(as_of, "--as-of")
        with local_environment() as environment:
            now = datetime.now(UTC)  # noqa: TID251
            yield Night.open(load_config(environment.config_path), environment, day, now)


def _say(line: str) -> None:
    """A line as it is: what users and shops write is no markup."""
    console.print(Text(line), soft_wrap=True)


def _print(title: str, rows: list[Any], *, empty: str) -> None:
    if not rows:
        _say(empty)
        return
    table = Table(*rows[0]._fields, title=Text(title), title_justify="left", header_style="bold")
    for row in rows:
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    console.print(table)


# --- settings and health -----------------------------------------------------------------------


@config_app.command("check")
def config_check(
    path: Annotated[
        Path | None, typer.Argument(help="Settings file; default: RECSYS_CONFIG.")
    ] = None,
) -> None:
    """Print what will run, or every mistake of the settings file at once."""
    from recsys_tasks.commands.describe import describe

    environment = read_environment()
    with _shown_errors():
        config = load_config(path or environment.config_path)
    for line in describe(config, environment):
        _say(line)


@config_app.command("docs")
def config_docs() -> None:
    """Print docs/configuration.md: every field, its meaning, unit and default."""
    from recsys_tasks.commands.describe import field_reference

    typer.echo(field_reference(), nl=False)


@app.command()
def doctor(
    deep: Annotated[
        bool,
        typer.Option(
            "--deep", help="Also read the whole lake: does every key name whom it was given to?"
        ),
    ] = False,
) -> None:
    """Check this machine and the configured services, one line each; exit code 1 when something is
    missing.
    """
    from recsys_tasks.commands.doctor import examine, examine_deeply

    environment = read_environment()
    with _shown_errors():
        findings = [*examine(environment), *(examine_deeply(environment) if deep else ())]
    for finding in findings:
        mark = ("ok  ", "green") if finding.passed else ("FAIL", "red")
        console.print(Text.assemble(mark, " ", finding.words), soft_wrap=True)
    if not all(finding.passed for finding in findings):
        raise typer.Exit(1)


@app.command()
def verify(
    set_aside: Annotated[
        bool,
        typer.Option(
            "--set-aside",
            help="Move what is damaged to RECSYS_HOME/damaged, so that it is made again.",
        ),
    ] = False,
) -> None:
    """Read every artifact of the lake, and name each file that is not what was written; exit code 1
    for any.
    """
    from recsys_tasks.commands.verify import verify as check
    from recsys_tasks.stages import local_environment

    with _shown_errors(), local_environment() as environment, console.status("reading"):
        damaged = check(environment, set_aside=set_aside)
    for found in damaged:
        for path, words in found.damaged.files:
            _say(f"{found.damaged.reference}: {path}: {words}")
        if found.aside:
            _say(f"  set aside to {found.aside}")
        _say(f"  next: {found.remedy}")
    if damaged:
        raise typer.Exit(1)
    _say("every artifact is what was written")


@app.command()
def probe(
    stale_after: Annotated[
        float, typer.Option(min=0, help="Hours that readers may see the same lists.")
    ] = 30.0,
    nights_behind: Annotated[
        int, typer.Option(min=0, help="Days that the lists' night may lie before today.")
    ] = 1,
) -> None:
    """For an outside cron or monitor: one line on what readers see; exit code 0 well, 1 look at it,
    2 critical.

    The reader's RECSYS_DATABASE_URL is all that it needs: no settings file, no Airflow. It starts
    no server.
    """
    from recsys_tasks.database import create_engine, urls
    from recsys_tasks.monitoring.readers import probe as outside

    environment = read_environment()
    try:
        url = environment.database_url or urls(environment.home)["recsys_reader"]
        engine = create_engine(url)
        now = datetime.now(UTC)  # noqa: TID251
        found = outside.probe(
            engine, now, stale_after_hours=stale_after, nights_behind=nights_behind
        )
        engine.dispose()
    except RecsysError as error:
        found = outside.unreachable(error)
    typer.echo(str(found))
    raise typer.Exit(found.code)


@app.command()
def migrate() -> None:
    """Bring the schema `recsys` up to date; RECSYS_DATABASE_URL, where set, must be its owner's."""
    from recsys_tasks import database
    from recsys_tasks.stages import local_environment

    with _shown_errors(), local_environment() as environment:
        database.migrate(database.owner_url(environment))
        _say(f"schema revision {database.current_revision(database.owner_url(environment))}")


# --- running -----------------------------------------------------------------------------------


@app.command()
def run(
    as_of: Annotated[
        str, typer.Option(help="The night, YYYY-MM-DD: what is known before 00:00 UTC of it.")
    ],
) -> None:
    """Run every stage of one night in this process, without Airflow."""
    from recsys_tasks.stages import STAGES, run_all

    with _night(as_of) as night:
        watched = sys.stderr.isatty()
        with console.status("starting") as status:
            for result in run_all(
                night, before=lambda name: status.update(f"{name} …") if watched else None
            ):
                _say(result.summary())
        _say(f"done: {len(STAGES)} stages")


# --- looking -----------------------------------------------------------------------------------


@app.command()
def recommend(
    user: Annotated[str, typer.Argument(help="User id; an unknown one gets the fallback list.")],
    k: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Items; default: the publication's k.")
    ] = None,
) -> None:
    """What an application gets for a user now."""
    query = (
        "SELECT rank, item_id, title, score, reason, reason_item_id, rung, release, as_of FROM"
        " recsys.recommend(:u, :k)"
    )
    with _database() as connection:
        rows = connection.execute(text(query), {"u": user, "k": k}).all()
    _print(
        f"recommendations for {user}",
        list(rows),
        empty="no publication is current: run a night first",
    )


@app.command()
def publications(
    limit: Annotated[int, typer.Option(min=1, help="Newest ones shown.")] = 20,
) -> None:
    """Publications, newest first, and which one readers see."""
    query = (
        "SELECT publication_id, as_of, status, current, release, tower_version, rows, created_at,"
        " published_at, note FROM recsys.publications ORDER BY publication_id DESC LIMIT :n"
    )
    with _database() as connection:
        rows = connection.execute(text(query), {"n": limit}).all()
        hold = connection.execute(text("SELECT who, why, since FROM recsys.hold")).one_or_none()
    _print("publications", list(rows), empty="no publication yet: run a night first")
    if hold:
        _say(
            f"on hold since {hold.since:%Y-%m-%d %H:%M} UTC by {hold.who}: {hold.why} (`recsys"
            " resume` ends it)"
        )


@app.command()
def releases(limit: Annotated[int, typer.Option(min=1, help="Newest ones shown.")] = 20) -> None:
    """Releases, newest first: aliases, and the last thing that happened to each, who did it and
    why.
    """
    from recsys_tasks.registry.audit import ReleaseEvent, aliases

    query = (
        "SELECT release, registered_at, promoted_at, last_event, last_who, last_why FROM"
        " recsys.releases ORDER BY last_at DESC LIMIT :n"
    )
    with _database() as connection:
        rows = connection.execute(text(query), {"n": limit}).all()
        moves = connection.execute(
            text("SELECT ts, event, release, who, why FROM recsys.release_events ORDER BY id")
        )
        events = [ReleaseEvent(*row) for row in moves]
    _print("releases", list(rows), empty="no release yet: run a night first")
    standing = [f"{alias} {release}" for alias, release in aliases(events).items() if release]
    if standing:
        _say("; ".join(standing))


@app.command()
def report(
    as_of: Annotated[str, typer.Option(help="The night, YYYY-MM-DD.")],
    again: Annotated[
        bool, typer.Option("--again", help="Write it anew from what is known now.")
    ] = False,
) -> None:
    """Print where a night's run report is, written when there is none yet; refused for a night that
    never ran.
    """
    from recsys_tasks.stages.report import report_path

    with _night(as_of) as night:
        typer.echo(report_path(night, again=again))


# --- steering ----------------------------------------------------------------------------------


@app.command()
def rollback(
    why: Annotated[str, typer.Option(help="Reason, kept in the record.")],
    who: Who,
    to: Annotated[
        int | None, typer.Option(help="Publication id; default: the one before the current.")
    ] = None,
    release: Annotated[
        bool,
        typer.Option(
            "--release", help="Instead: make the champion before this one champion again."
        ),
    ] = False,
) -> None:
    """Show readers an earlier publication, and hold later nights back until `recsys resume`."""
    from recsys_tasks.commands.steer import roll_back, roll_back_release

    with _shown_errors():
        if release:
            _say(roll_back_release(who=who, why=why, now=datetime.now(UTC)))  # noqa: TID251
            return
        _say(roll_back(to, who=who, why=why, now=datetime.now(UTC)))  # noqa: TID251


@app.command()
def promote(
    release: Annotated[str, typer.Argument(help="Release id, as `recsys releases` lists it.")],
    why: Annotated[str, typer.Option(help="Reason, kept in the record.")],
    who: Who,
) -> None:
    """Make a release champion from the next publication on, whatever the gate said."""
    from recsys_tasks.commands.steer import promote as make_champion

    with _shown_errors():
        _say(make_champion(release, who=who, why=why, now=datetime.now(UTC)))  # noqa: TID251


@app.command()
def resume(who: Who) -> None:
    """End the hold and publish the newest publication that is ready."""
    from recsys_tasks.commands.steer import resume as end_hold

    with _shown_errors():
        _say(end_hold(who=who, now=datetime.now(UTC)))  # noqa: TID251


@app.command("erase-user")
def erase_user(
    user: Annotated[str, typer.Argument(help="User id, exactly as the shop writes it.")],
    who: Who,
    why: Annotated[str, typer.Option(help="Reason, kept in the record.")] = "asked to be erased",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would go.")] = False,
    give_up_unfinished: Annotated[
        bool,
        typer.Option(
            help="Give up a publication that is being built; its night must be run again."
        ),
    ] = False,
) -> None:
    """Remove one user from the database, the lake and this machine's texts, and prove it by
    searching.
    """
    from recsys_tasks.commands.erase_user import erase_user as erase
    from recsys_tasks.stages import local_environment

    with _shown_errors(), local_environment() as environment, console.status("looking") as status:
        done = erase(
            environment,
            user,
            who=who,
            why=why,
            now=datetime.now(UTC),  # noqa: TID251
            dry_run=dry_run,
            give_up_unfinished=give_up_unfinished,
            before=lambda step: status.update(f"{step} …"),
        )
    table = Table(
        "place", "rows", title=Text(done.words), title_justify="left", header_style="bold"
    )
    for place in done.places:
        table.add_row(place.name, f"{place.rows:,}")
    console.print(table if done.places else Text(done.words))
    if done.proof:
        _say(done.proof)


@app.command("repair-ids")
def repair_ids(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Remove what was made with keys that name others now (`recsys doctor --deep`); say which
    nights to run again.
    """
    from recsys_tasks.commands.repair_ids import rebuild
    from recsys_tasks.commands.repair_ids import repair_ids as repair
    from recsys_tasks.stages import local_environment

    with _shown_errors(), local_environment() as environment, console.status("reading the lake"):
        done = repair(environment, dry_run=dry_run)
    for line in (*done.damage.words, done.words, *rebuild(done.damage)):
        _say(line)


# --- use elsewhere -----------------------------------------------------------------------------


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
    with _shown_errors(), console.status("reading") as status:
        day = typed_day(as_of, "--as-of")
        config = load_config(environment.config_path)
        done = export(config, environment, day, to, before=lambda step: status.update(f"{step} …"))
    _say(
        f"{done.items:,} items and {done.users:,} users, {done.dimensions} dimensions each, of"
        f" tower {done.tower}; {done.mapped:,} items on the map: {done.folder}"
    )


# --- documents ---------------------------------------------------------------------------------


@app.command("data-dictionary")
def data_dictionary() -> None:
    """Print docs/data-dictionary.md: every view, column and function of the schema `recsys`, from
    its comments.
    """
    from recsys_tasks.serving.dictionary import data_dictionary as generate

    with _database() as connection:
        typer.echo(generate(connection), nl=False)


if __name__ == "__main__":
    app()
