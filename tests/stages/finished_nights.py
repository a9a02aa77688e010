"""Nights of the small shop that are run once for all tests of a run: a test gets a copy of their
home.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from recsys_tasks.config import Config
from recsys_tasks.sources.kinds.shop import ShopSource
from recsys_tasks.sources.shop.source import Shop
from recsys_tasks.stages import Night, run_all
from tests.built_once import built_once
from tests.stages.shop_nights import FIRST_NIGHT, Results, rows, running_shop


@dataclass(frozen=True)
class FirstNight:
    """A folder whose home has the first night, with no server running; its results by stage."""

    folder: Path
    one: Results


@dataclass(frozen=True)
class FinishedNights:
    """A folder whose home has both nights, with no server running; results by stage."""

    folder: Path
    one: Results
    two: Results


def shop_of(config: Config, home: Path) -> Shop:
    """The simulated shop of the settings."""
    assert isinstance(config.source, ShopSource)
    return Shop(config.source, home)


def finished_first_night(factory: pytest.TempPathFactory) -> FirstNight:
    """The first night, run."""

    def build(folder: Path) -> Results:
        with running_shop(folder) as (config, first, _):
            shop_of(config, first.environment.home).simulate(FIRST_NIGHT)
            return {result.stage: result for result in run_all(first)}

    return FirstNight(*built_once(factory, "first-night", build))


def finished_both_nights(factory: pytest.TempPathFactory) -> FinishedNights:
    """Both nights, run; on the first night's day users saw its lists."""
    before = finished_first_night(factory)

    def build(folder: Path) -> Results:
        with running_copy(before.folder, folder) as (config, first, second):
            shown = rows(
                first, "SELECT user_id, item_id FROM recsys.recommendations ORDER BY user_id, rank"
            )
            lists = shown.groupby("user_id").item_id.agg(list)
            shop = shop_of(config, first.environment.home)
            shop.simulate_day(FIRST_NIGHT, {str(user): items for user, items in lists.items()})
            return {result.stage: result for result in run_all(second)}

    folder, two = built_once(factory, "both-nights", build)
    return FinishedNights(folder, before.one, two)


@contextmanager
def running_copy(finished: Path, folder: Path) -> Iterator[tuple[Config, Night, Night]]:
    """A copy of a finished home in another folder, on a server of its own."""
    # With owners: where root runs the tests, the server's files belong to another user.
    subprocess.run(["cp", "-a", finished / "home", folder / "home"], check=True)
    with running_shop(folder) as running:
        yield running
