"""The cookbook's queries, run as a reader; and the data dictionary is what the database says."""

from __future__ import annotations

from datetime import date

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from benchmarks.serving.queries import COOKBOOK
from tests.serving.cookbook_nights import (
    QUERIES,
    ask,
    plain,
)
from tests.serving.nights import VIEWS

COLUMNS = {
    "Is it fresh": (
        "as_of release users published_at age shop_time on_hold hold_who hold_why waiting"
        " last_alert"
    ),
    "Why this item": (
        "rank score reason reason_item_title sources rank_before rung release tower_version"
    ),
    "What changed for": "item_id title change rank_before rank_now reason",
    "What does the application": "rank item_id title score reason rung",
    "How much of what is on offer": "publication_id as_of on_offer shown coverage_on_offer",
    "Most recommended": "item_id title lists share first_places running_share",
    "Which categories": "category items places share_of_items share_of_places",
    "New items:": "item_id title category available_from lists share",
    "New items' part": "category new_items places_of_new share_of_places",
    "Items that no list showed": "item_id title category available days_old price last_shown",
    "The ten items": "item_id title places price possible_revenue",
    "Best sellers": "item_id title buyers purchases revenue available price lists share_of_lists",
    "Items that lists show": "item_id title category lists share",
    "Are the places dearer": "category mean_price_on_offer mean_price_shown",
    "Who has this item": "user_id segment rank reason",
    "Items like this": "rank similar_item_id similar_title score category",
    "What is bought together": "rank other_item_id other_title lift baskets",
    "Which items gained": "item_id title lists_before lists_now change",
    "Who has a list": "segment served_by why_no_list users",
    "Who lost a list": "change segment why users",
    "Lists by segment": "segment lists mean_length",
    "Reasons by segment": "segment reason places share",
    "The items that each": "segment place item_id title lists share",
    "How many users": "publication_id as_of rung lists share",
    "Short lists": "as_of segment rung short_reason lists mean_length",
    "Whose list changed": (
        "user_id segment changed new_items gone_items moved_items off_offer own_events why"
    ),
    "Who is due to buy": "user_id rank item_id title bought_on due_on times",
    "What did users like": "rank item_id title likers lift",
    "Churn between": "user_id changed",
    "Which features put": "feature places mean_contribution mean_strength",
    "Where do the places": "reason source places mean_score mean_rank",
    "Realised hit rate:": (
        "as_of hit_rate_at_10 popular_hit_rate_at_10 ndcg_at_10 popular_ndcg_at_10 active "
        "active_share shown"
    ),
    "Realised hit rate by": (
        "as_of measured_by users hit_rate_at_10 popular_hit_rate_at_10 ndcg_at_10 "
        "popular_ndcg_at_10"
    ),
    "Conversion of": "event rank reason places places_with conversion times amount",
    "What part of all": "as_of event users times list_times share amount list_amount",
    "Revenue of the lists": "category places_bought buyers purchases revenue",
    "Who bought": "as_of user_id segment rank item_id title reason times amount",
    "Which generators named": "source places_bought purchases revenue share",
    "Item by item": "item_id title lists viewed bought conversion revenue",
    "Health of the lists": "as_of users coverage churn gini short_share",
    "How much better than": (
        "as_of users active_users ndcg popular_ndcg better_by hit_rate popular_hit_rate"
    ),
    "Quality by country": "as_of country users ndcg low high",
    "The gate's history": (
        "as_of verdict challenger champion gain gain_low gain_high popularity_gain"
        " popularity_gain_low popularity_gain_high first_failed_rule"
    ),
    "Which rules did": "place rule passed decisive value bound words",
    "Why was the newest": "as_of verdict challenger champion paragraph",
    "Which release was live": "release live_from live_until event who why",
    "What happened to releases": "at event release who why",
    "What does each generator": "as_of generator recall found_by_it_alone",
    "Did the tower get": (
        "learned_before lineage start why kept new archived returned drift examples replayed"
        " seconds recall_before recall_after gain recall_cold refresh_ok"
    ),
    "Which users are like": "rank similar_user_id similarity",
    "Which items are nearest": "item_id title similarity",
    "How often is": "day outcome calls share",
    "What did readers see": "moved_at lists_of publication_id moved_by why",
    "Days of the last 30": "as_of status failures alerts verdict",
    "Who rolled back": "moved_at moved_by why from_as_of to_as_of",
    "Which checks": "publication_id as_of status name severity found bound detail",
    "Alerts of the last": "raised_at severity kind as_of message reader_state remedy",
    "How long did each stage": "as_of stage runs seconds cpu_seconds peak_megabytes",
    "Everyone of a segment": "user_id segment served_by rank item_id title",
    "Only those with": "user_id segment rung item_ids scores",
}


