"""Traps that whole nights could fall into, each shown absent."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pandas as pd

from recsys_tasks.clock import parse_day
from recsys_tasks.stages import Night, run_on
from recsys_tasks.stages.inputs import open_inputs
from recsys_tasks.stages.judging.window import GateWindow, judged_users
from recsys_tasks.stages.plan import read_plan
from tests.stages.shop_nights import FIRST_NIGHT, TwoNights, rows


def test_the_gate_judges_all_that_came_later_and_no_random_part_of_the_rows(
    nights: TwoNights,
) -> None:
    """The split is in time: what is judged begins where all that was learned ends, and nobody's
    rows are divided.
    """
    first, shop, one = nights.first, nights.shop, nights.one
    begin = FIRST_NIGHT - timedelta(days=7)
    files = [shop.folder / "events" / f"{begin + timedelta(days=day)}.parquet" for day in range(7)]
    happened = pd.concat(
        [pd.read_parquet(file, columns=["user_id", "item_id"]) for file in files]
    ).astype(str)
    judged = judged_users(GateWindow(first.snapshot, first.gate, first.as_of))
    users, items = (
        first.snapshot.users["user_id"].to_numpy(),
        first.snapshot.items["item_id"].to_numpy(),
    )
    found = zip(users[judged.users[judged.truth.rows]], items[judged.truth.items], strict=True)
    assert set(found) == set(happened.itertuples(index=False, name=None))
    facts = json.loads(
        first.lake.get(str(one["train_ranker"].artifact)).file("release.json").read_text()
    )
    assert parse_day(facts["label_end"]) <= begin and all(
        parse_day(day) < begin for day in facts["label_cutoffs"]
    )
    cutoffs = open_inputs(first.snapshot, str(facts["lineage"]), first.gate).cutoffs
    assert cutoffs.learned_before <= cutoffs.history_before == begin


def test_no_place_among_tonights_candidates_is_lost_to_what_is_out_of_stock(
    nights: TwoNights,
) -> None:
    for shared in (nights.first, nights.second):
        night = Night.open(
            shared.config, shared.environment, shared.as_of
        )  # another test may have run it again
        items, plan = night.snapshot.items, read_plan(night.lake, night.as_of)
        on_offer = items["available"].to_numpy() & (
            items["available_from"].to_numpy() < night.tonight.history
        )
        index = night.lake.get(plan.index)
        assert 0 < index.rows <= on_offer.sum() < len(items)
        source = open_inputs(night.snapshot, plan.lineage, night.tonight, index).retriever
        named = source.block(np.arange(night.snapshot.n_users, dtype=np.int32)).items
        assert on_offer[named[named >= 0]].all()


def lists(night: Night) -> pd.DataFrame:
    query = (
        "SELECT user_id, rank, item_id, score, release, tower_version FROM recsys.recommendations"
    )
    return rows(night, f"{query} ORDER BY user_id, rank")


def test_a_champion_that_moves_between_two_shards_never_mixes_scores(own_nights: TwoNights) -> None:
    """All shards read what the plan names; the new champion's lists are a publication of their
    own.
    """
    second, one, two = own_nights.second, own_nights.one, own_nights.two
    newest = rows(second, "SELECT max(as_of) AS night FROM recsys.publications")["night"][0]
    releases = [str(night["train_ranker"].artifact).split("/")[1] for night in (one, two)]
    assert releases[0] != releases[1]
    was = second.registry.champion()

    def night(spares: int) -> Night:
        """The newest night with another number of spares, so that its lists are made anew; the
        first ten are not.
        """
        serving = second.config.serving.model_copy(update={"spares": spares})
        return Night.open(
            second.config.model_copy(update={"serving": serving}), second.environment, newest
        )

    def champion(release: str) -> None:
        second.registry.promote(release, who="test", why="to be moved", at=second.now)

    def publish(of: Night, moved_to: str | None = None) -> pd.DataFrame:
        run_on(of, "prepare_publication")
        run_on(of, "precompute_shard", 0)
        if moved_to:
            champion(moved_to)
        run_on(of, "precompute_shard", 1)
        assert run_on(of, "publish").figures["shown"] is True
        return lists(of)

    made = []
    for spares, release in ((4, releases[0]), (3, releases[1])):
        champion(release)
        made.append(publish(night(spares)))
        assert set(made[-1]["release"]) == {release} and made[-1]["tower_version"].nunique() == 1
    assert not np.array_equal(made[0]["score"], made[1]["score"])
    champion(releases[0])
    pd.testing.assert_frame_equal(publish(night(2), moved_to=releases[1]), made[0])
    if was is not None:
        champion(was)
