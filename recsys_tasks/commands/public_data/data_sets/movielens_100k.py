"""MovieLens 100K: u.data joined by tabs, u.item and u.user by `|`, in Latin-1."""

from __future__ import annotations

from recsys_tasks.commands.public_data.data_set import (
    DataSet,
    Entities,
    File,
    Interactions,
    Unheaded,
)
from recsys_tasks.commands.public_data.ratings import (
    MOVIE_ATTRIBUTES,
    NUMBER,
    RATED,
    RATING_OBJECTIVES,
    RATING_SETTINGS,
    SECONDS,
    YEAR,
    rating_columns,
)

_GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary",
    "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi",
    "Thriller", "War", "Western",
)  # fmt: skip
"""Columns of u.item from the sixth on, 1 for a genre of the movie; the first says nothing."""
_FLAGS = [f"genre_{place}" for place in range(len(_GENRES))]
_WORDS = [genre.replace("'", "''") for genre in _GENRES]
_JOINED = ", ".join(
    f"CASE {flag} WHEN '1' THEN '{word}' END"
    for flag, word in zip(_FLAGS[1:], _WORDS[1:], strict=True)
)

DATA_SET = DataSet(
    name="movielens_100k",
    title="MovieLens 100K",
    page="https://grouplens.org/datasets/movielens/100k/",
    files=(
        File(
            "ratings",
            "lines of user id, item id, rating, timestamp joined by tabs",
            Unheaded("\t", {"person": NUMBER, "movie": NUMBER, "stars": "[1-5]", "at": SECONDS},
                     "latin-1"),
        ),
        File(
            "movies",
            "lines of 24 values joined by |: id, title, two dates, URL, 19 genres as 0 or 1",
            Unheaded("|", {"movie": NUMBER, "title": ".+", "released": ".*", "video": ".*",
                           "url": ".*", **dict.fromkeys(_FLAGS, "[01]")}, "latin-1"),
        ),
        File(
            "people",
            "lines user id|age|gender|occupation|zip code",
            Unheaded("|", {"person": NUMBER, "age": NUMBER, "gender": "[FM]", "occupation": ".+",
                           "zip": ".*"}, "latin-1"),
            needed=False,
        ),
    ),
    interactions=Interactions("ratings", "person", rating_columns("person", "movie")),
    items=Entities(
        f"SELECT movie AS item_id, title, nullif(concat_ws('|', {_JOINED}), '') AS genres,"
        f" {YEAR} AS year FROM movies",
        ["movies"],
        MOVIE_ATTRIBUTES,
        title="title",
    ),
    users=Entities(
        "SELECT person AS user_id, TRY_CAST(age AS INTEGER) AS age, gender, occupation FROM people",
        ["people"],
        (
            {"name": "age", "kind": "numeric"},
            {"name": "gender", "kind": "categorical"},
            {"name": "occupation", "kind": "categorical"},
        ),
        group="occupation",
    ),
    kinds={"rating": 1},
    objectives=RATING_OBJECTIVES,
    repeats="forbid",
    settings=RATING_SETTINGS,
    assumed=RATED,
)  # fmt: skip
