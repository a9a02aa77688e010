"""A score that readers see is a chance, or null: a fallback's share of popularity and an order's
number are neither.
"""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.serving.nights import PLAIN, night, publish_night, stock, table

HEAVY, LIGHT, RETRIEVAL, PREVIOUS, POPULARITY = range(5)


def scores(reader: Engine, user: str, k: int = 3) -> dict[str, list[float | None]]:
    """What each path says of a user's places."""
    asked = {
        "recommend": "SELECT score FROM recsys.recommend(:user, :k) ORDER BY rank",
        "recommendations": (
            "SELECT score FROM recsys.recommendations WHERE user_id = :user ORDER BY rank"
        ),
        "recommendation_history": (
            "SELECT score FROM recsys.recommendation_history WHERE user_id = :user ORDER BY rank"
        ),
        "recommendation_lists": (
            "SELECT unnest(scores) FROM recsys.recommendation_lists WHERE user_id = :user"
        ),
    }
    with reader.connect() as connection:
        found = {
            path: (
                connection.scalars(
                    sa.text(query), {"user": user, **({"k": k} if ":k" in query else {})}
                ).all()
            )
            for path, query in asked.items()
        }
    return {
        path: [None if score is None else round(score, 4) for score in values]
        for path, values in found.items()
    }


def everywhere(expected: list[Any]) -> dict[str, list[Any]]:
    return dict.fromkeys(
        ("recommend", "recommendations", "recommendation_history", "recommendation_lists"), expected
    )


@pytest.mark.parametrize("rung", [HEAVY, LIGHT])
def test_a_rankers_score_is_shown(writer: Engine, reader: Engine, rung: int) -> None:
    stock(writer)
    night(writer, 0, rows=table(PLAIN, rung=[rung] * 4))
    assert scores(reader, "u0") == everywhere([0.9, 0.8, 0.7])


@pytest.mark.parametrize("rung", [RETRIEVAL, PREVIOUS, POPULARITY])
def test_an_order_is_not_shown_as_a_chance(writer: Engine, reader: Engine, rung: int) -> None:
    stock(writer)
    night(writer, 0, rows=table(PLAIN, rung=[rung] * 4))
    assert scores(reader, "u0") == everywhere([None] * 3)


def test_a_ranker_that_saw_too_little_come_true_says_no_chance(
    writer: Engine, reader: Engine
) -> None:
    stock(writer)
    publish_night(writer, 0, calibrated=False)
    assert scores(reader, "u0") == everywhere([None] * 3)


def test_a_promoted_item_that_the_ranker_was_not_asked_about_has_no_score(
    writer: Engine, reader: Engine
) -> None:
    stock(writer)
    ranks = [[0, 1, 2, 3], *[[1, 2, 3, 4]] * 3]
    night(writer, 0, rows=table(PLAIN, ranks_before=ranks))
    assert scores(reader, "u0") == everywhere([None, 0.8, 0.7])
    assert scores(reader, "u1") == everywhere([0.9, 0.8, 0.7])


def test_top_ups_and_fallbacks_have_no_score(writer: Engine, reader: Engine) -> None:
    stock(writer)
    publish_night(writer, 0)
    assert scores(reader, "u0", 20)["recommend"] == [0.9, 0.8, 0.7, 0.6, None, None, None]
    assert scores(reader, "stranger")["recommend"] == [None] * 3
