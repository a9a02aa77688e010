"""What was published, released and reported."""

from __future__ import annotations

from typing import Annotated

import typer

from recsys_tasks.cli.output import print_rows, say
from recsys_tasks.cli.session import open_database, open_night

app = typer.Typer()


@app.command()
def recommend(
    user: Annotated[str, typer.Argument(help="User id; an unknown one gets the fallback list.")],
    k: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Items; default: the publication's k.")
    ] = None,
) -> None:
    """What an application gets for a user now."""
    from sqlalchemy import text

    query = (
        "SELECT rank, item_id, title, score, reason, reason_item_id, rung, release, as_of FROM"
        " recsys.recommend(:u, :k)"
    )
    with open_database() as connection:
        rows = connection.execute(text(query), {"u": user, "k": k}).all()
    print_rows(
        f"recommendations for {user}",
        list(rows),
        empty="no publication is current: run a night first",
    )


@app.command()
def publications(
    limit: Annotated[int, typer.Option(min=1, help="Newest ones shown.")] = 20,
) -> None:
    """Publications, newest first, and which one readers see."""
    from sqlalchemy import text

    query = (
        "SELECT publication_id, as_of, status, current, release, tower_version, rows, created_at,"
        " published_at, note FROM recsys.publications ORDER BY publication_id DESC LIMIT :n"
    )
    with open_database() as connection:
        rows = connection.execute(text(query), {"n": limit}).all()
        hold = connection.execute(text("SELECT who, why, since FROM recsys.hold")).one_or_none()
    print_rows("publications", list(rows), empty="no publication yet: run a night first")
    if hold:
        say(
            f"on hold since {hold.since:%Y-%m-%d %H:%M} UTC by {hold.who}: {hold.why} (`recsys"
            " resume` ends it)"
        )


@app.command()
def releases(limit: Annotated[int, typer.Option(min=1, help="Newest ones shown.")] = 20) -> None:
    """Releases, newest first: aliases, and the last thing that happened to each, who did it and
    why.
    """
    from sqlalchemy import text

    from recsys_tasks.registry.audit import ReleaseEvent, aliases

    query = (
        "SELECT release, registered_at, promoted_at, last_event, last_who, last_why FROM"
        " recsys.releases ORDER BY last_at DESC LIMIT :n"
    )
    with open_database() as connection:
        rows = connection.execute(text(query), {"n": limit}).all()
        moves = connection.execute(
            text("SELECT ts, event, release, who, why FROM recsys.release_events ORDER BY id")
        )
        events = [ReleaseEvent(*row) for row in moves]
    print_rows("releases", list(rows), empty="no release yet: run a night first")
    standing = [f"{alias} {release}" for alias, release in aliases(events).items() if release]
    if standing:
        say("; ".join(standing))


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
    from recsys_tasks.stages.run_report import report_path

    with open_night(as_of) as night:
        typer.echo(report_path(night, again=again))
