"""When nights start in the shop's own zone, and which dates they have."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from recsys_tasks.commands.describe import describe
from recsys_tasks.config import cron, read_environment
from recsys_tasks.config.nights import Nights
from recsys_tasks.errors import ConfigError
from tests.worlds import make_config


def at(day: int, hour: int, minute: int = 0, month: int = 3) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


AMS = "Europe/Amsterdam"
STARTS = {
    # Amsterdam: +1 in winter; on 2026-03-29 clocks go from 02:00 to 03:00, on 10-25 from 03:00 to
    # 02:00.
    "winter": ("Europe/Amsterdam", "0 3 * * *", at(10, 9), at(10, 2), date(2026, 3, 10)),
    "summer": ("Europe/Amsterdam", "0 3 * * *", at(30, 9), at(30, 1), date(2026, 3, 30)),
    "skipped": ("Europe/Amsterdam", "30 2 * * *", at(29, 9), at(29, 1, 30), date(2026, 3, 29)),
    "twice": (
        "Europe/Amsterdam",
        "30 2 * * *",
        at(25, 9, 0, 10),
        at(25, 1, 30, 10),
        date(2026, 10, 25),
    ),
    "between both": (
        "Europe/Amsterdam",
        "30 2 * * *",
        at(25, 1, 0, 10),
        at(24, 0, 30, 10),
        date(2026, 10, 24),
    ),
    # 01:00 of the 10th in Tokyo is 16:00 UTC of the 9th, before the cutoff of the 10th
    "far east": ("Asia/Tokyo", "0 1 * * *", at(9, 17), at(9, 16), date(2026, 3, 9)),
    "far east by day": ("Asia/Tokyo", "0 9 * * *", at(10, 1), at(10, 0), date(2026, 3, 10)),
    # 23:00 of the 9th in Los Angeles (summer from the 8th on, -7) is 06:00 UTC of the 10th
    "far west": ("America/Los_Angeles", "0 23 * * *", at(10, 7), at(10, 6), date(2026, 3, 9)),
}


@pytest.mark.parametrize("name", STARTS)
def test_a_night_starts_by_the_shops_clocks_and_has_one_date(name: str) -> None:
    zone, expression, now, start, night = STARTS[name]
    nights = Nights(expression, zone)
    assert (nights.last_start(now), nights.date_of(start)) == (start, night)
    assert nights.start_of(night) == start
    assert datetime(night.year, night.month, night.day, tzinfo=UTC) <= start


def test_starts_come_once_and_their_exact_moment_counts() -> None:
    nights = Nights("30 2 * * *", "Europe/Amsterdam")
    start = at(25, 1, 30, 10)
    assert nights.last_start(start) == start
    assert nights.last_start(start - timedelta(seconds=1)) == at(24, 0, 30, 10)
    following = cron.ticks_after(nights.cron, at(24, 12, 0, 10), 2, nights.timezone)
    assert following == [start, at(26, 1, 30, 10)]


def test_what_could_not_be_told_from_the_day_before_is_refused() -> None:
    def shop(**schedule: Any) -> None:
        make_config(schedule=schedule)

    for nightly in ("0 1 * * MON", "0 1,13 * * *", "0 */6 * * *"):
        with pytest.raises(ConfigError) as caught:
            shop(nightly=nightly, timezone="Asia/Tokyo")
        assert "once a day: let it start at one time of each day" in caught.value.found
        shop(nightly=nightly)
    with pytest.raises(ConfigError) as caught:  # Airflow would give the night after it its date
        shop(nightly="30 2 * * *", timezone="Australia/Sydney")
    assert "does not exist on 2025-10-05: let it start an hour" in caught.value.found
    shop(nightly="30 1 * * *", timezone="Australia/Sydney")
    shop(nightly="0 1 * * *", timezone="Asia/Tokyo")
    shop(nightly="0 9 * * MON", timezone="Asia/Tokyo")
    with pytest.raises(ConfigError) as caught:
        shop(timezone="Amsterdam")
    assert "'Amsterdam' is no time zone" in caught.value.found


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("UTC", "(UTC); a night has the date of its day"),
        ("Europe/Amsterdam", "(Europe/Amsterdam); a night has the date of the day before, as it"),
    ],
)
def test_config_check_says_which_date_a_night_has(zone: str, words: str) -> None:
    lines = describe(make_config(schedule={"timezone": zone}), read_environment())
    assert any(words in line for line in lines if line.startswith("schedule"))


def test_a_gap_is_an_hour_shorter_where_clocks_go_forward() -> None:
    assert cron.shortest_gap("0 1 * * *") == timedelta(hours=24)
    assert cron.shortest_gap("0 3 * * *", "Europe/Amsterdam") == timedelta(hours=23)
