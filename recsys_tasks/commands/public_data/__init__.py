"""`recsys import`: a public data set's download as Nightshelf's tables and settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from recsys_tasks.commands.init import file_text
from recsys_tasks.commands.public_data.archive import Member, members_of
from recsys_tasks.commands.public_data.data_set import DataSet
from recsys_tasks.commands.public_data.data_sets import data_sets
from recsys_tasks.commands.public_data.facts import facts_of
from recsys_tasks.commands.public_data.reading import load, scratch_database
from recsys_tasks.commands.public_data.settings import head_of, settings_of
from recsys_tasks.commands.public_data.tables import Made, make_tables, write_tables
from recsys_tasks.commands.public_data.target import new_folder, refuse_to_overwrite
from recsys_tasks.config import parse_config
from recsys_tasks.errors import DataError, offenders

SETTINGS = "recsys.yaml"


@dataclass(frozen=True)
class Imported:
    """A data set that was imported."""

    folder: Path
    title: str
    made: Made
    first: date
    last: date
    """UTC days of the first event, and of the last whole day of events."""
    unused: Sequence[str]
    """Files of the download that nothing was read from."""
    guesses: Sequence[str]
    """Settings that were guessed."""
    first_night: str


def import_data(
    path: Path, to: Path | None, before: Callable[[str], None] = lambda step: None
) -> Imported:
    """Write the tables and the settings file of a download into `to`, or into a new folder that is
    called as the data set, in the working directory. `before` is called with each step's name.

    Raises DataError for a download that is of no known data set, of several, or damaged,
    ConfigError when there is something at the target, OSError when it cannot be written.
    """
    if to is not None:
        refuse_to_overwrite(to)
    before("looking at the files")
    with members_of(path) as members:
        data_set, parts = _recognised(path, members)
        folder = (to or Path(data_set.name)).resolve()
        with new_folder(folder) as (result, scratch), scratch_database(scratch) as connection:
            before(f"reading {data_set.title}")
            unreadable = load(connection, data_set, parts, scratch)
            before("making the tables")
            made = make_tables(connection, data_set, parts, unreadable)
            write_tables(connection, made, result)
            before("counting")
            facts = facts_of(connection)
            proposal = settings_of(data_set, made, facts)
            parse_config(proposal.as_mapping(), where="the settings of the import")
            words = file_text(proposal, head_of(data_set))
            (result / SETTINGS).write_text(words, encoding="utf-8")
        read = {member.name for part in parts.values() for member in part}
        return Imported(
            folder,
            data_set.title,
            made,
            facts.days.first,
            facts.days.last,
            [member.name for member in members if member.name not in read],
            [one.key for one in proposal.settings if one.confidence == "a guess"],
            proposal.first_night,
        )


def _recognised(
    path: Path, members: Sequence[Member]
) -> tuple[DataSet, Mapping[str, Sequence[Member]]]:
    known = list(data_sets())
    found = [(one, parts) for one in known if (parts := one.parts(members)) is not None]
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(
            expected="the download of one data set",
            found=" and ".join(one.title for one, _ in found),
            where=str(path),
            remedy="recsys import PATH with the archive or the folder of one of them",
        )
    looks = "; ".join(
        f"{one.title}: " + ", ".join(file.what for file in one.files if file.needed)
        for one in known
    )
    raise DataError(
        expected=f"a download of one of these, recognised by what is in its files: {looks}",
        found=offenders(member.name for member in members) or "no files",
        where=str(path),
        remedy=(
            "download it whole; for tables of any other origin, put them as CSV or Parquet into a"
            " folder and use recsys init FOLDER"
        ),
    )
