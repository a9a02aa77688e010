"""What was published, released, decided, raised and reported."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from recsys_tasks.cli.output import Csv, Json, Limit, print_result, say, wants_program
from recsys_tasks.cli.session import now, open_database, open_night
from recsys_tasks.config import read_environment
from recsys_tasks.config.essentials import read_essentials
from recsys_tasks.config.nights import Nights

app = typer.Typer()
_NO_NIGHT = "run a night first"


def print_query(title: str, query: str, empty: str, form: tuple[bool, bool], **of: Any) -> None:
    """Run a query and print its rows; `form`: whether as JSON, whether as CSV."""
    from sqlalchemy import text

    wants_program(*form)
    with open_database(existing=True) as connection:
        found = connection.execute(text(query), of)
        names, rows = list(found.keys()), [tuple(row) for row in found]
    print_result(title, names, rows, empty=empty, as_json=form[0], as_csv=form[1])


@app.command()
def status(as_json: Json = False, as_csv: Csv = False) -> None:
    """What readers see now: the night of their lists, their age, a hold, alerts that are open."""
    from sqlalchemy import text

    query = (
        "SELECT s.as_of, s.publication_id, s.release, s.rows AS users, s.moved_at, s.age,"
        " s.on_hold, s.hold_who, s.hold_why, s.hold_since, s.waiting, s.tower_version,"
        " (SELECT count(*) FROM recsys.alerts AS a WHERE a.resolved_at IS NULL) AS open_alerts,"
        " CAST(:night AS date) AS expected_night, CAST(:deadline AS timestamptz) AS"
        " readers_deadline FROM recsys.status AS s"
    )
    nights = _promised()
    of: dict[str, Any] = {"night": None, "deadline": None}
    if nights is not None:
        start = nights.last_start(now())
        of = {"night": nights.date_of(start), "deadline": nights.deadline(start)}
    if wants_program(as_json, as_csv):
        print_query("status", query, "", (as_json, as_csv), **of)
        return
    with open_database(existing=True) as connection:
        row = connection.execute(text(query), of).one()
    if row.publication_id is None:
        say(f"readers see nothing: no publication is current ({_NO_NIGHT})")
    else:
        hours = row.age.total_seconds() / 3600
        say(
            f"readers see    the lists of {row.as_of}: {row.users:,} users with a list of their own"
        )
        say(
            f"shown since    {row.moved_at:%Y-%m-%d %H:%M} UTC in the shop's clock,"
            f" {hours:.1f} h ago"
        )
        say(
            f"publication    {row.publication_id}, release {row.release or 'none: retrieval order'}"
        )
    if nights is not None and row.as_of is not None and row.as_of >= row.expected_night:
        say(f"deadline       {nights.promise}: kept for the night of {row.expected_night}")
    elif nights is not None:
        left = nights.time_left(row.expected_night, now())
        say(f"deadline       of the night of {row.expected_night}: {left}")
    if row.on_hold:
        since = f"{row.hold_since:%Y-%m-%d %H:%M}"
        say(f"on hold        since {since} UTC by {row.hold_who}: {row.hold_why}")
        say("               `recsys resume` ends it")
    if row.waiting:
        say(f"waiting        {row.waiting} checked publication(s) that are not shown")
    say(f"open alerts    {row.open_alerts}" + (": recsys alerts" if row.open_alerts else ""))


def _promised() -> Nights | None:
    """The nights of a shop that says by when readers expect their lists, by the settings as far as
    they can be read.
    """
    essentials = read_essentials(read_environment())
    nights = essentials.schedule.nights
    return nights if essentials.clock == "wall" and nights.ready_by is not None else None


@app.command()
def gate(limit: Limit = 10, as_json: Json = False, as_csv: Csv = False) -> None:
    """The gate's verdicts, newest first, in words."""
    query = (
        "SELECT as_of, verdict, challenger, champion, paragraph, decided_at, rules"
        " FROM recsys.gate_decisions ORDER BY id DESC LIMIT :n"
    )
    if wants_program(as_json, as_csv):
        print_query("gate", query, "", (as_json, as_csv), n=limit)
        return
    from sqlalchemy import text

    with open_database(existing=True) as connection:
        rows = connection.execute(text(query), {"n": limit}).all()
    for row in rows:
        say(f"{row.as_of}  {row.verdict}  {row.challenger}, champion {row.champion or 'none'}")
        say(f"  {row.paragraph}")
    if not rows:
        say(f"no verdict yet: {_NO_NIGHT}")


@app.command()
def publications(limit: Limit = 20, as_json: Json = False, as_csv: Csv = False) -> None:
    """Publications, newest first, and which one readers see."""
    from sqlalchemy import text

    query = (
        "SELECT publication_id, as_of, status, current, release, rows, published_at, tower_version,"
        " created_at, note FROM recsys.publications ORDER BY publication_id DESC LIMIT :n"
    )
    form = as_json, as_csv
    print_query("publications", query, f"no publication yet: {_NO_NIGHT}", form, n=limit)
    if wants_program(*form):
        return
    with open_database(existing=True) as connection:
        hold = connection.execute(text("SELECT who, why, since FROM recsys.hold")).one_or_none()
    if hold:
        say(
            f"on hold since {hold.since:%Y-%m-%d %H:%M} UTC by {hold.who}: {hold.why} (`recsys"
            " resume` ends it)"
        )


