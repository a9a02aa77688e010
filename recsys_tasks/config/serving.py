"""The published lists."""

from __future__ import annotations

from recsys_tasks.config.base import NonNegativeInt, PositiveInt, Section, Share


class ServingConfig(Section):
    """The published lists."""

    k: PositiveInt = 20
    """Items of a list."""
    spares: NonNegativeInt = 10
    """Further items kept for topping up."""
    shards: PositiveInt = 4
    """Tasks among which the users are divided."""
    parallel_shards: PositiveInt = 2
    """Shards that run at once; each uses `resources.threads` divided by this many threads."""
    block_users: PositiveInt = 256
    """Users handled at once within a shard."""
    similar_items: NonNegativeInt = 20
    """Neighbours published for each item; 0: none."""
    keep_publications: PositiveInt = 30
    """Publications kept besides those in use."""
    min_coverage: Share = 0.01
    """Share of the items on offer that the first k of all lists together must show."""
    max_identical_share: Share = 0.5
    """Largest share of users with the very same list, fallback lists apart."""
