"""Ratings with their value: which kind of event a row is by what the user gave the item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from recsys_tasks.config.base import Section


class RatingLevel(Section):
    """Ratings from one number on, up to the next level."""

    at_least: float
    """Lowest rating of the level."""
    event: Annotated[str, Field(min_length=1)]
    """What such a row is: one of `events.kinds`, which has the weight, or of `events.negatives`."""


class Rating(Section):
    """The rating of each row says which kind of event it is, and so what it weighs. Rows below the
    lowest level are no events: they are left out and counted.
    """

    column: str
    """Column with the rating, a number."""
    levels: Annotated[tuple[RatingLevel, ...], Field(min_length=1, max_length=20)]
    """One level is a threshold, e.g. `[{at_least: 4, event: rating}]`; several are grades."""
    of: tuple[str, ...] | None = None
    """Values of the event column whose rows have a rating; null: those of `events.kinds`."""
    minimum: float | None = None
    """Smallest rating there can be; a smaller one is a fault."""
    maximum: float | None = None
    """Largest rating there can be; a larger one is a fault."""
    unrated: str | None = None
    """What a row without a rating is: one of `events.kinds`; null: a fault."""

    @property
    def left_out(self) -> str:
        """What stands for the kind of a row below the lowest level."""
        return f"rating below {min(level.at_least for level in self.levels):g}"

    @property
    def fault(self) -> str:
        """What stands for the kind of a row without a rating that can be used."""
        return "no rating of use"

    @property
    def bounds(self) -> str:
        """The range in words."""
        words: Mapping[str, float | None] = {"at least": self.minimum, "at most": self.maximum}
        return " and ".join(f"{word} {n:g}" for word, n in words.items() if n is not None)

    @model_validator(mode="after")
    def _levels_are_in_the_range(self) -> Self:
        low, high = self.minimum, self.maximum
        if low is not None and high is not None and low >= high:
            raise ValueError(f"no rating is between {low:g} and {high:g}: swap the two")
        starts = [level.at_least for level in self.levels]
        if len(set(starts)) < len(starts):
            raise ValueError("two levels begin at the same rating: leave one of them out")
        for start in starts:
            if (low is not None and start < low) or (high is not None and start > high):
                raise ValueError(
                    f"a level at {start:g}, but ratings are {self.bounds}: correct one of the two"
                )
        return self
