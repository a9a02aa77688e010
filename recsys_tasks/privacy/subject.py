"""Who an id names: the user's key, by whichever store still knows it."""

from __future__ import annotations

from sqlalchemy.engine import Engine

from recsys_tasks.errors import DataError, hashed_user
from recsys_tasks.ids import read_ids
from recsys_tasks.lake import Lake
from recsys_tasks.privacy.database import key_of
from recsys_tasks.snapshot.erased_users import ErasedUsers
from recsys_tasks.snapshot.erasing import Subject


def find_subject(lake: Lake, engine: Engine, erased: ErasedUsers, user_id: str) -> Subject:
    """The user of an id, with key -1 where nobody knows one. Raises DataError for an empty id."""
    if not user_id:
        raise DataError(
            expected="a user id",
            found="an empty text",
            where="the command line",
            remedy="name the user",
        )
    known = erased.find(user_id)
    keys = (int(read_ids(lake, "users").keys([user_id])[0]), known.key if known else -1)
    key = next((key for key in keys if key >= 0), key_of(engine, user_id))
    return Subject(user_id, key)


def nowhere(user_id: str) -> DataError:
    """Nothing holds an id."""
    return DataError(
        expected="the id of a user that some table or artifact holds",
        found=f"{hashed_user(user_id)} (hashed) is nowhere; nothing was changed",
        where="the lake, the recsys database and RECSYS_HOME",
        remedy="check the spelling: ids are text, so 007 is not 7, and spaces count",
    )
