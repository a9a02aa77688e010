"""MovieLens as CSV with headings: ml-latest-small, ml-latest, ml-20m, ml-25m, ml-32m."""

from __future__ import annotations

from recsys_tasks.commands.public_data.data_set import (
    DataSet,
    Entities,
    File,
    Headed,
    Interactions,
)
from recsys_tasks.commands.public_data.ratings import (
    MOVIE_ATTRIBUTES,
    RATED,
    RATING_OBJECTIVES,
    RATING_SETTINGS,
    movies,
    rating_columns,
)

DATA_SET = DataSet(
    name="movielens",
    title="MovieLens (ml-latest-small, ml-20m, ml-25m, ml-32m)",
    page="https://grouplens.org/datasets/movielens/",
    files=(
        File(
            "ratings",
            "a CSV file with userId, movieId, rating, timestamp",
            Headed({"person": ["userId"], "movie": ["movieId"], "stars": ["rating"],
                    "at": ["timestamp"]}, quoted=False),
        ),
        File(
            "movies",
            "a CSV file with movieId, title, genres",
            Headed({"movie": ["movieId"], "title": ["title"], "genres": ["genres"]}),
        ),
    ),
    interactions=Interactions("ratings", "person", rating_columns("person", "movie")),
    items=Entities(movies("movies"), ["movies"], MOVIE_ATTRIBUTES, title="title"),
    users=None,
    kinds={"rating": 1},
    objectives=RATING_OBJECTIVES,
    repeats="forbid",
    settings=RATING_SETTINGS,
    assumed=RATED,
)  # fmt: skip
