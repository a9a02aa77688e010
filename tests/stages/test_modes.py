"""Whole nights of a shop that serves the retrieval order, and then of one whose heavy ranker sees
every candidate.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pandas as pd
import pytest

from recsys_tasks.config import parse_config
from recsys_tasks.sources.kinds.shop import ShopSource
from recsys_tasks.sources.shop.source import Shop
from recsys_tasks.stages import Night, run_all
from tests.stages.shop_nights import (
    FIRST_NIGHT,
    SECOND_NIGHT,
    SETTINGS,
    Results,
    rows,
    running_shop,
)

Nights = tuple[Night, Results, Night, Results]
lists: dict[date, pd.DataFrame] = {}


def of_mode(night: Night, mode: str, as_of: date) -> Night:
    settings: dict[str, Any] = {**SETTINGS, "ranker": {**SETTINGS["ranker"], "mode": mode}}
    return Night.open(parse_config(settings), night.environment, as_of)


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    """The first night without a ranker, the second with the heavy one alone; what readers saw is
    kept by night.
    """
    with running_shop(tmp_path_factory.mktemp("modes")) as (config, first, _):
        assert isinstance(config.source, ShopSource)
        shop = Shop(config.source, first.environment.home)
        shop.simulate(FIRST_NIGHT)
        none = of_mode(first, "none", FIRST_NIGHT)
        without = {result.stage: result for result in run_all(none)}
        shop.simulate_day(FIRST_NIGHT, {})
        heavy = of_mode(first, "heavy", SECOND_NIGHT)
        alone = {result.stage: result for result in run_all(heavy)}
        lists.update({night.as_of: _published(night) for night in (none, heavy)})
        yield none, without, heavy, alone


def published(night: Night) -> pd.DataFrame:
    """A night's lists as they were once both nights had run."""
    return lists[night.as_of]


def _published(night: Night) -> pd.DataFrame:
    query = "SELECT * FROM recsys.recommendation_history WHERE as_of = :day ORDER BY user_id, rank"
    return rows(night, query, day=night.as_of)


def test_without_a_ranker_lists_are_in_the_order_of_retrieval(nights: Nights) -> None:
    night, results, *_ = nights
    found = published(night)
    assert (
        results["publish"].figures["shown"] is True
        and found["user_id"].nunique() == results["publish"].rows > 300
    )
    assert set(found["rung"]) == {"retrieval"} and found["release"].isna().all()
    assert (
        found["score"].isna().all()
    )  # 1 over the place among the candidates is no chance, so nobody is shown it
    assert (found.groupby("user_id")["rank_before"].diff().dropna() > 0).all()


def test_a_release_without_a_ranker_is_measured_and_not_promoted(nights: Nights) -> None:
    night, results, *_ = nights
    query = "SELECT verdict, paragraph FROM recsys.gate_decisions WHERE as_of = :day"
    (decision,) = rows(night, query, day=FIRST_NIGHT).to_dict("records")
    assert decision["verdict"] == "reject"
    assert (
        "it has no ranker (ranker.mode is none), so there is nothing to promote"
        in decision["paragraph"]
    )
    assert (
        "its scores are off" not in decision["paragraph"]
    )  # a place is no chance that could be wrong
    ndcg = results["judge"].figures["ndcg@10"]
    assert isinstance(ndcg, float) and 0.05 < ndcg < 0.9
    html = night.lake.require("report", FIRST_NIGHT.isoformat()).file("report.html").read_text()
    assert "readers saw tonight" in html and "ranker.mode is none" in html


def test_no_night_alerts_because_of_its_mode(nights: Nights) -> None:
    night, *_ = nights
    assert rows(night, "SELECT * FROM recsys.alerts").empty


def test_the_heavy_ranker_alone_orders_every_candidate(nights: Nights) -> None:
    _, _, night, results = nights
    champion = night.registry.champion()
    assert champion is not None and results["judge"].figures["verdict"] == "promote"
    facts = json.loads(
        night.lake.get(night.registry.source(champion)).file("release.json").read_text()
    )
    assert facts["mode"] == "heavy" and facts["models"] == ["heavy"]
    found = published(night)
    assert set(found["rung"]) == {"heavy"} and set(found["release"]) == {champion}
    assert (
        found["score"].between(0, 1).all()
        and (found.groupby("user_id")["score"].diff().dropna() <= 0).all()
    )


def test_a_shop_that_turns_its_ranker_off_gets_the_order_of_retrieval(nights: Nights) -> None:
    """The champion stays on record, for the night that turns it on again."""
    _, _, heavy, _ = nights
    champion = heavy.registry.champion()
    off = of_mode(heavy, "none", SECOND_NIGHT)
    results = {result.stage: result for result in run_all(off)}
    assert results["publish"].figures["shown"] is True
    shown = rows(off, "SELECT DISTINCT rung, release FROM recsys.recommendations")
    assert shown["rung"].tolist() == ["retrieval"] and shown["release"].isna().all()
    assert off.registry.champion() == champion
