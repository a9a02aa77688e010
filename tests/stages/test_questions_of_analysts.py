"""The cookbook's answers to an analyst's questions, after real nights, beside an independent
computation from what the lake and the shop hold.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recsys_tasks.stages import Night
from tests.stages.shop_nights import FIRST_NIGHT, SECOND_NIGHT, TwoNights, rows
from tests.stages.test_what_readers_are_told import QUERIES, answer

ASKED = (
    "How much better than",
    "The gate's history",
    "Quality by country",
    "How long did each stage",
    "Which rules did",
    "Everyone of a segment",
    "Items like this",
    "New items' part",
    "Items that no list showed",
    "The ten items",
    "Whose list changed",
    "Reasons by segment",
    "Conversion of",
    "Best sellers",
    "Items that lists show",
    "Are the places dearer",
    "Who has this item",
    "The items that each",
    "What part of all",
    "Revenue of the lists",
)


def lists_of_first(night: Night) -> pd.DataFrame:
    """What readers saw of the first night, a row a place."""
    return rows(
        night,
        "SELECT user_id, segment, rank, item_id, reason FROM recsys.recommendation_history"
        " WHERE publication_id = (SELECT max(publication_id) FROM recsys.publications"
        " WHERE as_of = :day) ORDER BY user_id, rank",
        day=FIRST_NIGHT,
    )


def done_on_first(night: Night) -> pd.DataFrame:
    """What users did on the first night's day, by ids, as the shop's own files have it."""
    found = pd.read_parquet(night.environment.home / "shop" / "events" / f"{FIRST_NIGHT}.parquet")
    return found.assign(day=FIRST_NIGHT)


@pytest.mark.parametrize("start", ASKED)
def test_a_question_is_answered_in_ten_lines(start: str) -> None:
    (sql,) = (text for title, text in QUERIES.items() if title.startswith(start))
    assert len(sql.strip().splitlines()) <= 10


def test_the_gates_history_is_that_of_the_kept_decisions(nights: TwoNights) -> None:
    found = answer(nights.second, "The gate's history").set_index("as_of")
    assert list(found.index) == [SECOND_NIGHT, FIRST_NIGHT]
    for night in (FIRST_NIGHT, SECOND_NIGHT):
        kept = nights.second.lake.require("decision", night.isoformat())
        decision = json.loads(kept.file("decision.json").read_text())
        against = json.loads(kept.file("figures.json").read_text())["against"]
        row: Any = found.loc[night]
        assert row["verdict"] == decision["verdict"]
        failed = [r["name"] for r in decision["rules"] if not r["passed"] and r["leads_to"]]
        assert [row["first_failed_rule"]] == failed[:1] or not failed
        assert failed or pd.isna(row["first_failed_rule"])
        for role, prefix in (("champion", ""), ("popularity", "popularity_")):
            change = against.get(role, {}).get("ndcg@10", {})
            for name, end in (("gain", "change"), ("gain_low", "low"), ("gain_high", "high")):
                wanted = change.get(end)
                value = row[prefix + name]
                assert pd.isna(value) if wanted is None else value == pytest.approx(wanted)
    rules = answer(nights.second, "Which rules did")
    assert set(rules["rule"]) == {rule["name"] for rule in decision["rules"]}
    assert list(rules["passed"]) == sorted(rules["passed"])


def test_lists_and_popular_items_are_compared_night_by_night(nights: TwoNights) -> None:
    """NDCG of one user at a time: 1 / log2(place + 1) of what was hit, over the best that so many
    items could have had.
    """
    answers: Any = answer(nights.second, "How much better than")
    (row,) = answers.itertuples()
    assert row.as_of == FIRST_NIGHT
    wanted: Any = mean_ndcg(nights.second)
    assert row.ndcg == pytest.approx(wanted["mean"].iloc[0])
    assert row.active_users == wanted["users"].iloc[0]
    assert row.better_by == pytest.approx(row.ndcg / row.popular_ndcg - 1)


def mean_ndcg(night: Night, *, by_segment: bool = False) -> pd.DataFrame:
    """Mean NDCG@10 of the first night's lists, of all or by their segments."""
    lists, done = lists_of_first(night), done_on_first(night)
    taken = done.groupby("user_id")["item_id"].agg(set)
    found = []
    for user, own in lists.groupby("user_id"):
        if user not in taken.index:
            continue
        hits = [item in taken[user] for item in own.sort_values("rank")["item_id"]]
        gain = sum(1 / np.log2(place + 2) for place, hit in enumerate(hits) if hit)
        best = sum(1 / np.log2(place + 2) for place in range(min(len(taken[user]), 10)))
        found.append((own["segment"].iloc[0], gain / best))
    frame = pd.DataFrame(found, columns=["segment", "ndcg"])
    if not by_segment:
        frame["segment"] = "everyone"
    grouped: Any = frame.groupby("segment")["ndcg"]
    return pd.DataFrame({"mean": grouped.mean(), "users": grouped.size(), "sd": grouped.std()})


