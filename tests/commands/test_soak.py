"""`recsys soak`: what it calls well, and a few of its nights."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.commands.soak import SoakNight, soak, verdict

FIRST = date(2026, 2, 16)


def nights_of(memory: Sequence[float], disk: Sequence[float], wrong: str = "") -> list[SoakNight]:
    return [
        SoakNight(FIRST + timedelta(days=n), "nothing", 1, 30.0, peak, kept, None, wrong)
        for n, (peak, kept) in enumerate(zip(memory, disk, strict=True))
    ]


def test_what_stays_the_same_is_well() -> None:
    assert verdict(nights_of([1500.0] * 9, [20.0, 25, 30, 35, 36, 35, 36, 35, 36])) == []


@pytest.mark.parametrize(
    ("memory", "disk", "named"),
    [([100.0 * n for n in range(1, 10)], [20.0] * 9, "memory"), ([1.0] * 9, range(9), "database")],
)
def test_what_goes_on_growing_is_named(
    memory: Sequence[float], disk: Sequence[float], named: str
) -> None:
    (line,) = verdict(nights_of(memory, disk))
    assert named in line


def test_a_night_that_was_wrong_is_named() -> None:
    assert verdict(nights_of([1.0], [1.0], "readers see None")) == [f"{FIRST}: readers see None"]


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "recsys.yaml").touch()
    done = CliRunner().invoke(app, ["soak", str(tmp_path)])
    assert done.exit_code == 1
    assert "a folder that is new or empty" in done.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "recsys.yaml"]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_nights_that_break_end_well(tmp_path: Path) -> None:
    nights = list(soak(tmp_path / "soak", 6, seed=5))
    assert verdict(nights) == []
    assert len({night.fault for night in nights}) > 3
    assert nights[-1].readers == nights[-1].night
