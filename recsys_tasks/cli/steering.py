"""What readers see and which release serves, decided by a person."""

from __future__ import annotations

from typing import Annotated

import typer

from recsys_tasks.cli.output import say
from recsys_tasks.cli.session import Who, now, shown_errors

app = typer.Typer()


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
    from recsys_tasks.commands.rollback import roll_back, roll_back_release

    with shown_errors():
        if release:
            say(roll_back_release(who=who, why=why, now=now()))
            return
        say(roll_back(to, who=who, why=why, now=now()))


@app.command()
def promote(
    release: Annotated[str, typer.Argument(help="Release id, as `recsys releases` lists it.")],
    why: Annotated[str, typer.Option(help="Reason, kept in the record.")],
    who: Who,
) -> None:
    """Make a release champion from the next publication on, whatever the gate said."""
    from recsys_tasks.commands.promote import promote as make_champion

    with shown_errors():
        say(make_champion(release, who=who, why=why, now=now()))


@app.command()
def resume(who: Who) -> None:
    """End the hold and publish the newest publication that is ready."""
    from recsys_tasks.commands.resume import resume as end_hold

    with shown_errors():
        say(end_hold(who=who, now=now()))
