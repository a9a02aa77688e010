"""What users were shown: among the interactions, or in a table of their own."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from recsys_tasks.config.base import PositiveFloat, Section, TimeUnit


class Impressions(Section):
    """Logged impressions: rows that say what a user was shown, among the interactions or in a table
    of their own (`source.impressions`). They are no interactions and are used only as the rankers'
    negatives.
    """

    event: Annotated[str, Field(min_length=1)] = "impression"
    """Value of the event column in such rows, or what the rows of a table of their own are called;
    not one of `kinds`.
    """
    position_column: str | None = None
    """Column with the item's position on the page, from 1; null: all positions count alike."""
    # Of a table of their own alone; left out of hashes where unset.
    user_column: str | None = Field(default=None, exclude_if=lambda name: name is None)
    """Column with the user's id in a table of their own; null: called as in the interactions."""
    item_column: str | None = Field(default=None, exclude_if=lambda name: name is None)
    """Column with the item's id in a table of their own; null: called as in the interactions."""
    timestamp_column: str | None = Field(default=None, exclude_if=lambda name: name is None)
    """Column with the time in a table of their own, written as in the interactions; null: called as
    there.
    """
    time_of_day_column: str | None = Field(default=None, exclude_if=lambda name: name is None)
    """Column with the time of day in a table of their own, beside that day; null: as there, where
    `timestamp_column` is null, too.
    """
    timestamp_unit: TimeUnit | None = Field(default=None, exclude_if=lambda unit: unit is None)
    """Unit of plain numbers in that column; null: as `events.timestamp_unit`."""
    examination_power: PositiveFloat = 1.0
    """Probability that a user examines position p: p^-power. Interactions are weighted by its
    inverse (inverse propensity weighting).
    """
    max_weight: Annotated[float, Field(ge=1.0)] = 10.0
    """Largest inverse propensity weight."""
