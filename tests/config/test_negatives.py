"""Negative events and ratings that contradict other settings are refused, each with a remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from recsys_tasks.config import load_config
from recsys_tasks.config.hashing import config_hash
from recsys_tasks.errors import ConfigError
from tests.worlds import make_config

FINE: dict[str, Any] = {
    "quantity_column": "units",
    "kinds": [{"name": "view"}, {"name": "purchase"}],
    "impressions": {"event": "shown", "position_column": "place"},
}


def refused(folder: Path, *negatives: dict[str, Any], **events: Any) -> str:
    settings = make_config().model_dump(mode="json", include={"project", "source", "objectives"})
    settings["events"] = {**FINE, **events, "negatives": list(negatives)}
    path = folder / "recsys.yaml"
    path.write_text(yaml.safe_dump(settings))
    with pytest.raises(ConfigError) as raised:
        load_config(path)
    return str(raised.value)


@pytest.mark.parametrize(
    ("negative", "events", "words"),
    [
        ({"name": "purchase"}, {}, "an event has a weight or is negative"),
        ({"name": "shown"}, {}, "is the event of events.impressions, too"),
        ({"name": "return", "weight": 2}, {}, "weight"),
        ({"name": "return", "of": ["sale"]}, {}, "of: 'sale' is not one of events.kinds"),
        ({"name": "no", "ended_by": ["sale"]}, {}, "ended_by: 'sale' is not one of events.kinds"),
        ({"name": "no"}, {"event_column": None, "impressions": None}, "needs events.event_column"),
        ({"name": "no", "takes_back": "units"}, {"quantity_column": None}, "write newest"),
        (
            {"name": "no", "rows": "negative_quantity"},
            {"quantity_column": None},
            "negative_quantity needs events.quantity_column",
        ),
        ({"name": "no", "takes_back": "nothing", "of": ["view"]}, {}, "`of` has no meaning"),
        ({"name": "no", "takes_back": "nothing", "for_days": 0}, {}, "bans nothing and takes"),
        ({"name": "no", "for_days": 0, "ended_by": ["view"]}, {}, "`ended_by` has no meaning"),
        ({"name": "no", "for_days": -1}, {}, "for_days"),
    ],
)
def test_what_contradicts_is_refused_with_what_to_write_instead(
    tmp_path: Path, negative: dict[str, Any], events: dict[str, Any], words: str
) -> None:
    message = refused(tmp_path, negative, **events)
    assert words in message and "events.negatives" in message
    assert all(part in message for part in ("expected", "found", str(tmp_path)))


def test_two_of_one_name_and_two_of_negative_quantities_are_refused(tmp_path: Path) -> None:
    both = [{"name": "return", "rows": "negative_quantity"}, {"name": "return"}]
    assert "'return' is declared twice" in refused(tmp_path, *both)
    both[1] = {"name": "refund", "rows": "negative_quantity"}
    assert "leave `rows: negative_quantity` to one" in refused(tmp_path, *both)


def test_without_them_the_settings_hash_as_before() -> None:
    assert "negatives" not in make_config().events.model_dump()
    assert config_hash(make_config(events={"negatives": []}).events) == config_hash(
        make_config().events
    )


LIKED: dict[str, Any] = {"column": "stars", "levels": [{"at_least": 4, "event": "purchase"}]}


@pytest.mark.parametrize(
    ("rating", "events", "words"),
    [
        ({"levels": [{"at_least": 4, "event": "loved"}]}, {}, "'loved' is neither one of"),
        ({"levels": []}, {}, "levels"),
        ({"levels": [{"at_least": 4, "event": "no"}]}, {}, "no level is one of events.kinds"),
        ({"levels": [*LIKED["levels"], *LIKED["levels"]]}, {}, "begin at the same rating"),
        ({"maximum": 3}, {}, "a level at 4, but ratings are at most 3"),
        ({"minimum": 5, "maximum": 1}, {}, "swap the two"),
        ({"unrated": "no"}, {}, "unrated: 'no' is not one of events.kinds"),
        ({"of": ["shown"]}, {}, "have no rating"),
        ({"of": ["rating"]}, {"event_column": None, "impressions": None}, "leave `of` out"),
    ],
)
def test_ratings_that_contradict_are_refused(
    tmp_path: Path, rating: dict[str, Any], events: dict[str, Any], words: str
) -> None:
    no = {"name": "no", "rows": "negative_quantity"}
    message = refused(tmp_path, no, rating={**LIKED, **rating}, **events)
    assert words in message and "events.rating" in message
