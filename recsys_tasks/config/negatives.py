"""Negative events: what users send back, dislike or do not want to see."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from recsys_tasks.config.base import Days, Section


class NegativeKind(Section):
    """One kind of negative event. It is an interaction nowhere: it bans the item from the user's
    lists, and takes earlier events of the same user and item back.
    """

    name: Annotated[str, Field(min_length=1)]
    """Value of the event column in such rows; not one of `kinds`."""
    rows: Literal["named", "negative_quantity"] = "named"
    """named: rows whose event column says `name`; negative_quantity: also rows of any of `kinds`
    with a quantity below 0.
    """
    takes_back: Literal["all", "units", "newest", "nothing"] = "all"
    """Which events of the user with the item, none later than this one, no longer count in
    learning, popularity, features and truth. all: each of them (a dislike); units: the newest ones,
    as many as make up the units of this one's quantity (a return); newest: the newest one; nothing:
    they still count.
    """
    of: tuple[str, ...] | None = None
    """Kinds of event that can be taken back; null: every kind."""
    for_days: Days | None = None
    """Days for which the item is in no list of the user; null: for good; 0: it is not banned."""
    ended_by: tuple[str, ...] | None = None
    """Kinds of event that end the ban when they come later, e.g. bought again; null: those that an
    objective counts.
    """

    @property
    def bans(self) -> bool:
        """Whether the item is kept out of the user's lists."""
        return self.for_days != 0
