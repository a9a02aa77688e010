"""Names of the DAGs, spelled here alone, in the order of the data."""

from __future__ import annotations

VALIDATE_DATA = "validate_data"
TRAIN_TWO_TOWER = "train_two_tower"
BUILD_INDEX = "build_index"
TRAIN_RANKER = "train_ranker"
PRECOMPUTE_RECOMMENDATIONS = "precompute_recommendations"
MONITOR_RECOMMENDATIONS = "monitor_recommendations"
WATCH_FRESHNESS = "watch_freshness"
MAINTAIN_STORAGE = "maintain_storage"

PUBLISHING = (
    VALIDATE_DATA,
    TRAIN_TWO_TOWER,
    BUILD_INDEX,
    TRAIN_RANKER,
    PRECOMPUTE_RECOMMENDATIONS,
)
"""DAGs that stand between the shop's rows and the published lists."""
CHAIN = (*PUBLISHING, MONITOR_RECOMMENDATIONS)
"""DAGs of a night; each of their runs has a date."""
BY_HAND = "recsys run"
"""What an alert names where a night without Airflow failed."""
BESIDE = (WATCH_FRESHNESS, MAINTAIN_STORAGE)
"""DAGs that run by the clock, beside the nights."""
FIRST, LAST = CHAIN[0], CHAIN[-1]


def dag_id(name: str, prefix: str) -> str:
    """The id under which Airflow knows a DAG of a shop with this prefix."""
    return f"{prefix}{name}"


def plain_name(known_as: str) -> str:
    """The name of ours that an id ends with; the id itself where it is none of ours."""
    ours = [name for name in (*CHAIN, *BESIDE) if known_as.endswith(name)]
    return max(ours, key=len, default=known_as)


def prefix_of(known_as: str) -> str:
    """What stands before the name in an id."""
    return known_as.removesuffix(plain_name(known_as))
