"""Amazon's ratings alone, as released in 2014: lines of user, item, rating, timestamp."""

from __future__ import annotations

from recsys_tasks.commands.public_data.amazon import ASIN, IDS_ALONE, REVIEWED, REVIEWER
from recsys_tasks.commands.public_data.data_set import DataSet, File, Interactions, Unheaded
from recsys_tasks.commands.public_data.ratings import (
    RATING_OBJECTIVES,
    RATING_SETTINGS,
    SECONDS,
    STARS,
    rating_columns,
)

DATA_SET = DataSet(
    name="amazon_ratings",
    title="Amazon ratings only, 2014",
    page="https://cseweb.ucsd.edu/~jmcauley/datasets/amazon/links.html",
    files=(
        File(
            "ratings",
            "lines user,item,rating,timestamp without headings",
            Unheaded(",", {"person": REVIEWER, "product": ASIN, "stars": STARS, "at": SECONDS}),
            several=True,
        ),
    ),
    interactions=Interactions("ratings", "person", rating_columns("person", "product")),
    items=IDS_ALONE,
    users=None,
    kinds={"rating": 1},
    objectives=RATING_OBJECTIVES,
    repeats="forbid",
    settings=RATING_SETTINGS,
    assumed=REVIEWED,
)