def test_quality_by_country_is_the_mean_over_its_users(nights: TwoNights) -> None:
    found = answer(nights.second, "Quality by country").set_index("country")
    wanted: Any = mean_ndcg(nights.second, by_segment=True)
    assert len(wanted) > 2 and set(found.index) == set(wanted.index)
    for country, one in wanted.iterrows():
        row: Any = one
        given: Any = found.loc[country]
        assert given["users"] == row["users"] and given["ndcg"] == pytest.approx(row["mean"])
        if row["users"] >= 30:  # a normal interval is close to the bootstrap's
            half = 1.96 * row["sd"] / np.sqrt(row["users"])
            assert given["low"] == pytest.approx(row["mean"] - half, abs=0.5 * half)
            assert given["high"] == pytest.approx(row["mean"] + half, abs=0.5 * half)


def test_the_gates_groups_add_up_to_everyone(nights: TwoNights) -> None:
    """Every judged user has one country, and the challenger's mean over all is that of the
    countries, weighted.
    """
    found = rows(
        nights.second,
        "SELECT users, mean, low, high FROM recsys.slices WHERE as_of = :day AND measured = 'gate'"
        " AND system = 'challenger' AND attribute = 'country' AND users > 0",
        day=SECOND_NIGHT,
    )
    assert (found["low"] <= found["mean"]).all() and (found["mean"] <= found["high"]).all()
    wide: Any = rows(
        nights.second,
        "SELECT challenger_ndcg, popularity_ndcg FROM recsys.nights WHERE as_of = :day",
        day=SECOND_NIGHT,
    )
    (row,) = wide.itertuples()
    assert np.average(found["mean"], weights=found["users"]) == pytest.approx(row.challenger_ndcg)
    assert 0 < row.popularity_ndcg < 1


def test_what_a_night_cost_is_what_its_stages_took(nights: TwoNights) -> None:
    found: Any = answer(nights.second, "How long did each stage").set_index(["as_of", "stage"])
    for day, results in ((FIRST_NIGHT, nights.one), (SECOND_NIGHT, nights.two)):
        took = {name: result.seconds for name, result in results.items()}
        shards = sum(s for name, s in took.items() if name.startswith("precompute_shard."))
        assert found.loc[(day, "precompute_shard"), "seconds"] == pytest.approx(shards)
        assert found.loc[(day, "embed"), "runs"] == 1
        assert found.loc[(day, "embed"), "seconds"] == pytest.approx(took["embed"])
    assert (found["cpu_seconds"] >= 0).all() and (found["peak_megabytes"] > 100).all()
    worked = found[found["seconds"] > 0.2]  # publish takes less than the figures show
    assert len(worked) > 5 and (worked["cpu_seconds"] > 0).all()
    trained: Any = found.loc[(FIRST_NIGHT, "train_two_tower")]
    assert 0 < trained["cpu_seconds"] < 64 * trained["seconds"]  # little, on a busy machine


def test_items_that_no_list_showed_are_the_others_of_the_catalogue(nights: TwoNights) -> None:
    second = nights.second
    found = answer(second, "Items that no list showed").set_index("item_id")
    shown = rows(
        second,
        "SELECT DISTINCT item_id FROM recsys.recommendation_history WHERE published",
    )["item_id"]
    items = second.snapshot.items.set_index("item_id")
    assert len(found) > 0 and set(found.index) == set(items.index) - set(shown)
    launched = pd.to_datetime(items["available_from"][found.index], unit="s")
    night = rows(second, "SELECT as_of FROM recsys.status")["as_of"][0]
    assert list(found["days_old"]) == [(night - day.date()).days for day in launched]
    assert list(found["price"]) == list(items["price"][found.index])
    newest = rows(
        second,
        "SELECT item_id, max(as_of) AS last FROM recsys.item_history GROUP BY 1 ORDER BY 1",
    )
    noted = rows(
        second,
        "SELECT item_id, last_shown AS last FROM recsys.catalogue WHERE last_shown IS NOT NULL"
        " ORDER BY 1",
    )
    assert newest.equals(noted)
    assert found["price"].is_monotonic_decreasing and not found["available"].all()


def test_who_has_a_list_is_counted_as_it_is(nights: TwoNights) -> None:
    found = answer(nights.second, "Who has a list")
    everyone = rows(nights.second, "SELECT segment, served_by, why_no_list FROM recsys.audience")
    keys = ["segment", "served_by", "why_no_list"]
    wanted = everyone.fillna("-").groupby(keys).size()
    assert len(wanted) > 5 and set(everyone["served_by"]) == {"own", "segment"}
    assert found.fillna("-").set_index(keys)["users"].to_dict() == wanted.to_dict()


