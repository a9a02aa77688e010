"""Amazon's ratings alone, as released in 2023: CSV with headings, all ratings or a k-core."""

from __future__ import annotations

from recsys_tasks.commands.public_data.amazon import IDS_ALONE, REVIEWED
from recsys_tasks.commands.public_data.data_set import DataSet, File, Headed, Interactions
from recsys_tasks.commands.public_data.ratings import (
    RATING_OBJECTIVES,
    RATING_SETTINGS,
    rating_columns,
)

DATA_SET = DataSet(
    name="amazon_ratings",
    title="Amazon ratings only, 2023",
    page="https://amazon-reviews-2023.github.io/",
    files=(
        File(
            "ratings",
            "a CSV file with user_id, parent_asin, rating, timestamp",
            Headed({"person": ["user_id"], "product": ["parent_asin"], "stars": ["rating"],
                    "at": ["timestamp"]}, quoted=False),
            several=True,
        ),
    ),
    interactions=Interactions(
        "ratings", "person", rating_columns("person", "product", per_second=1_000)
    ),
    items=IDS_ALONE,
    users=None,
    kinds={"rating": 1},
    objectives=RATING_OBJECTIVES,
    repeats="forbid",
    settings=RATING_SETTINGS,
    assumed=REVIEWED,
)  # fmt: skip
