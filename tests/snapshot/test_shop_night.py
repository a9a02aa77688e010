"""Nights of the simulated shop and of a public data set, through extract and freeze."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from recsys_tasks.config import Config, load_config
from recsys_tasks.errors import ValidationFailed
from recsys_tasks.lake import Lake
from recsys_tasks.snapshot.extract import extract
from recsys_tasks.snapshot.freeze import FreezeResult, freeze
from recsys_tasks.sources.base import open_source
from recsys_tasks.sources.shop.source import Shop
from tests.sources.shop.test_source import SMALL, shop_config

DATA = os.environ.get("RECSYS_TEST_DATA")


def night(config: Config, home: Path, as_of: date) -> FreezeResult:
    lake, now = Lake(home / "lake"), datetime(as_of.year, as_of.month, as_of.day, 1, tzinfo=UTC)
    extract(config, lake, open_source(config, home), as_of, now)
    return freeze(config, lake, as_of, now)


def test_a_bad_batch_fails_the_night_and_the_corrected_one_passes(tmp_path: Path) -> None:
    config, shop = shop_config(), Shop(SMALL, tmp_path)
    first = night(config, tmp_path, date(2026, 1, 12))
    assert len(first.days) == 7
    shop.simulate_day(date(2026, 1, 12), {})
    shop.write_bad_batch(date(2026, 1, 12))
    with pytest.raises(ValidationFailed) as caught:
        night(config, tmp_path, date(2026, 1, 13))
    for name in ("missing_user", "unknown_item", "unknown_event", "bad_price", "night.future"):
        assert name in caught.value.found
    shop.write_corrected_batch(date(2026, 1, 12))
    corrected = night(config, tmp_path, date(2026, 1, 13))
    assert corrected.waiting == {}
    assert corrected.days == (date(2026, 1, 12),)
    fresh = tmp_path / "never broken"
    shutil.copytree(tmp_path / "shop", fresh / "shop")
    whole = night(config, fresh, date(2026, 1, 13)).snapshot
    assert (whole.events().ts == corrected.snapshot.events().ts).all()
    assert whole.items.equals(corrected.snapshot.items)


@pytest.mark.skipif(
    not DATA, reason="RECSYS_TEST_DATA is unset: the benchmark data sets are not there"
)
def test_a_public_data_set_freezes_without_a_warning(tmp_path: Path) -> None:
    config = load_config(Path(__file__).parents[2] / "include" / "examples" / "movietweetings.yaml")
    result = night(config, tmp_path, date(2013, 6, 1))
    assert result.report.warnings == ()
    assert result.waiting == {}
    assert len(result.snapshot.events()) == result.rows > 40_000
