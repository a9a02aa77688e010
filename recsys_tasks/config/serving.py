"""The published lists."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from recsys_tasks.config.base import NonNegativeInt, PositiveInt, Section, Share


class ServingConfig(Section):
    """The published lists."""

    k: Annotated[int, Field(ge=1, le=1000)] = 20
    """Items of a list."""
    spares: Annotated[int, Field(ge=0, le=1000)] = 10
    """Further items of a list, which fill up for items that become unavailable."""
    shards: PositiveInt = 4
    """Tasks among which the users are divided."""
    parallel_shards: PositiveInt = 2
    """Shards that run at once; each uses `resources.threads` divided by this many threads."""
    block_users: PositiveInt = 256
    """Users handled at once within a shard."""
    similar_items: NonNegativeInt = 20
    """Similar items published for each item; 0: none."""
    bought_by: tuple[str, ...] | None = None
    """Kinds of event by which users buy, for `bought_together` and `buy_again`; null: the kinds of
    the largest weight."""
    bought_together: NonNegativeInt = 10
    """Items published for each item that are bought on the same day (`recsys.bought_together`);
    0: none."""
    least_baskets: PositiveInt = 5
    """Baskets that must have both items of such a pair."""
    buy_again: NonNegativeInt = 10
    """Items published for each user that they bought and are due to buy again
    (`recsys.buy_again`); 0: none."""
    also_liked: NonNegativeInt = 10
    """Items published for each user that others of the same taste had and the user had not
    (`recsys.also_liked`); 0: none."""
    keep_publications: PositiveInt = 30
    """Publications kept besides those in use."""
    min_coverage: Share = 0.01
    """Share of the items on offer that the first k of all lists together must show."""
    max_identical_share: Share = 0.5
    """Largest share of users with an identical list; fallback lists are left out, and a night with
    no more than `k` items on offer is not asked."""