def outcomes_of_first(night: Night) -> pd.DataFrame:
    """Every place of the first night's lists that its user did something with: a row an event."""
    lists, done = lists_of_first(night), done_on_first(night)
    published = rows(
        night,
        "SELECT max(published_at) AS at FROM recsys.publications WHERE as_of = :day",
        day=FIRST_NIGHT,
    )["at"][0]
    seen = done[pd.to_datetime(done["timestamp"], unit="s", utc=True) >= published]
    return lists.merge(seen, on=["user_id", "item_id"])


def test_conversion_is_that_of_each_place_that_readers_saw(nights: TwoNights) -> None:
    found: Any = answer(nights.second, "Conversion of")
    lists, done = lists_of_first(nights.second), outcomes_of_first(nights.second)
    assert len(done) > 100 and set(found["event"]) == {"view", "cart", "purchase"}
    places: Any = lists.groupby(["rank", "reason"]).size()
    for row in found.itertuples():
        key = (row.rank, row.reason)
        those = done[
            (done["event"] == row.event)
            & (done["rank"] == row.rank)
            & (done["reason"] == row.reason)
        ]
        with_event = len(those[["user_id", "item_id"]].drop_duplicates())
        assert (row.places, row.places_with) == (places[key], with_event)
        assert row.times == len(those) and row.conversion == pytest.approx(with_event / places[key])
        worth = those["price"].sum() if len(those) else np.nan
        assert row.amount == pytest.approx(worth, rel=1e-4, nan_ok=True)
    assert found.groupby("event")["places"].sum().tolist() == [len(lists)] * 3
    bought = answer(nights.second, "Who bought")
    assert len(bought) == min(100, found.loc[found["event"] == "purchase", "places_with"].sum())


def test_what_the_top_items_could_bring_is_places_times_price_times_conversion(
    nights: TwoNights,
) -> None:
    second = nights.second
    found: Any = answer(second, "The ten items").set_index("item_id")
    counted = rows(
        second,
        "SELECT h.item_id, count(*) AS places FROM recsys.recommendation_history AS h"
        " WHERE h.published GROUP BY 1",
    ).set_index("item_id")["places"]
    top = sorted(counted.items(), key=lambda one: (-one[1], str(one[0])))[:10]
    assert list(zip(found.index, found["places"], strict=True)) == top
    done = outcomes_of_first(second)
    bought = done[done["event"] == "purchase"][["user_id", "item_id"]].drop_duplicates()
    share = len(bought) / len(lists_of_first(second))
    price: Any = second.snapshot.items.set_index("item_id")["price"]
    for item, places in top:
        assert found["price"][item] == price[item]
        assert found["possible_revenue"][item] == pytest.approx(places * price[item] * share)


def test_reasons_by_segment_are_counted_for_everyone(nights: TwoNights) -> None:
    found: Any = answer(nights.second, "Reasons by segment").set_index(["segment", "reason"])
    lists = rows(nights.second, "SELECT segment, reason FROM recsys.recommendations")
    counted = lists.groupby(["segment", "reason"]).size()
    assert dict(found["places"]) == dict(counted)
    for (segment, _), row in found.iterrows():
        assert row["share"] == pytest.approx(row["places"] / counted[segment].sum())


def test_whose_list_changed_is_seen_in_both_nights_lists(nights: TwoNights) -> None:
    second = nights.second
    before = lists_of_first(second).groupby("user_id")["item_id"].agg(list)
    now = rows(
        second,
        "SELECT user_id, item_id FROM recsys.recommendation_history WHERE publication_id = (SELECT"
        " max(publication_id) FROM recsys.publications WHERE as_of = :day) ORDER BY user_id, rank",
        day=SECOND_NIGHT,
    )
    lists = now.groupby("user_id")["item_id"].agg(list)
    both = before.index.intersection(lists.index)
    wanted = {user: len(set(lists[user]) - set(before[user])) / len(lists[user]) for user in both}
    every = rows(second, "SELECT * FROM recsys.list_changes").set_index("user_id")
    assert dict(every["changed"]) == pytest.approx(wanted)
    top: Any = answer(second, "Whose list changed")
    assert list(top["changed"]) == pytest.approx(sorted(wanted.values(), reverse=True)[:20])
    offered = second.snapshot.items.set_index("item_id")["available"]
    did = done_on_first(second).groupby("user_id").size()
    for row in top.itertuples():
        gone = set(before[row.user_id]) - set(lists[row.user_id])
        assert row.gone_items == len(gone) and row.off_offer == sum(~offered[list(gone)])
        assert row.own_events == did.get(row.user_id, 0)
        assert (f"the user did {row.own_events} things" in row.why) == (row.own_events > 0)
