"""Whether this machine, the lake, the database and what readers see are well."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from recsys_tasks.cli.output import console, say
from recsys_tasks.cli.session import now, shown_errors
from recsys_tasks.config import read_environment

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
    ready_by: Annotated[
        str | None,
        typer.Option(help="HH:MM by which readers expect a night; default: schedule.ready_by."),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Of --ready-by and --nightly; default: schedule.timezone.")
    ] = None,
    nightly: Annotated[
        str | None, typer.Option(help="Cron of the nights; default: schedule.nightly.")
    ] = None,
    stale_after: Annotated[
        float | None,
        typer.Option(
            min=0, help="Hours that readers may see the same lists; 30 where no deadline is known."
        ),
    ] = None,
    nights_behind: Annotated[
        int | None,
        typer.Option(
            min=0, help="Days that their night may lie before today; 1 where no deadline is known."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object in one line.")] = False,
) -> None:
    """For an outside cron or monitor: one line on what readers see; exit code 0 well, 1 look at it,
    2 critical.

    The reader's RECSYS_DATABASE_URL is all that it needs: no Airflow, no settings file, or one
    that is wrong. It starts no server.
    """
    from recsys_tasks.commands.look_from_outside import bounds_of, look_from_outside

    environment = read_environment()
    with shown_errors():
        given = {"ready_by": ready_by, "timezone": timezone, "nightly": nightly}
        bounds = bounds_of(environment, given, stale_after, nights_behind)
    found = look_from_outside(environment, now(), bounds)
    if as_json:
        words = {"code": found.code, "state": found.state, "words": found.words}
        typer.echo(json.dumps({**words, **found.figures}))
    else:
        typer.echo(str(found))
    raise typer.Exit(found.code)


@app.command()
def metrics(
    to: Annotated[
        Path | None,
        typer.Option(help="File to replace, for the node exporter; default: standard output."),
    ] = None,
) -> None:
    """What Prometheus reads: readers' state, open alerts, figures of the newest night, stages; exit
    code 1 where the database does not answer.

    It needs what `recsys probe` needs, and starts no server.
    """
    from recsys_tasks.commands.look_from_outside import metrics_page
    from recsys_tasks.small_files import write_whole

    with shown_errors():
        page, answered = metrics_page(read_environment(), now())
        if to is None:
            typer.echo(page, nl=False)
        else:
            write_whole(to.expanduser(), page)
    if not answered:
        raise typer.Exit(1)


@app.command()
def migrate() -> None:
    """Bring the schema `recsys` up to date; RECSYS_DATABASE_URL, where set, must be its owner's."""
    from recsys_tasks import database
    from recsys_tasks.stages import local_environment

    with shown_errors(), local_environment() as environment:
        database.migrate(database.owner_url(environment))
        say(f"schema revision {database.current_revision(database.owner_url(environment))}")


@app.command()
def upgrade(
    check: Annotated[bool, typer.Option("--check", help="Only look: nothing is changed.")] = False,
) -> None:
    """After a new version was installed: do the settings hold, is no night at work, is the schema
    this version's; then bring the schema up to date. Exit code 1 where something stands in the way.
    """
    from recsys_tasks.commands.upgrade import upgrade as go_on

    passed = True
    with shown_errors():
        for finding in go_on(read_environment(), only_look=check):
            passed = passed and finding.passed
            mark = ("ok  ", "green") if finding.passed else ("FAIL", "red")
            console.print(Text.assemble(mark, " ", finding.words), soft_wrap=True)
    if not passed:
        raise typer.Exit(1)
