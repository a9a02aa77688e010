"""The rankers, and the rules that order and filter what they scored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from recsys_tasks.config.base import (
    Name,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Section,
    Share,
)


class SearchConfig(Section):
    """A search for better hyper-parameters of the heavy ranker; the best are kept in
    release.json.
    """

    trials: NonNegativeInt = 0
    """Settings tried, each by a training on half of the users; 0: off."""
    seconds: PositiveFloat = 600.0
    """No trial begins after this many seconds; a search that ends by it may differ from night to
    night.
    """


class RankerConfig(Section):
    """The LightGBM rankers."""

    mode: Literal["light_and_heavy", "heavy", "none"] = "light_and_heavy"
    """heavy: the heavy ranker sees every candidate; none: the retrieval order is served, whatever
    is champion.
    """
    windows: PositiveInt = 5
    """Largest number of label windows before the gate window; older ones than `max_users` needs are
    left out.
    """
    max_users: PositiveInt = 20_000
    """Users with a label in all windows together, the newest windows first."""
    negatives_per_user: PositiveInt = 150
    """Negatives sampled of one user and window, weighted by the inverse of their sampling rate."""
    light_survivors: PositiveInt = 200
    """Candidates that the light ranker passes on."""
    light_trees: PositiveInt = 60
    """Trees of the light ranker."""
    heavy_trees: PositiveInt = 200
    """Trees of each member of the heavy ranker."""
    heavy_members: PositiveInt = 2
    """Heavy rankers of an objective (an ensemble), each with its own draws of features and
    thresholds; the mean of their scores orders.
    """
    leaves: PositiveInt = 31
    """Leaves of a tree."""
    extra_trees: bool = True
    """Draw one threshold a feature and node of the heavy ranker instead of searching for the best,
    in seven of eight trees."""
    learning_rate: PositiveFloat = 0.05
    """Shrinkage of each tree."""
    min_leaf_rows: PositiveInt = 50
    """Fewest rows of a leaf."""
    feature_share: Share = 0.7
    """Share of features drawn for each tree."""
    loss: Literal["lambdarank", "binary"] = "lambdarank"
    """Listwise or pointwise objective; the light ranker is pointwise too where several objectives
    are mixed.
    """
    monotone: dict[str, Literal[-1, 1]] = Field(default={})
    """Column of the rankers' input → 1: scores never fall where it grows; -1: they never rise
    (docs/how-to/features.md).
    """
    search: SearchConfig = SearchConfig()
    """Search for hyper-parameters, on label windows only."""
    calibration_users: Share = 0.15
    """Share of users held out of the rankers to fit the calibration."""


class ItemRule(Section):
    """What an item must be like to be shown; an item that breaks it is unavailable tonight."""

    attribute: Name
    """A declared item attribute."""
    required: bool = False
    """A missing value breaks the rule."""
    minimum: float | None = None
    """Smallest value of a numeric attribute that is shown, e.g. of a quality score."""
    maximum: float | None = None
    """Largest value of a numeric attribute that is shown."""
    banned: tuple[str, ...] = ()
    """Values of a categorical, multi-valued or text attribute that are not shown."""


class OwnRule(Section):
    """A re-rank rule of an installed package."""

    name: Name
    """The rule's name, as its package says."""
    settings: Mapping[str, Any] = {}
    """The rule's own settings, which its package describes and checks."""


class RerankConfig(Section):
    """What happens after scoring, and what is never shown."""

    item_rules: tuple[ItemRule, ...] = ()
    """Quality rules on items' attributes; all must hold."""
    hidden_items: tuple[str, ...] = ()
    """Item ids that moderators took out; an item that must go at once: recsys.item_availability."""
    max_per_category: NonNegativeInt = 0
    """Items of one category among the first k; 0: no cap."""
    diversity: Share = 0.0
    """Weight of dissimilarity to the items ranked before (1 - λ of maximal marginal relevance) in
    the first k; 0: off.
    """
    diversity_by: Literal["tower", "content"] = "tower"
    """Similarity of items: by the tower's vectors, or by their declared attributes."""
    fresh_slots: NonNegativeInt = 0
    """Ranks among the first k reserved for fresh items, with logged propensity."""
    promoted_items: tuple[str, ...] = ()
    """Item ids put first for everyone who may see them."""
    # Left out of hashes where empty: a shop without such rules keeps its lists.
    rules: tuple[OwnRule, ...] = Field(default=(), exclude_if=lambda rules: not rules)
    """Re-rank rules of installed packages (docs/extending.md), applied in this order after those
    above.
    """
