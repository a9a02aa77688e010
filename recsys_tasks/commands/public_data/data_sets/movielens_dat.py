"""MovieLens as lines joined by `::`, in Latin-1: ml-1m, and ml-10m, which has no users' file."""

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
    STARS,
    movies,
    rating_columns,
)

_AGES = {
    "1": "under 18",
    "18": "18-24",
    "25": "25-34",
    "35": "35-44",
    "45": "45-49",
    "50": "50-55",
    "56": "56 and over",
}
_AGE = (
    "CASE age " + " ".join(f"WHEN '{code}' THEN '{band}'" for code, band in _AGES.items()) + " END"
)

DATA_SET = DataSet(
    name="movielens",
    title="MovieLens (ml-1m, ml-10m)",
    page="https://grouplens.org/datasets/movielens/",
    files=(
        File(
            "ratings",
            "lines UserID::MovieID::Rating::Timestamp",
            Unheaded("::", {"person": NUMBER, "movie": NUMBER, "stars": STARS, "at": SECONDS},
                     "latin-1"),
        ),
        File(
            "movies",
            "lines MovieID::Title::Genres",
            Unheaded("::", {"movie": NUMBER, "title": ".+", "genres": ".+"}, "latin-1"),
        ),
        File(
            "people",
            "lines UserID::Gender::Age::Occupation::Zip-code",
            Unheaded("::", {"person": NUMBER, "gender": "[FM]", "age": NUMBER,
                            "occupation": NUMBER, "zip": ".*"}, "latin-1"),
            needed=False,
        ),
    ),
    interactions=Interactions("ratings", "person", rating_columns("person", "movie")),
    items=Entities(movies("movies"), ["movies"], MOVIE_ATTRIBUTES, title="title"),
    users=Entities(
        f"SELECT person AS user_id, gender, {_AGE} AS age_band, occupation FROM people",
        ["people"],
        (
            {"name": "gender", "kind": "categorical"},
            {"name": "age_band", "kind": "categorical"},
            {"name": "occupation", "kind": "categorical"},
        ),
        group="age_band",
    ),
    kinds={"rating": 1},
    objectives=RATING_OBJECTIVES,
    repeats="forbid",
    settings=RATING_SETTINGS,
    assumed=RATED,
)  # fmt: skip