def test_a_reader_need_not_name_the_schema(two_nights: Engine) -> None:
    with two_nights.connect() as connection:
        assert connection.scalar(sa.text("SELECT as_of FROM status")) == date(2026, 3, 2)
        first = connection.execute(sa.text("SELECT item_id FROM recommend('u1', 1)"))
        assert first.scalars().all() == ["i2"]


def test_every_query_answers_a_reader_with_the_promised_columns(two_nights: Engine) -> None:
    with two_nights.connect() as connection:
        assert connection.scalar(sa.text("SELECT session_user")) == "recsys_reader"
    assert len(COLUMNS) == len(QUERIES)
    for start, columns in COLUMNS.items():
        rows = ask(two_nights, start)
        assert rows, start
        assert " ".join(rows[0]._fields) == columns


def test_the_catalogue_queries_give_what_the_lists_hold(two_nights: Engine) -> None:
    """First k = 3 places, second night: 0 1 2 | 2 1 5 | 7 6 5 | 3 4, eleven places over eight
    items, all shown.

    First night: 0 1 2 | 1 2 3 | 2 3 4 | 3 4: items 0 to 4 of six: i7 was out of stock, i6 not yet
    launched.
    """
    assert plain(ask(two_nights, "How much of what"), "on_offer", "shown", "coverage_on_offer") == [
        (8, 8, 1.0),
        (6, 5, 5 / 6),
    ]
    top = ask(two_nights, "Most recommended")
    wanted = [("i1", 2, 0.5, 0), ("i2", 2, 0.5, 1), ("i5", 2, 0.5, 0), ("i0", 1, 0.25, 1)]
    assert plain(top, "item_id", "lists", "share", "first_places")[:4] == wanted
    assert [round(float(row.running_share), 6) for row in top[:4]] == [
        round(n / 11, 6) for n in (2, 4, 6, 7)
    ]
    moved = plain(
        ask(two_nights, "Which items gained"), "item_id", "lists_before", "lists_now", "change"
    )
    assert moved[:3] == [("i3", 3, 1, -2), ("i5", 0, 2, 2), ("i2", 3, 2, -1)]


def test_new_items_are_those_of_recent_launch_and_not_what_is_back_in_stock(
    two_nights: Engine,
) -> None:
    found = ask(two_nights, "New items:")
    assert plain(found, "item_id", "available_from", "lists", "share") == [
        ("i6", date(2026, 3, 1), 1, 0.25)
    ]
    parts = plain(ask(two_nights, "New items' part"), "category", "new_items", "places_of_new")
    assert parts == [("c", 1, 1)]  # of eleven places


def test_a_campaigns_list_of_a_segment_loses_nobody(two_nights: Engine) -> None:
    """u4 is of the segment and has no list: the segment's fallback, i5 and i6, then everyone's, i6
    i7 i0.
    """
    shown = ask(two_nights, "Everyone of a segment")
    served = {row.user_id: row.served_by for row in shown}
    assert served == {"u0": "own", "u1": "own", "u4": "segment"}
    assert [(row.rank, row.item_id) for row in shown if row.user_id == "u4"][:2] == [
        (1, "i5"),
        (2, "i6"),
    ]
    assert plain(
        ask(two_nights, "Who has a list"), "segment", "served_by", "why_no_list", "users"
    ) == [
        ("be", "own", None, 2),
        ("nl", "own", None, 2),
        ("nl", "segment", "inactive", 1),
        (None, "everyone", "inactive", 1),
    ]
    assert plain(ask(two_nights, "Only those with"), "user_id", "item_ids") == [
        ("u0", ["i0", "i1", "i2"]),
        ("u1", ["i2", "i1", "i5"]),
    ]


