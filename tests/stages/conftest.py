"""Two nights of a small shop. Tests that only look share one copy of the finished nights' home;
tests that change something get a copy of their own, so that no test depends on another's order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.stages.finished_nights import (
    FinishedNights,
    finished_both_nights,
    running_copy,
    shop_of,
)
from tests.stages.shop_nights import TwoNights


@pytest.fixture(scope="package")
def finished_nights(tmp_path_factory: pytest.TempPathFactory) -> FinishedNights:
    """Both nights, run; their server is stopped."""
    return finished_both_nights(tmp_path_factory)


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
    with running_copy(finished.folder, folder) as (config, first, second):
        shop = shop_of(config, first.environment.home)
        yield TwoNights(first, second, shop, finished.one, finished.two)
