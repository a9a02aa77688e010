"""The two-tower model, its warm start, and what its vectors are used for."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from recsys_tasks.config.base import (
    Days,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveDays,
    PositiveFloat,
    PositiveInt,
    Section,
    Share,
)


class WarmStartConfig(Section):
    """How tonight's tower starts from yesterday's."""

    epochs: PositiveInt = 2
    """Passes over the new days plus the replay sample."""
    learning_rate: PositiveFloat = 0.001
    """Adam step size at their start; it falls to `two_tower.final_rate`."""
    replay_ratio: NonNegativeFloat = 30.0
    """Replayed old examples for each new one, drawn with recency weights."""
    replay_half_life_days: PositiveFloat = 60.0
    """Age at which an old example is half as likely to be replayed."""
    replay_events_per_item: PositiveInt = 500
    """An old example is replaced by a newer one of its item once the item has this many newer
    events.
    """
    young_item_days: Days = 28
    """An item is young for this long; 0: no item is."""
    young_replays: NonNegativeFloat = 1.5
    """How often each night replays an example of a young item, at most as many in all as the other
    replay; 1.5: half of them once, half of them twice.
    """
    min_examples: PositiveInt = 2048
    """Fewest examples of a warm training; replay fills up to it."""
    accumulator_half_life_days: PositiveFloat = 30.0
    """Optimizer accumulators lose half their value in this time, so that ids stay movable."""
    archive_after_days: PositiveDays = 180
    """An id absent from the catalogue for this long moves to the archive, with its vector."""
    refresh_floor: Share = 0.85
    """Share of the previous version's recall on held-out new rows that tonight's must reach to
    serve.
    """
    max_new_share: Share = 0.1
    """A version is trained cold if more than this share of all events is newer than the version
    before it.
    """
    cold_every_nights: PositiveInt = 90
    """A lineage older than this many nights is replaced by a cold one."""
    control_every_nights: NonNegativeInt = 30
    """Nights between two cold controls, trained beside the warm tower to measure what the chain has
    lost; 0: none.
    """
    control_floor: Share = 0.9
    """A chain whose recall is significantly below this share of its cold control's is replaced by a
    cold version.
    """


class TwoTowerConfig(Section):
    """The retrieval model."""

    dimensions: Annotated[int, Field(ge=1, le=4096)] = 256
    """Size of every embedding and of both towers' outputs, of all members together."""
    members: PositiveInt = 2
    """Towers of the ensemble, trained on the same batches, each with its share of the dimensions;
    the mean of their scores is served.
    """
    history_length: PositiveInt = 100
    """Newest events of the user that enter the user tower."""
    max_item_values: PositiveInt = 16
    """Most attribute values kept of an item, over all attributes; where there are more, words of
    texts are dropped first.
    """
    numeric_buckets: PositiveInt = 16
    """Quantile buckets into which a numeric attribute is divided."""
    text_buckets: PositiveInt = 20_000
    """Hash buckets for the words and word pairs (bigrams) of text attributes."""
    use_user_attributes: bool = True
    """Feed declared user attributes into the user tower."""
    metric: Literal["cosine", "dot"] = "cosine"
    """cosine: unit vectors and `logit_scale`; dot: raw inner products."""
    logit_scale: PositiveFloat = 14.0
    """Multiplies cosine scores inside the softmax (TFRS calls 1/logit_scale temperature)."""
    dropout: Share = 0.5
    """Share of input embedding components dropped from histories while training."""
    item_dropout: Share = 0.25
    """Share of item vector components dropped while training."""
    learning_rate: PositiveFloat = 0.005
    """Adam step size at the start of a training, at the default batch size."""
    final_rate: PositiveFloat = 0.00025
    """Adam step size at the end of a training; it falls linearly."""
    batch_size: PositiveInt = 1024
    """Examples a step; the in-batch softmax costs batch_size² products."""
    epochs: PositiveInt = 12
    """Passes over the examples of a cold training."""
    max_examples: PositiveInt = 4_000_000
    """A cold training uses at most this many examples, the newest."""
    newest_per_user: PositiveInt = 150
    """Newest target events of one user that a cold training draws from."""
    examples_per_user: PositiveInt = 50
    """Examples of one user that one epoch uses, drawn anew for each, so that very active users do
    not dominate.
    """
    warm_start: WarmStartConfig = WarmStartConfig()
    """The warm chain."""

    @model_validator(mode="after")
    def _shares_are_even(self) -> Self:
        if self.dimensions % self.members:
            raise ValueError(
                f"{self.dimensions} dimensions cannot be shared evenly by {self.members} members: "
                f"make dimensions a multiple of {self.members}"
            )
        return self


class IndexConfig(Section):
    """Nearest-neighbour search over item vectors."""

    exact_below: PositiveInt = 20_000
    """Catalogues with fewer items than this are searched exactly."""
    recall_k: PositiveInt = 100
    """Recall is measured among this many neighbours."""
    recall_floor: Share = 0.98
    """An index below this recall against exact search is built finer; if that is still below it,
    exact search serves.
    """
    sample_users: PositiveInt = 1000
    """Users whose neighbours an index is tuned on; its recall is measured on as many others."""


class EmbeddingsConfig(Section):
    """Item and user vectors for use elsewhere."""

    publish: bool = False
    """Load tonight's vectors into PostgreSQL with HNSW indexes; needs the extension vector
    (pgvector) there.
    """
