"""How many candidates each generator is asked for."""

from __future__ import annotations

from recsys_tasks.config.base import NonNegativeInt, PositiveInt, Section


class GeneratorsConfig(Section):
    """Candidates asked of each generator, a user; 0 switches one off."""

    two_tower: NonNegativeInt = 400
    """Nearest items to the user's vector."""
    covisitation: NonNegativeInt = 400
    """Items that follow or accompany the user's last items."""
    own_history: NonNegativeInt = 400
    """The user's own items, decayed; needs repeat_consumption allow or after_days."""
    segment_popular: NonNegativeInt = 350
    """Popular in the user's segment."""
    trending: NonNegativeInt = 20
    """Largest growth over the last week."""
    fresh: NonNegativeInt = 20
    """New items, by content."""
    max_candidates: PositiveInt = 300
    """Candidates kept a user after the union, by reciprocal-rank fusion."""