@app.command()
def releases(limit: Limit = 20, as_json: Json = False, as_csv: Csv = False) -> None:
    """Releases, newest first: aliases, and the last thing that happened to each, who did it and
    why.
    """
    from sqlalchemy import text

    from recsys_tasks.registry.audit import ReleaseEvent, aliases

    query = (
        "SELECT release, registered_at, promoted_at, last_event, last_who, last_why FROM"
        " recsys.releases ORDER BY last_at DESC LIMIT :n"
    )
    form = as_json, as_csv
    print_query("releases", query, f"no release yet: {_NO_NIGHT}", form, n=limit)
    if wants_program(*form):
        return
    with open_database(existing=True) as connection:
        moves = connection.execute(
            text("SELECT ts, event, release, who, why FROM recsys.release_events ORDER BY id")
        )
        events = [ReleaseEvent(*row) for row in moves]
    named = [f"{alias} {release}" for alias, release in aliases(events).items() if release]
    if named:
        say("; ".join(named))


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


@app.command()
def recommend(
    user: Annotated[str, typer.Argument(help="User id; an unknown one gets the fallback list.")],
    k: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Items; default: the publication's k.")
    ] = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """What an application gets for a user now."""
    query = (
        "SELECT rank, item_id, title, score, reason, reason_item_id, rung, release, as_of FROM"
        " recsys.recommend(:u, :k)"
    )
    empty = f"no publication is current: {_NO_NIGHT}"
    print_query(f"recommendations for {user}", query, empty, (as_json, as_csv), u=user, k=k)


@app.command()
def history(
    user: Annotated[str, typer.Argument(help="User id, exactly as the shop writes it.")],
    item: Annotated[str | None, typer.Option(help="Only the places of this item.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Places shown, newest nights first.")] = 100,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """The lists that were published for a user, of every night that is kept."""
    query = (
        "SELECT as_of, rank, item_id, title, score, reason, reason_item_id, release, rung,"
        " rank_before, publication_id, published FROM recsys.recommendation_history"
        " WHERE user_id = :u AND (CAST(:i AS text) IS NULL OR item_id = :i)"
        " ORDER BY as_of DESC, publication_id DESC, rank LIMIT :n"
    )
    empty = "no list of this user is kept; without one of their own, readers get fallback lists"
    form = as_json, as_csv
    print_query(f"lists of {user}", query, empty, form, u=user, i=item, n=limit)


@app.command()
def similar(
    item: Annotated[str, typer.Argument(help="Item id, exactly as the shop writes it.")],
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Items that are like an item, as published (`serving.similar_items` sets how many)."""
    query = (
        "SELECT rank, similar_item_id AS item_id, similar_title AS title, score, as_of"
        " FROM recsys.similar_items WHERE item_id = :i ORDER BY rank"
    )
    empty = "none: unknown to the current publication, or serving.similar_items is 0"
    print_query(f"like {item}", query, empty, (as_json, as_csv), i=item)


@app.command()
def why(
    user: Annotated[str, typer.Argument(help="User id, exactly as the shop writes it.")],
    item: Annotated[str, typer.Argument(help="Item id, exactly as the shop writes it.")],
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Why an item is, or is not, in what readers see for a user: the step that dropped it."""
    from recsys_tasks.commands.why import current_night, steps_of, verdict

    wants_program(as_json, as_csv)
    with open_database(existing=True) as connection:
        publication = current_night(connection)
        # Within: the embedded server is asked once more, by the night.
        with open_night(publication.as_of.isoformat()) as night:
            steps = steps_of(night, publication, user, item)
    names, title = ["step", "passed", "found"], f"{item} for {user}"
    if wants_program(as_json, as_csv):
        print_result(title, names, steps, empty="", as_json=as_json, as_csv=as_csv)
        return
    words = {True: "yes", False: "no", None: ""}
    print_result(title, names, [(s.step, words[s.passed], s.found) for s in steps], empty="")
    say(verdict(steps, user, item))


@app.command("place-reasons")
def place_reasons(
    user: Annotated[str, typer.Argument(help="User id, exactly as the shop writes it.")],
    most: Annotated[int, typer.Option(min=1, help="Features of each place.")] = 3,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Which features moved the score of each place of a user's list most, by the models of the
    night.
    """
    from recsys_tasks.commands.place_reasons import COLUMNS, reasons_of
    from recsys_tasks.commands.why import current_night

    wants_program(as_json, as_csv)
    with open_database(existing=True) as connection:
        publication = current_night(connection)
        with open_night(publication.as_of.isoformat()) as night:
            rows = reasons_of(night, publication, user, most)
    empty = f"no place of {user} was scored by a ranker"
    title = f"what moved the places of {user}"
    print_result(title, COLUMNS, rows, empty=empty, as_json=as_json, as_csv=as_csv)
