"""Whole nights of a shop that forbids repeats: nobody, active or not, is recommended what the
policy forbids.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from recsys_tasks.clock import DAY_SECONDS, start_of
from recsys_tasks.config import parse_config
from recsys_tasks.serving.pointer import rollback
from recsys_tasks.sources.kinds.shop import ShopSource
from recsys_tasks.sources.shop.source import Shop
from recsys_tasks.stages import Night, run_all
from tests.stages.shop_nights import FIRST_NIGHT, SECOND_NIGHT, SETTINGS, rows, running_shop

pytestmark = pytest.mark.slow

AFTER_DAYS = 12


def of_policy(night: Night, policy: Any, as_of: date) -> Night:
    """Few are active, so that most users get fallbacks although they have a history."""
    changes = {"repeat_consumption": policy, "activity": {"min_events": 4, "within_days": 7}}
    settings: dict[str, Any] = {
        **SETTINGS,
        **changes,
        "ranker": {**SETTINGS["ranker"], "mode": "none"},
    }
    return Night.open(parse_config(settings), night.environment, as_of)


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Night, Night]]:
    """A night that forbids all repeats, and one after which they come back."""
    with running_shop(tmp_path_factory.mktemp("repeats")) as (config, first, _):
        assert isinstance(config.source, ShopSource)
        shop = Shop(config.source, first.environment.home)
        shop.simulate(FIRST_NIGHT)
        forbids = of_policy(first, "forbid", FIRST_NIGHT)
        run_all_of(forbids)
        shop.simulate_day(FIRST_NIGHT, {})
        returns = of_policy(first, {"after_days": AFTER_DAYS}, SECOND_NIGHT)
        run_all_of(returns)
        yield forbids, returns


def run_all_of(night: Night) -> None:
    for _ in run_all(night):
        pass


def served(night: Night, k: int) -> pd.DataFrame:
    """user_key, item_key of what every user is recommended now."""
    query = (
        "SELECT u.user_key, i.item_key, r.rung FROM recsys.users AS u CROSS JOIN LATERAL "
        "recsys.recommend(u.user_id, :k) AS r JOIN recsys.items AS i ON i.item_id = r.item_id"
    )
    with night.engine.connect() as connection:
        return pd.read_sql_query(sa.text(query), connection, params={"k": k})


def breaches(night: Night, found: pd.DataFrame, days: int | None) -> int:
    events = night.snapshot.events(before=night.as_of)
    late = (
        np.full(len(events.ts), True)
        if days is None
        else events.ts > start_of(night.as_of) - days * DAY_SECONDS
    )
    forbidden = set(zip(events.user[late].tolist(), events.item[late].tolist(), strict=True))
    return sum(
        (user, item) in forbidden
        for user, item in zip(found["user_key"], found["item_key"], strict=True)
    )


@pytest.mark.parametrize("k", [10, 40])
def test_nobody_is_recommended_what_comes_back_too_soon(
    nights: tuple[Night, Night], k: int
) -> None:
    _, returns = nights
    found = served(returns, k)
    assert len(found) > 4000 and (found["rung"] == "popularity").mean() > 0.2
    assert breaches(returns, found, AFTER_DAYS) == 0
    assert breaches(returns, found, None) > 0  # what is long ago does come back
    assert found.groupby("user_key").size().min() >= 10


def test_nobody_is_recommended_anything_of_the_past(nights: tuple[Night, Night]) -> None:
    forbids, _ = nights
    rollback(forbids.engine, who="me", why="test", now=forbids.now)
    assert rows(forbids, "SELECT as_of FROM recsys.status")["as_of"].tolist() == [FIRST_NIGHT]
    for k in (10, 40):
        found = served(forbids, k)
        assert len(found) > 4000 and breaches(forbids, found, None) == 0
        assert found.groupby("user_key").size().min() >= 10
