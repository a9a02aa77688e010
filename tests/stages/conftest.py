"""Two nights of a small shop, shared by the tests that look at them; what these change, the later
ones find changed.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from recsys_tasks.sources.shop.source import Shop
from recsys_tasks.stages import Night, run_all
from tests.stages.shop_nights import FIRST_NIGHT, Results, rows, running_shop


@pytest.fixture(scope="package")
def nights(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Night, Night, Shop, Results, Results]]:
    with running_shop(tmp_path_factory.mktemp("nights")) as (config, first, second):
        assert config.source.kind == "shop"
        shop = Shop(config.source, first.environment.home)
        shop.simulate(FIRST_NIGHT)
        one = {result.stage: result for result in run_all(first)}
        shown = rows(
            first, "SELECT user_id, item_id FROM recsys.recommendations ORDER BY user_id, rank"
        )
        shop.simulate_day(FIRST_NIGHT, shown.groupby("user_id").item_id.agg(list).to_dict())
        two = {result.stage: result for result in run_all(second)}
        yield first, second, shop, one, two
