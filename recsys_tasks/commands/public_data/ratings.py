"""What data sets of ratings have in common: columns, attributes of movies, what is assumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NUMBER, STARS, SECONDS = r"\d+", r"\d(\.\d)?", r"\d{8,10}"
"""Values of lines without headings."""
YEAR = r"TRY_CAST(regexp_extract(title, '\((\d{4})\)\s*$', 1) AS INTEGER)"
"""A movie's year, which stands at the end of its title."""
MOVIE_ATTRIBUTES = (
    {"name": "title", "kind": "text"},
    {"name": "genres", "kind": "multi", "separator": "|"},
    {"name": "year", "kind": "numeric"},
)
RATING_OBJECTIVES = ({"name": "rating", "events": ["rating"]},)
RATING_SETTINGS: Mapping[str, Any] = {
    "events.rating": {
        "column": "rating",
        "minimum": 0,
        "maximum": 5,
        "levels": [{"at_least": 0, "event": "rating"}],
        "unrated": "rating",
    }
}
RATED: Mapping[str, str] = {
    "events.kinds": "every rating is one event of the same weight",
    "events.rating": (
        "every rating counts, whatever its stars, as published tables of the next item count it."
        " For lists of what users like, write levels: [{at_least: 4, event: rating}, {at_least: 0,"
        " event: disliked}] and events.negatives: [{name: disliked, takes_back: nothing}]"
    ),
    "objectives": "the next rating is what lists are for",
    "repeat_consumption": "a user rates an item once, so what was rated is not shown again",
    "items.attributes": (
        "of the movies' file: genres, and the year at the end of the title; tags and links to other"
        " catalogues are left out"
    ),
    "users.attributes": "of the users' file; the zip code names too few people and is left out",
}


def rating_columns(user: str, item: str, *, per_second: int = 1) -> dict[str, str]:
    """Expressions of an event a rating; `per_second`: units of its time in a second."""
    seconds = 'TRY_CAST("at" AS BIGINT)'
    return {
        "user_id": user,
        "item_id": item,
        "timestamp": seconds if per_second == 1 else f"{seconds} // {per_second}",
        "event": "'rating'",
        "rating": "TRY_CAST(stars AS DOUBLE)",
    }


def movies(file: str) -> str:
    """The query of a table of movies whose genres are joined by `|`."""
    return (
        f"SELECT movie AS item_id, title, nullif(genres, '(no genres listed)') AS genres,"
        f" {YEAR} AS year FROM {file}"
    )
