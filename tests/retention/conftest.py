"""One night of a small shop, whole and real, for tests that damage, take out and erase what it
left.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from recsys_tasks.sources.kinds.shop import ShopSource
from recsys_tasks.sources.shop.source import Shop
from recsys_tasks.stages import Night, run_all
from tests.stages.shop_nights import FIRST_NIGHT, running_shop


@pytest.fixture(scope="package")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    with running_shop(tmp_path_factory.mktemp("stored")) as (config, first, _):
        assert isinstance(config.source, ShopSource)
        Shop(config.source, first.environment.home).simulate(FIRST_NIGHT)
        assert list(run_all(first))
        yield first
