"""Whether this machine, the lake, the database and what readers see are well."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from recsys_tasks.cli.output import console, say
from recsys_tasks.cli.session import now, shown_errors
from recsys_tasks.config import read_environment
from recsys_tasks.errors import RecsysError

app = typer.Typer()


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
    with shown_errors():
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

    with shown_errors(), local_environment() as environment, console.status("reading"):
        damaged = check(environment, set_aside=set_aside)
    for found in damaged:
        for path, words in found.damaged.files:
            say(f"{found.damaged.reference}: {path}: {words}")
        if found.aside:
            say(f"  set aside to {found.aside}")
        say(f"  next: {found.remedy}")
    if damaged:
        raise typer.Exit(1)
    say("every artifact is what was written")


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
        found = outside.probe(
            engine, now(), stale_after_hours=stale_after, nights_behind=nights_behind
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

    with shown_errors(), local_environment() as environment:
        database.migrate(database.owner_url(environment))
        say(f"schema revision {database.current_revision(database.owner_url(environment))}")
