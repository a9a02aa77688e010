from __future__ import annotations

import pytest

from recsys_tasks.config import config_hash, parse_config
from recsys_tasks.errors import ConfigError
from tests.worlds import make_config


def test_every_mistake_is_named_at_once() -> None:
    raw = {
        "project": "shop",
        "source": {"kind": "files", "events": "e.csv", "items": "i.csv"},
        "objectives": [{"name": "buy", "events": ["purchase"]}],
        "label_window_days": 0,
        "two_tower": {"dimension": 64},
        "activity": {"min_events": "many"},
    }
    with pytest.raises(ConfigError) as caught:
        parse_config(raw)
    # the unknown key, the range and the type: three mistakes, each with its place
    assert caught.value.found.startswith("3 mistake(s)")
    for place in ("two_tower.dimension", "label_window_days", "activity.min_events"):
        assert place in caught.value.found


def test_names_must_agree() -> None:
    with pytest.raises(ConfigError, match=r"event 'buy' is not one of events\.kinds"):
        make_config(objectives=[{"name": "purchase", "events": ["buy"]}])
    with pytest.raises(ConfigError, match="64 dimensions cannot be shared evenly by 3 members"):
        make_config(two_tower={"dimensions": 64, "members": 3})
    with pytest.raises(ConfigError, match="segment_by"):
        make_config(users={"segment_by": "country"})


def test_the_shops_first_day_is_a_date() -> None:
    with pytest.raises(ConfigError, match=r"source\.shop\.first_day: .*isoformat.*'2026-1-5'"):
        make_config(source={"kind": "shop", "first_day": "2026-1-5"})
    assert make_config(source={"kind": "shop", "first_day": "2026-01-05"}).source.kind == "shop"


def test_codes_and_weights_follow_the_declared_order() -> None:
    kinds = [{"name": "view"}, {"name": "purchase", "weight": 5}]
    config = make_config(events={"kinds": kinds})
    assert config.event_codes == {"view": 0, "purchase": 1}
    assert config.event_weights == (1.0, 5.0)
    assert config.objective_codes(config.objectives[0]) == (1,)


def test_settings_are_frozen_and_hash_by_value() -> None:
    config = make_config()
    with pytest.raises(ValueError, match="frozen"):
        config.project = "other"  # type: ignore[misc]
    assert config_hash(config.gate) == config_hash(make_config().gate)
    assert config_hash(config.gate) != config_hash(make_config(gate={"margin": 0.02}).gate)
