"""After a restore: erase again whom a later list of erased users names.

The list has salted hashes and no ids; the restored lake knows the ids of everyone who was a user
when the backup was made, and each can be asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from recsys_tasks.commands.erase_user import Request, erase_user
from recsys_tasks.config import Environment
from recsys_tasks.database import create_engine, database_url
from recsys_tasks.errors import ConfigError
from recsys_tasks.ids import read_ids
from recsys_tasks.lake import Lake
from recsys_tasks.snapshot.erased_users import ErasedUsers, adopt, read_erased, read_list
from recsys_tasks.stages.work_locks import alone

WHY = "erased before, after the backup that was restored"


@dataclass(frozen=True)
class ErasedAgain:
    """How many of a list were erased again, and how many are nobody whom this lake knows."""

    erased: int
    unknown: int


def erase_again(
    environment: Environment,
    source: Path,
    who: str,
    now: datetime,
    *,
    before: Callable[[str], None] = lambda step: None,
) -> ErasedAgain:
    """Take over a later list of erased users, so that no night brings them back, and erase those
    who are here. Run again, it finishes what was cut short.

    Raises ConfigError for a file that is no such list, or is not of this lake or earlier than its
    own; and what `erase_user` raises.
    """
    later = _read(source)
    lake = Lake(environment.lake, cache=environment.home / "lake-cache")
    ids = read_ids(lake, "users")
    users = {later.hash_of(user): user for user in ids.ids if user}
    here = {entry.hash: users[entry.hash] for entry in later.entries if entry.hash in users}
    keys = ids.keys(list(here.values())).tolist()
    _take_over(environment, lake, later, dict(zip(here, keys, strict=True)))
    for number, user in enumerate(here.values(), 1):
        before(f"user {number} of {len(here)}")
        erase_user(environment, Request(user, who, WHY, now))
    return ErasedAgain(len(here), len(later.entries) - len(here))


def _take_over(
    environment: Environment, lake: Lake, later: ErasedUsers, keys: Mapping[str, int]
) -> None:
    engine = create_engine(database_url(environment))
    try:
        with alone(engine) as fence:
            lake.fence = fence
            adopt(lake, read_erased(lake), later, keys)
    except ValueError as error:
        raise ConfigError(
            expected="a list that goes on from this lake's own",
            found="an earlier one, or another lake's",
            where=f"{lake.root}/erased/users",
            remedy="name the newest erased.json that was kept of the lake that was lost",
        ) from error
    finally:
        engine.dispose()


def _read(source: Path) -> ErasedUsers:
    try:
        return read_list(source.expanduser().read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            expected="a list of erased users: erased.json, of erased/users in the lake",
            found=f"what cannot be read as one ({type(error).__name__})",
            where=str(source),
            remedy="name that file; without one: `recsys erase-user ID` for each request since",
        ) from error
