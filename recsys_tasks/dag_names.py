"""Names of the DAGs, defined here alone, in the order in which a night runs them."""

from __future__ import annotations

VALIDATE_DATA = "validate_data"
TRAIN_TWO_TOWER = "train_two_tower"
BUILD_INDEX = "build_index"
TRAIN_RANKER = "train_ranker"
PRECOMPUTE_RECOMMENDATIONS = "precompute_recommendations"
MONITOR_RECOMMENDATIONS = "monitor_recommendations"
WATCH_FRESHNESS = "watch_freshness"
FIRE_DRILL = "fire_drill"
MAINTAIN_STORAGE = "maintain_storage"

PUBLISHING_DAGS = (
    VALIDATE_DATA,
    TRAIN_TWO_TOWER,
    BUILD_INDEX,
    TRAIN_RANKER,
    PRECOMPUTE_RECOMMENDATIONS,
)
"""DAGs that turn the shop's rows into published lists."""
NIGHTLY_DAGS = (*PUBLISHING_DAGS, MONITOR_RECOMMENDATIONS)
"""All DAGs of a night; each of their runs is for one `as_of` date."""
WITHOUT_AIRFLOW = "recsys run"
"""What an alert names in place of a DAG where a night without Airflow failed."""
OTHER_DAGS = (WATCH_FRESHNESS, MAINTAIN_STORAGE, FIRE_DRILL)
"""DAGs with a schedule of their own, which belong to no night."""
FIRST_DAG, LAST_DAG = NIGHTLY_DAGS[0], NIGHTLY_DAGS[-1]


def display_name(name: str, prefix: str) -> str:
    """What people read for a DAG: its place in the night, then its name in words; before both the
    shop's prefix where there is one.
    """
    words = name.replace("_", " ").capitalize().replace("two tower", "two-tower")
    if name in NIGHTLY_DAGS:
        words = f"{NIGHTLY_DAGS.index(name) + 1} · {words}"
    return " ".join(filter(None, [prefix.strip("_-. "), words]))


def dag_id(name: str, prefix: str) -> str:
    """The id under which Airflow knows a DAG of a shop with this prefix."""
    return f"{prefix}{name}"


def plain_name(known_as: str) -> str:
    """The name of this project's DAG that an id ends with; the id itself where it is another's."""
    ours = [name for name in (*NIGHTLY_DAGS, *OTHER_DAGS) if known_as.endswith(name)]
    return max(ours, key=len, default=known_as)


def prefix_of(known_as: str) -> str:
    """The prefix before the DAG's name in an id; empty where there is none."""
    return known_as.removesuffix(plain_name(known_as))
