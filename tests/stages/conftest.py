"""Two nights of a small shop. Tests that only look share one copy of the finished nights' home;
tests that change something get a copy of their own, so that no test depends on another's order.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from recsys_tasks.sources.kinds.shop import ShopSource
from recsys_tasks.sources.shop.source import Shop
from recsys_tasks.stages import run_all
from tests.stages.shop_nights import FIRST_NIGHT, FinishedNights, TwoNights, rows, running_shop


@pytest.fixture(scope="package")
def finished_nights(tmp_path_factory: pytest.TempPathFactory) -> FinishedNights:
    """Both nights, run; their server is stopped."""
    folder = tmp_path_factory.mktemp("finished")
    with running_shop(folder) as (config, first, second):
        assert isinstance(config.source, ShopSource)
        shop = Shop(config.source, first.environment.home)
        shop.simulate(FIRST_NIGHT)
        one = {result.stage: result for result in run_all(first)}
        shown = rows(
            first, "SELECT user_id, item_id FROM recsys.recommendations ORDER BY user_id, rank"
        )
        lists = shown.groupby("user_id").item_id.agg(list)
        shop.simulate_day(FIRST_NIGHT, {str(user): items for user, items in lists.items()})
        two = {result.stage: result for result in run_all(second)}
    return FinishedNights(folder, one, two)


@pytest.fixture(scope="package")
def nights(
    finished_nights: FinishedNights, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TwoNights]:
    """The finished nights, to look at."""
    with _copied(finished_nights, tmp_path_factory.mktemp("looked")) as found:
        yield found


@pytest.fixture
def own_nights(
    finished_nights: FinishedNights, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TwoNights]:
    """The finished nights, for one test that changes something."""
    with _copied(finished_nights, tmp_path_factory.mktemp("own")) as found:
        yield found


@contextmanager
def _copied(finished: FinishedNights, folder: Path) -> Iterator[TwoNights]:
    # With owners: where root runs the tests, the server's files belong to another user.
    subprocess.run(["cp", "-a", finished.folder / "home", folder / "home"], check=True)
    with running_shop(folder) as (config, first, second):
        assert isinstance(config.source, ShopSource)
        shop = Shop(config.source, first.environment.home)
        yield TwoNights(first, second, shop, finished.one, finished.two)
