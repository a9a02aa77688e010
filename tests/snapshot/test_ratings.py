"""Ratings with their value: a threshold, grades, and low ones that are negative events."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from recsys_tasks.errors import NotEnoughData, ValidationFailed
from recsys_tasks.snapshot.bans import bans_at
from tests.snapshot.shops import LiteralShop, Row, second

LIKED: dict[str, Any] = {"column": "price", "minimum": 1, "maximum": 5}
"""The column `price` holds the ratings."""


def rated(folder: Path, rows: list[Row], **events: Any) -> LiteralShop:
    validation = {"max_bad_value_share": 1.0}
    settings: dict[str, Any] = {"events": events, "validation": validation}
    if "kinds" in events:
        settings["objectives"] = [{"name": "success", "events": [events["kinds"][0]["name"]]}]
    return LiteralShop(folder, rows, ["ann", "bob"], ["lamp", "mug"], settings)


ROWS: list[Row] = [
    ("ann", "lamp", (1, 1), "purchase", 5),
    ("ann", "mug", (1, 2), "purchase", 3.5),
    ("bob", "lamp", (1, 3), "purchase", 4),
    ("bob", "mug", (1, 4), "purchase", 1),
]


@pytest.mark.usefixtures("unchecked")
def test_below_a_threshold_a_row_is_no_event_and_is_counted(tmp_path: Path) -> None:
    levels = [{"at_least": 4, "event": "purchase"}]
    done = rated(tmp_path, ROWS, rating={**LIKED, "levels": levels}).night(2)
    assert done.snapshot.events().ts.tolist() == [second(1, 1), second(1, 3)]
    assert done.snapshot.artifact.facts["left_out"] == 2
    assert done.waiting == {}


@pytest.mark.usefixtures("unchecked")
def test_grades_weigh_as_their_kinds_and_low_ones_are_negative(tmp_path: Path) -> None:
    levels = [
        {"at_least": 1, "event": "disliked"},
        {"at_least": 3, "event": "liked"},
        {"at_least": 4.5, "event": "loved"},
    ]
    shop = rated(
        tmp_path,
        ROWS,
        rating={**LIKED, "levels": levels, "of": ["purchase"]},
        kinds=[{"name": "loved", "weight": 3}, {"name": "liked", "weight": 1}],
        negatives=[{"name": "disliked"}],
    )
    snapshot = shop.night(2).snapshot
    events, bans = snapshot.events(), bans_at(snapshot, date(2026, 1, 2))
    # ann: lamp loved, mug liked; bob: lamp liked, mug disliked (user 1, item 1 of 2)
    assert events.weight.tolist() == [3, 1, 1]
    assert bans is not None and bans.codes.tolist() == [3]
    assert snapshot.artifact.facts["left_out"] == 0


def test_what_is_no_rating_is_set_aside_and_quoted(tmp_path: Path) -> None:
    levels = [{"at_least": 1, "event": "purchase"}]
    bad: list[Row] = [
        ("ann", "lamp", (1, 5), "purchase", 6),
        ("ann", "lamp", (1, 6), "purchase", "good"),
        ("ann", "lamp", (1, 7), "purchase", None),
        ("ann", "lamp", (1, 8), "stolen", 5),
    ]
    shop = rated(tmp_path, [*ROWS, *bad], rating={**LIKED, "levels": levels})
    shop.settings["validation"]["max_unknown_event_share"] = 1.0
    done = shop.night(2)
    assert len(done.snapshot.events()) == 4
    assert done.waiting == {"bad_rating": 3, "unknown_event": 1}
    shop.settings["validation"]["max_bad_value_share"] = 0.1
    with pytest.raises(
        ValidationFailed, match=r"(?s)bad_rating.*'6', 'good'.*events\.rating\.unrated"
    ):
        shop.night(2)


@pytest.mark.usefixtures("unchecked")
def test_a_row_without_a_rating_is_what_the_settings_say(tmp_path: Path) -> None:
    levels = [{"at_least": 4, "event": "purchase"}]
    rows: list[Row] = [*ROWS, ("ann", "lamp", (1, 9), "purchase", None)]
    rating = {**LIKED, "levels": levels, "unrated": "purchase"}
    assert len(rated(tmp_path, rows, rating=rating).night(2).snapshot.events()) == 3


@pytest.mark.usefixtures("unchecked")
def test_a_threshold_that_no_rating_reaches_says_so(tmp_path: Path) -> None:
    levels = [{"at_least": 80, "event": "purchase"}]
    shop = rated(tmp_path, ROWS, rating={"column": "price", "levels": levels})
    with pytest.raises(
        NotEnoughData, match=r"(?s)left out by their rating.*events\.rating\.levels"
    ):
        shop.night(2)
