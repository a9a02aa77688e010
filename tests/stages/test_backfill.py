"""Nights that are made again while readers see a later one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.serving.publication import current_publication
from recsys_tasks.sources.kinds.shop import ShopSource
from recsys_tasks.sources.shop.source import Shop
from recsys_tasks.stages import Night, run_all
from recsys_tasks.stages.night import time_of
from tests.stages.shop_nights import FIRST_NIGHT, rows, running_shop

NIGHTS = [FIRST_NIGHT + timedelta(days=n) for n in range(4)]
_MADE = (
    "SELECT as_of, release, published_at IS NOT NULL AS shown FROM recsys.publication"
    " WHERE as_of < :last ORDER BY id"
)
_CHALLENGER = "SELECT max(challenger) AS challenger FROM recsys.gate_decisions WHERE as_of = :day"
_LISTS = "SELECT user_id, rank, item_id, score, release FROM recsys.recommendations ORDER BY 1, 2"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_backfill_is_served_by_what_was_live_then_and_moves_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_shop(tmp_path) as (config, first, _):
        assert isinstance(config.source, ShopSource)
        shop = Shop(config.source, first.environment.home)
        shop.simulate(FIRST_NIGHT)
        skipped = NIGHTS[2]
        for day in NIGHTS:
            night = Night.open(config, first.environment, day)
            if day != skipped:
                verdict = {r.stage: r for r in run_all(night)}["judge"].figures["verdict"]
                challenger = str(rows(night, _CHALLENGER, day=day)["challenger"][0])
                if verdict != "promote":  # so that each night has a champion of its own
                    night.registry.promote(challenger, who="test", why="test", at=time_of(day))
            shop.simulate_day(day, {})
        before = rows(night, _LISTS)
        pointer = current_publication(night.engine)
        made = rows(night, _MADE, last=NIGHTS[3])
        assert made["release"].nunique() >= 1 and made["shown"].all()
        served = dict(zip(made["as_of"], made["release"], strict=True))
        assert night.registry.champion() not in served.values()

        for name, value in (
            ("RECSYS_HOME", first.environment.home), ("RECSYS_CONFIG", tmp_path / "recsys.yaml")
        ):  # fmt: skip
            monkeypatch.setenv(name, str(value))
        dates = ("--from", NIGHTS[0].isoformat(), "--to", skipped.isoformat())
        result = CliRunner().invoke(app, ["backfill", *dates])
        assert result.exit_code == 0, result.output
        assert f"readers see the lists of {NIGHTS[3]}, which did not change" in result.output

        again = rows(night, _MADE, last=NIGHTS[3])
        newest = again.groupby("as_of").last()
        for day in NIGHTS[:2]:
            assert newest["release"][day] == served[day], day
        assert newest["release"][skipped] == served[NIGHTS[1]]
        assert not newest["shown"][skipped]
        said = rows(
            night, "SELECT paragraph FROM recsys.gate_decisions WHERE as_of = :d", d=skipped
        )
        assert said["paragraph"].str.contains("backfill").any()
        assert current_publication(night.engine) == pointer
        pd.testing.assert_frame_equal(rows(night, _LISTS), before)
