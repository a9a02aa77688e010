"""Settings files that YAML reads in a way that nobody means, and numbers that no calendar holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recsys_tasks.clock import typed_day
from recsys_tasks.config import load_config, parse_config
from recsys_tasks.errors import ConfigError
from tests.worlds import make_config


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("extract: {earliest_day: 2026-02-30}", "line 1"),
        ("extract: {earliest_day: 2026-02-30}", "day is out of range"),
        ("a: &again [*again]", "itself"),
        ("a: &again {b: *again}", "itself"),
        ("a: " + "[" * 3000 + "]" * 3000, "nested"),
        ("a: " + "9" * 5000, "4300 digits"),
    ],
)
def test_what_yaml_cannot_make_a_value_of_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "recsys.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "recsys.yaml")
    assert words in caught.value.found
    assert caught.value.where.endswith("recsys.yaml")


def test_a_setting_that_is_there_twice_is_refused_with_its_lines(tmp_path: Path) -> None:
    (tmp_path / "recsys.yaml").write_text("project: a\nserving:\n  k: 5\n  spares: 2\n  k: 9\n")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "recsys.yaml")
    assert "'k' is there twice" in caught.value.found
    assert "line 5" in caught.value.found
    # a key of its own goes before a merged one
    shared = "project: a\nbase: &base {k: 5}\nserving:\n  <<: *base\n  k: 9\n"
    (tmp_path / "recsys.yaml").write_text(shared)
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "recsys.yaml")
    assert "twice" not in caught.value.found


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"extract": {"lookback_days": 10**9}}, "extract.lookback_days"),
        ({"extract": {"latest_days": 10**9}}, "extract.latest_days"),
        ({"validation": {"max_quarantine_days": 10**9}}, "validation.max_quarantine_days"),
        ({"repeat_consumption": {"after_days": 10**9}}, "after_days"),
        ({"features": {"popularity_days": [10**9]}}, "features.popularity_days.0"),
        ({"features": {"popularity_days": []}}, "features.popularity_days"),
        ({"validation": {"volume_ratio": [5, 0.2]}}, "swap"),
        ({"validation": {"volume_ratio": [0.2, float("inf")]}}, "finite number"),
        ({"validation": {"closed_days": ["Sunday"]}}, "'sunday'"),
        ({"validation": {"closed_days": ["someday"]}}, "monday"),
        ({"validation": {"closed_days": ["2026-02-30"]}}, "monday"),
        ({"objectives": []}, "objectives"),
        ({"objectives": [{"name": "a", "events": []}]}, "objectives.0.events"),
        ({"objectives": [{"name": "a", "events": ["purchase"]}] * 2}, "'a' is declared twice"),
        ({"events": {"kinds": [{"name": f"k{n}"} for n in range(200)]}}, "events.kinds"),
        ({"events": {"kinds": []}}, "events.kinds"),
        ({"events": {"kinds": [{"name": "purchase"}, {"name": ""}]}}, "events.kinds.1.name"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config({**make_config().model_dump(), **changes})
    assert words in caught.value.found


def test_nights_are_compared_as_dates_however_they_are_written() -> None:
    days = {"accepted_losses": ["20260301"], "closed_days": ["20261225", "sunday"]}
    rules = parse_config({**make_config().model_dump(), "validation": days}).validation
    assert rules.accepted_losses == ("2026-03-01",)
    assert rules.closed_days == ("2026-12-25", "sunday")


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31", "1969-12-31"])
def test_a_night_that_no_window_fits_before_or_behind_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="from 1970 to 2999"):
        typed_day(text, "--as-of")
