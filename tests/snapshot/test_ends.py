"""Items whose end has come are in no list: not tonight, nor at a past cutoff."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from recsys_tasks.errors import ValidationFailed
from recsys_tasks.snapshot.eligibility.eligible import eligible_items
from recsys_tasks.sources.base import source_of
from recsys_tasks.sources.times.ends import read_ends
from recsys_tasks.sources.times.rule import end_times
from tests.snapshot.shops import LiteralShop
from tests.worlds import make_config

ENDS = {
    "old": "2026-01-03",
    "today": "2026-01-06",
    "last": "2026-01-05",
    "ever": "",
    "far": "9999-12-31",
}


def shop(folder: Path, ends: dict[str, str], **items: Any) -> LiteralShop:
    table = pd.DataFrame({"item_id": list(ends), "ends": list(ends.values())})
    rows = [("ann", item, (2, n)) for n, item in enumerate(ends)] + [("ann", "ever", (5, 1))]
    settings = {"items": {"available_until_column": "ends", **items}}
    return LiteralShop(folder, rows, items=table, settings=settings)


def test_an_item_is_available_up_to_its_last_day(tmp_path: Path, unchecked: None) -> None:
    """On the night of the 6th: what ended on the 5th is gone, what ends on the 6th is there."""
    night = shop(tmp_path, ENDS).night(6).snapshot
    there = dict(zip(night.items["item_id"], night.items["available"], strict=True))
    assert there == {"old": False, "last": False, "today": True, "ever": True, "far": True}
    ids = night.items["item_id"].to_numpy()
    assert set(ids[eligible_items(night, date(2026, 1, 6))]) == {"today", "ever", "far"}
    # at a past cutoff, of which the lake has no night: what had ended by then is known tonight
    assert set(ids[eligible_items(night, date(2026, 1, 5))]) == {"last", "today", "ever", "far"}
    assert set(ids[eligible_items(night, date(2026, 1, 3))]) == set(ENDS)


def test_an_end_that_is_taken_back(tmp_path: Path, unchecked: None) -> None:
    made = shop(tmp_path, ENDS)
    made.night(6)
    made.items = pd.DataFrame({"item_id": ["old", "ever"], "ends": ["2026-02-01", "2026-01-06"]})
    made.rows.append(("ann", "ever", (6, 1)))
    night = made.night(7).snapshot
    there = night.items.set_index("item_id")["available"]
    assert (bool(there["old"]), bool(there["ever"]), bool(there["far"])) == (True, False, False)
    ids = night.items["item_id"].to_numpy()
    # of a gone item the last known end holds
    assert "last" not in set(ids[eligible_items(night, date(2026, 1, 6))])


@pytest.mark.parametrize("odd", ["soon", "1900-01-01", "0000-00-00"])
def test_an_end_that_is_none_stops_the_night_and_is_quoted(tmp_path: Path, odd: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        shop(tmp_path, {**ENDS, "odd": odd}).night(6)
    assert "items.available_until_readable: 1 of 6 rows" in caught.value.found
    assert f"'{odd}'" in caught.value.found
    assert "items.available_until_unit" in caught.value.remedy
    assert "source.null_words" in caught.value.remedy


def test_without_the_setting_nothing_ends(tmp_path: Path, unchecked: None) -> None:
    made = shop(tmp_path, ENDS)
    made.settings = {}
    assert made.night(6).snapshot.items["available"].all()


@pytest.mark.parametrize(
    ("column", "settings", "end"),
    [
        (pa.array(["2026-03-01"]), {}, "2026-03-02T00:00:00Z"),
        (pa.array(["2026-03-01T18:30:00Z"]), {}, "2026-03-01T18:30:00Z"),
        (pa.array(["2026-03-01 00:00:00"]), {}, "2026-03-01T00:00:00Z"),
        (pa.array([date(2026, 3, 1)]), {}, "2026-03-02T00:00:00Z"),
        (pa.array([datetime(2026, 3, 1, 9, tzinfo=UTC)]), {}, "2026-03-01T09:00:00Z"),
        (pa.array([20260301]), {"available_until_unit": "yyyymmdd"}, "2026-03-02T00:00:00Z"),
        (pa.array(["20260301"]), {"available_from_unit": "yyyymmdd"}, "2026-03-02T00:00:00Z"),
        (pa.array([1_772_355_600]), {}, "2026-03-01T09:00:00Z"),
        (pa.array(["01.03.2026"]), {"available_until_format": "%d.%m.%Y"}, "2026-03-02T00:00:00Z"),
        (
            pa.array(["01.03.2026 18:30"]),
            {"available_until_format": "%d.%m.%Y %H:%M"},
            "2026-03-01T18:30:00Z",
        ),
        # clocks are set forward on the 29th: the day has 23 hours
        (pa.array(["2026-03-29"]), {"timezone": "Europe/Berlin"}, "2026-03-29T22:00:00Z"),
        (pa.array(["2026-03-28"]), {"timezone": "Europe/Berlin"}, "2026-03-28T23:00:00Z"),
    ],
)
def test_days_alone_count_whole(column: pa.Array, settings: dict[str, Any], end: str) -> None:
    config = make_config(items={"available_until_column": "ends", **settings})
    read = read_ends(pa.chunked_array([column]), end_times(config, None))
    assert read.faults.null_count == 1
    assert read.values.to_pylist() == [int(datetime.fromisoformat(end).timestamp())]


def test_config_check_says_when_items_end(tmp_path: Path) -> None:
    made = shop(tmp_path, ENDS)
    made.deliver()
    words = [text for _, text in source_of(made.config).examine(made.config, made.config.source)]
    assert "4 of them with an end, from 2026-01-03 to 9999-12-31" in "; ".join(words)
