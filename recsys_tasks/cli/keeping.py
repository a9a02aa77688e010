"""A copy of everything, and back from it; and what need no longer be kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recsys_tasks.cli.output import console, say
from recsys_tasks.cli.session import Who, existing_environment, now, shown_errors
from recsys_tasks.config import read_environment

app = typer.Typer()


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="A folder that is new or empty.")],
) -> None:
    """Copy database, registry of models, Airflow's database, lake, home and settings into a folder;
    refused while a stage of a night is at work. RECSYS_DATABASE_URL, where set, must be the schema
    owner's.
    """
    from recsys_tasks.commands.backup import back_up

    with existing_environment() as environment, console.status("looking") as status:
        done = back_up(environment, folder, now(), before=lambda step: status.update(f"{step} …"))
    about = done.about
    say(
        f"{done.folder}: {len(about.files):,} files, {about.bytes / 1e6:,.1f} MB; readers see the"
        f" lists of {about.night or 'no night yet'}"
    )
    for line in done.left_out:
        say(f"not in it: {line}")


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="What `recsys backup` wrote.")],
) -> None:
    """Bring a backup back, onto an empty home and an empty schema, once its checksums are right.
    RECSYS_DATABASE_URL, where set, must be the schema owner's.
    """
    from recsys_tasks.commands.backup import restore as bring_back

    with shown_errors(), console.status("looking") as status:
        done = bring_back(
            read_environment(), folder, before=lambda step: status.update(f"{step} …")
        )
    about = done.about
    say(
        f"restored {len(about.files):,} files, {about.bytes / 1e6:,.1f} MB, of {about.made_at};"
        f" readers see the lists of {about.night or 'no night yet'}"
    )
    for line in done.next:
        say(line)


@app.command("erase-again")
def erase_again(
    erased: Annotated[
        Path, typer.Argument(help="erased.json of the lost lake's erased/users, the newest kept.")
    ],
    who: Who,
) -> None:
    """After a restore: erase again whom a later list of erased users names, and bring nobody of it
    back.
    """
    from recsys_tasks.commands.erase_again import erase_again as erase

    with existing_environment() as environment, console.status("looking") as status:
        done = erase(environment, erased, who, now(), before=lambda step: status.update(step))
    say(f"erased again: {done.erased}; nobody here by that name: {done.unknown}")


@app.command()
def maintain() -> None:
    """Remove publications, artifacts, logs and errors that nothing needs any more, and what killed
    stages left, as the DAG maintain_storage does each week, and Airflow's rows of runs long past,
    where its database is this home's or AIRFLOW__DATABASE__SQL_ALCHEMY_CONN names it. It waits
    until no stage is at work.
    """
    from recsys_tasks.commands.airflow_database import airflow_url, clean_airflow
    from recsys_tasks.stages import run_maintain_storage

    with existing_environment() as environment, console.status("removing"):
        say(run_maintain_storage(now()))
        if airflow_url(environment) is not None:
            say(clean_airflow(environment, now()))
