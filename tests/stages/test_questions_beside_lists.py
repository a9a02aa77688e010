"""What analysts ask beside the lists themselves: best sellers, items by segment, what part of all
that was bought was listed; each beside the shop's own files.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

from recsys_tasks.serving.liked import taste_groups
from recsys_tasks.stages import Night
from recsys_tasks.stages.inputs import embeddings_at
from tests.stages.shop_nights import FIRST_NIGHT, SECOND_NIGHT, TwoNights, rows
from tests.stages.test_questions_of_analysts import (
    done_on_first,
    lists_of_first,
    outcomes_of_first,
)
from tests.stages.test_what_readers_are_told import answer


def events_of_four_weeks(night: Night) -> pd.DataFrame:
    """What users did in the 28 days before a night, as the shop's own files have it."""
    days = (night.as_of - timedelta(days=back) for back in range(1, 29))
    folder = night.environment.home / "shop" / "events"
    files = [folder / f"{day}.parquet" for day in days]
    return pd.concat([pd.read_parquet(file) for file in files if file.exists()])


def events_of_users(night: Night, before: date) -> dict[str, int]:
    """How often each user did anything in the 40 days of `activity.within_days` before a date."""
    days = [before - timedelta(days=back) for back in range(1, 41)]
    folder = night.environment.home / "shop" / "events"
    files = [folder / f"{day}.parquet" for day in days]
    done = pd.concat([pd.read_parquet(file) for file in files if file.exists()])
    return dict(done["user_id"].value_counts())


def test_who_lost_and_who_got_a_list_follows_from_the_shops_own_files(nights: TwoNights) -> None:
    """A list needs two events; whoever had them a day ago and has not now, lost it."""
    second = nights.second
    before, now = (events_of_users(second, day) for day in (FIRST_NIGHT, SECOND_NIGHT))
    users = rows(second, "SELECT user_id, segment FROM recsys.users")
    wanted: Counter[tuple[str, str, str]] = Counter()
    for user, segment in users.itertuples(index=False):
        had, has = before.get(user, 0) > 1, now.get(user, 0) > 1
        if had or has:
            change = "kept" if had and has else "gained" if has else "lost"
            why = "" if has else "too few events" if now.get(user) else "inactive"
            wanted[(change, segment, why)] += 1
    assert {change for change, _, _ in wanted} == {"kept", "gained", "lost"}
    found = rows(
        second,
        "SELECT change, segment, coalesce(why, '') AS why, users FROM recsys.audience_changes",
    )
    assert found.set_index(["change", "segment", "why"])["users"].to_dict() == wanted
    told: Any = answer(second, "Who lost a list")
    assert told["users"].sum() == sum(n for (what, *_), n in wanted.items() if what != "kept")


def test_best_sellers_are_those_of_the_shops_own_files(nights: TwoNights) -> None:
    second = nights.second
    found: Any = answer(second, "Best sellers").set_index("item_id")
    done = events_of_four_weeks(second)
    bought: Any = done[done["event"] == "purchase"].groupby("item_id")
    buyers = bought["user_id"].nunique()
    top = sorted(buyers.items(), key=lambda one: (-one[1], str(one[0])))[:20]
    assert list(zip(found.index, found["buyers"], strict=True)) == top
    lists = rows(second, "SELECT item_id FROM recsys.recommendations")["item_id"].value_counts()
    for item, row in found.iterrows():
        assert row["purchases"] == bought.size()[item] and row["lists"] == lists.get(item, 0)
        assert row["revenue"] == pytest.approx(bought["price"].sum()[item], rel=1e-4)
    every = rows(second, "SELECT event, sum(times) AS times FROM recsys.item_events GROUP BY 1")
    assert every.set_index("event")["times"].to_dict() == done["event"].value_counts().to_dict()


def test_what_was_bought_from_lists_is_a_part_of_all_that_was_bought(nights: TwoNights) -> None:
    found: Any = answer(nights.second, "What part of all").set_index(["as_of", "event"])
    assert {day for day, _ in found.index} == {FIRST_NIGHT}
    published = rows(
        nights.second,
        "SELECT max(published_at) AS at FROM recsys.publications WHERE as_of = :day",
        day=FIRST_NIGHT,
    )["at"][0]
    done = done_on_first(nights.second)
    done = done[pd.to_datetime(done["timestamp"], unit="s", utc=True) >= published]
    listed = outcomes_of_first(nights.second)
    for (_, event), row in found.iterrows():
        everyone, own = done[done["event"] == event], listed[listed["event"] == event]
        assert (row["users"], row["times"]) == (everyone["user_id"].nunique(), len(everyone))
        assert row["list_times"] == len(own) and row["share"] == len(own) / len(everyone)
        assert row["amount"] == pytest.approx(everyone["price"].sum(), rel=1e-4)
        assert row["list_amount"] == pytest.approx(own["price"].sum(), rel=1e-4)
    revenue = answer(nights.second, "Revenue of the lists").set_index("category")["revenue"]
    category = nights.second.snapshot.items.set_index("item_id")["category"]
    bought = listed[listed["event"] == "purchase"]
    wanted = bought.groupby(bought["item_id"].map(category).astype(str))["price"].sum()
    assert revenue.to_dict() == pytest.approx(wanted.to_dict(), rel=1e-4)


