"""Windows of the features."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from recsys_tasks.config.base import PositiveDays, PositiveFloat, PositiveInt, Section


class FeaturesConfig(Section):
    """Windows of the features."""

    popularity_days: Annotated[tuple[PositiveDays, ...], Field(min_length=1)] = (1, 3, 7, 28, 90)
    """Popularity is counted over each of these windows, in days."""
    history_half_life_days: PositiveFloat = 60.0
    """A user's own events lose half their weight in this time."""
    history_items: PositiveInt = 50
    """Newest events kept of a user's history for similarity features."""
