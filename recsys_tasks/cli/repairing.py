"""What is kept of a user, shown or taken out; and what damaged ids made, taken out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from recsys_tasks.cli.output import console, say
from recsys_tasks.cli.session import Who, existing_environment, now, shown_errors
from recsys_tasks.errors import ConfigError
from recsys_tasks.small_files import write_whole

app = typer.Typer()


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
    from recsys_tasks.commands.erase_user import Request, find_user
    from recsys_tasks.commands.erase_user import erase_user as erase
    from recsys_tasks.stages import local_environment

    with shown_errors(), local_environment() as environment, console.status("looking") as status:
        done = (
            find_user(environment, user)
            if dry_run
            else erase(
                environment,
                Request(user, who, why, now()),
                give_up_unfinished=give_up_unfinished,
                before=lambda step: status.update(f"{step} …"),
            )
        )
    table = Table(
        "place", "rows", title=Text(done.words), title_justify="left", header_style="bold"
    )
    for place in done.places:
        table.add_row(place.name, f"{place.rows:,}")
    console.print(table if done.places else Text(done.words))
    if done.proof:
        say(done.proof)


@app.command("export-user")
def export_user(
    user: Annotated[str, typer.Argument(help="User id, exactly as the shop writes it.")],
    to: Annotated[
        Path | None,
        typer.Option(help="New file, which only you may read; default: standard output."),
    ] = None,
) -> None:
    """Everything that is kept of one user, as JSON: all that `recsys erase-user` would take out."""
    from recsys_tasks.commands.export_user import as_json
    from recsys_tasks.commands.export_user import export_user as export

    with shown_errors():
        target = _new_file(to) if to is not None else None
    with existing_environment() as environment, console.status("looking") as status:
        found = export(environment, user, now(), before=lambda step: status.update(f"{step} …"))
        text = as_json(found)
        if target is not None:
            write_whole(target, text + "\n", private=True)
    if target is None:
        typer.echo(text)
        return
    rows = sum(found["places"].values())
    say(f"{target}: {rows:,} rows and mentions in {len(found['places'])} places")
    for words, names in found["not_read"].items():
        say(f"not read: {len(names)} {words}")


def _new_file(path: Path) -> Path:
    path = path.expanduser()
    if path.exists():
        raise ConfigError(
            expected="a file that is not there yet",
            found="a folder" if path.is_dir() else "a file",
            where=str(path),
            remedy="name another with --to, or remove it",
        )
    return path


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

    with shown_errors(), local_environment() as environment, console.status("reading the lake"):
        done = repair(environment, dry_run=dry_run)
    for line in (*done.damage.words, done.words, *rebuild(done.damage)):
        say(line)
