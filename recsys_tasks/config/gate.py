"""When a challenger replaces the champion."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from recsys_tasks.config.base import (
    NonNegativeFloat,
    PositiveDays,
    PositiveFloat,
    PositiveInt,
    Section,
    Share,
)


class GateConfig(Section):
    """When a challenger replaces the champion."""

    metric: Literal["ndcg@10"] = "ndcg@10"
    """What is compared, on the gate window."""
    margin: NonNegativeFloat = 0.0
    """Smallest relative gain that counts as better."""
    confidence: Annotated[float, Field(gt=0.5, lt=1.0)] = 0.975
    """One-sided confidence of the paired bootstrap of one comparison. What that means for a night:
    at most 5 % of equally good challengers are promoted; `make bench-gate` measures it.
    """
    non_inferior_margin: Share = 0.01
    """Relative loss within which a challenger counts as not worse."""
    non_inferior_after_days: PositiveDays = 7
    """A champion older than this many days is replaced by one that is not worse, also than the
    anchor.
    """
    anchor_days: PositiveDays = 90
    """The champion becomes the anchor when the present one was fixed this many days ago."""
    min_users: PositiveInt = 100
    """Fewest users with a positive in the window; below it nothing is promoted."""
    min_slice_users: PositiveInt = 100
    """Fewest users of a guarded slice."""
    slice_bound: Share = 0.05
    """Relative loss of a slice; a release is put on hold if the slice's whole confidence interval
    lies beyond it.
    """
    max_calibration_error: Share = 0.05
    """Largest expected calibration error."""
    max_calibration_ratio: PositiveFloat = 1.0
    """Largest calibration error, beyond chance, divided by the predicted or the observed rate,
    whichever is less; 1: off by a factor of two.
    """
    min_coverage_ratio: Share = 0.5
    """Challenger's item coverage divided by the champion's."""
    max_popularity_rise: Share = 0.1
    """Largest increase, against the champion, of the share of all ranks that the 1 % most popular
    items take.
    """
    max_cost_ratio: PositiveFloat = 2.0
    """Challenger's tree nodes a user divided by the champion's."""
    max_popularity_overlap: Share = 0.95
    """Largest share of its ranks that a challenger may have in common with plain popularity."""
    max_column_auc: Share = 0.99
    """Largest AUC of one feature alone; a feature above it is taken for a leak of the label."""
    max_share_of_perfect: Share = 0.95
    """Largest share of the metric that a perfect order of the same lists would reach; above it a
    leak is assumed.
    """
    bootstrap_samples: PositiveInt = 1000
    """Resamples of the paired bootstrap."""
    wait_minutes: PositiveInt = 30
    """How long a gate waits for another one before it refuses."""
    approval: bool = False
    """True: a promotion waits for a person in Airflow; the night goes on with the champion
    meanwhile.
    """
    approval_hours: PositiveInt = 12
    """Hours that a promotion waits; without an answer the champion stays. Must be less than the
    time between two nights, which it would block.
    """