def test_the_items_of_a_segment_and_the_users_of_an_item_are_those_of_the_lists(
    nights: TwoNights,
) -> None:
    second = nights.second
    lists = rows(second, "SELECT user_id, segment, item_id, rank FROM recsys.recommendations")
    found: Any = answer(second, "The items that each")
    users = lists.groupby("segment")["user_id"].nunique()
    for segment, those in lists.groupby("segment"):
        counted = sorted(
            those["item_id"].value_counts().items(), key=lambda one: (-one[1], str(one[0]))
        )[:5]
        own = found[found["segment"] == segment]
        assert list(zip(own["item_id"], own["lists"], strict=True)) == counted
        assert list(own["share"]) == [n / users[segment] for _, n in counted]
    item = lists["item_id"].value_counts().index[0]
    shown = rows(second, "SELECT user_id, rank FROM recsys.users_shown(:item)", item=item)
    of_item = lists[lists["item_id"] == item]
    assert sorted(map(tuple, shown.to_numpy().tolist())) == sorted(
        zip(of_item["user_id"], of_item["rank"], strict=True)
    )


def test_what_others_of_the_same_taste_liked_the_user_had_not(nights: TwoNights) -> None:
    """The shop's own files say who had what; the night's vectors who is in a group."""
    second = nights.second
    found = rows(second, "SELECT * FROM recsys.also_liked ORDER BY user_id, rank")
    folder = second.environment.home / "shop" / "events"
    files = [path for path in folder.glob("*.parquet") if path.stem < str(second.as_of)]
    done = pd.concat([pd.read_parquet(path) for path in files])
    had = done.groupby("user_id")["item_id"].agg(set)
    users = second.snapshot.users["user_id"].astype(str)
    lineage = second.serving.lineage()
    vectors = embeddings_at(second.snapshot, lineage, second.tonight)
    group = dict(
        zip(users.iloc[vectors.user_keys], taste_groups(vectors.user_vectors[:]), strict=True)
    )
    assert found["user_id"].nunique() > 100
    available = rows(second, "SELECT item_id FROM recsys.catalogue WHERE available")["item_id"]
    assert set(found["item_id"]) <= set(available)
    for user, own in list(found.groupby("user_id"))[::40]:
        mine = [one for one in had.index if group.get(one, -1) == group[str(user)]]
        everyone = [one for one in had.index if group.get(one, -1) >= 0]
        assert own["lift"].is_monotonic_decreasing
        for place in own.itertuples():
            assert place.item_id not in had[user]
            likers = sum(place.item_id in had[one] for one in mine)
            of_all = sum(place.item_id in had[one] for one in everyone) / len(everyone)
            assert place.likers == likers >= 5
            assert place.lift == pytest.approx(likers / len(mine) / of_all, rel=1e-5)


def test_prices_of_places_beside_those_on_offer(nights: TwoNights) -> None:
    second = nights.second
    found: Any = answer(second, "Are the places dearer").set_index("category")
    items = second.snapshot.items.set_index("item_id")
    lists = rows(second, "SELECT item_id FROM recsys.recommendations")["item_id"]
    shown = pd.DataFrame(
        {"category": lists.map(items["category"]).astype(str), "price": lists.map(items["price"])}
    )
    wanted = shown.groupby("category")["price"].mean().to_dict()
    told = found["mean_price_shown"].dropna().to_dict()
    assert told == pytest.approx(wanted, rel=1e-5)
    launched = pd.to_datetime(items["available_from"], unit="s").dt.date < second.as_of
    offered = items[items["available"] & launched]
    assert found["mean_price_on_offer"].to_dict() == pytest.approx(
        offered.groupby(offered["category"].astype(str))["price"].mean().to_dict(), rel=1e-5
    )


def test_what_was_bought_is_told_by_the_generators_that_named_it(nights: TwoNights) -> None:
    done = outcomes_of_first(nights.second)
    bought = done[done["event"] == "purchase"]
    named = rows(
        nights.second,
        "SELECT user_id, item_id, unnest(sources) AS source FROM recsys.recommendation_history"
        " WHERE as_of = :day",
        day=FIRST_NIGHT,
    )
    by_source: Any = bought.merge(named, on=["user_id", "item_id"]).groupby("source")
    found: Any = answer(nights.second, "Which generators named").set_index("source")
    assert dict(found["purchases"]) == dict(by_source.size()) and len(found) > 2
    places = bought[["user_id", "item_id"]].drop_duplicates()
    for source, those in by_source:
        own = len(those[["user_id", "item_id"]].drop_duplicates())
        row = found.loc[source]
        assert row["places_bought"] == own and row["share"] == pytest.approx(own / len(places))
        assert row["revenue"] == pytest.approx(those["price"].sum(), rel=1e-4)


def test_each_item_is_told_with_its_lists_and_what_was_done_in_them(nights: TwoNights) -> None:
    found: Any = answer(nights.second, "Item by item").set_index("item_id")
    lists = lists_of_first(nights.second)["item_id"].value_counts()
    top = sorted(lists.items(), key=lambda one: (-one[1], str(one[0])))[:100]
    assert list(zip(found.index, found["lists"], strict=True)) == top
    done = outcomes_of_first(nights.second)
    for item, row in found.iterrows():
        of = done[done["item_id"] == item]
        for column, event in (("viewed", "view"), ("bought", "purchase")):
            assert row[column] == of[of["event"] == event]["user_id"].nunique()
        assert row["conversion"] == pytest.approx(row["bought"] / row["lists"])
        paid = of[of["event"] == "purchase"]["price"]
        assert row["revenue"] == pytest.approx(
            paid.sum() if len(paid) else float("nan"), rel=1e-4, nan_ok=True
        )
    assert found["bought"].sum() > 0 and (found["viewed"] == 0).any()