@pytest.mark.parametrize(
    "view", ["recommendations", "recommendation_history", "recommendation_lists"]
)
def test_every_view_of_lists_has_the_segment(two_nights: Engine, view: str) -> None:
    question = f"SELECT DISTINCT user_id, segment FROM recsys.{view} ORDER BY 1"
    with two_nights.connect() as connection:
        found = [tuple(row) for row in connection.execute(sa.text(question))]
    assert found == [("u0", "nl"), ("u1", "nl"), ("u2", "be"), ("u3", "be")]


def test_items_like_one_are_given_as_far_as_they_are_on_offer(
    two_nights: Engine, writer: Engine
) -> None:
    with writer.begin() as connection:
        connection.execute(
            sa.text("UPDATE recsys.item_availability SET available = false WHERE item_id = 'i1'")
        )
    assert plain(ask(two_nights, "Items like this"), "rank", "similar_item_id") == [(2, "i3")]
    with two_nights.connect() as connection:
        off = connection.scalars(
            sa.text("SELECT item_id FROM recsys.catalogue WHERE NOT available ORDER BY 1")
        )
        assert list(off) == ["i1", "i7"]


def test_the_user_queries_give_what_the_lists_hold(two_nights: Engine) -> None:
    """u1 had 1 2 3 and has 2 1 5. Of u2's 7 6 5 none was there before, of u1's three places one is
    new.
    """
    assert plain(
        ask(two_nights, "What changed for"), "item_id", "change", "rank_before", "rank_now"
    ) == [
        ("i2", "up", 2, 1),
        ("i1", "down", 1, 2),
        ("i5", "new", None, 3),
        ("i3", "gone", 3, None),
    ]
    assert plain(ask(two_nights, "Churn between"), "user_id", "changed") == [
        ("u2", 1.0),
        ("u1", 1 / 3),
        ("u0", 0.0),
        ("u3", 0.0),
    ]
    assert plain(ask(two_nights, "Lists by segment"), "segment", "lists", "mean_length") == [
        ("be", 2, 2.5),
        ("nl", 2, 3),
    ]
    who = ask(two_nights, "Who has this item")  # i2: third of u0, first of u1; u2 and u3 lack it
    assert plain(who, "user_id", "segment", "rank") == [("u1", "nl", 1), ("u0", "nl", 3)]
    newest = [row for row in ask(two_nights, "How many users") if str(row.as_of) == "2026-03-02"]
    assert plain(newest, "rung", "lists", "share")[0] == ("heavy", 2, 0.5)
    assert {row.rung: int(row.lists) for row in newest} == {
        "heavy": 2,
        "retrieval": 1,
        "popularity": 1,
    }
    short = plain(
        ask(two_nights, "Short lists"), "segment", "rung", "short_reason", "lists", "mean_length"
    )
    assert short == [("be", "popularity", "too_few_candidates", 1, 2.0)]
    (why,) = ask(two_nights, "Why this item")
    assert (why.rank, why.reason, why.reason_item_title, why.sources) == (
        1,
        "because_of",
        "Item 7",
        ["two_tower", "covisitation"],
    )


def test_a_new_view_gets_a_query_or_is_left_out_on_purpose() -> None:
    """A view that no query uses is one that an analyst will not find."""
    text = COOKBOOK.read_text()
    left_out = {"fallback_lists", "releases"}
    assert {view for view in VIEWS if f"recsys.{view}" not in text} == left_out
