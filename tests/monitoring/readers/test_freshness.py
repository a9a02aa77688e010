"""When a night is due, and what is late, stale or held: pure functions on moments."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta

import pytest

from recsys_tasks.config.nights import Nights
from recsys_tasks.monitoring.readers import freshness
from recsys_tasks.monitoring.readers.freshness import Shown

NIGHTLY = Nights("0 1 * * *")
TODAY = date(2026, 3, 10)
DUE = datetime(2026, 3, 10, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "late", "night"),
    [
        (DUE + timedelta(hours=4), 4.0, TODAY),  # exactly at the bound it is due
        (DUE + timedelta(hours=4) - timedelta(seconds=1), 4.0, TODAY - timedelta(days=1)),
        (DUE + timedelta(hours=23), 4.0, TODAY),
        (DUE, 0.5, TODAY - timedelta(days=1)),
    ],
)
def test_a_night_is_due_so_long_after_its_schedule(now: datetime, late: float, night: date) -> None:
    assert freshness.due_night(NIGHTLY, now, late).night == night


def test_a_weekly_shop_is_due_once_a_week() -> None:
    monday = datetime(2026, 3, 9, 1, tzinfo=UTC)
    assert freshness.due_night(Nights("0 1 * * MON"), monday + timedelta(days=5), 4).night == date(
        2026, 3, 9
    )


@pytest.mark.parametrize(
    ("hours", "late"),
    [
        ([], 4.0),
        ([0.2, 0.3, 0.2], 2.0),  # at least two
        ([1.4, 1.5, 1.6, 9.0], 3.1),  # twice the median of 1.4, 1.5, 1.6 and 9.0, which is 1.55
        ([8.0, 9.0], 6.0),  # at most six
        ([1.5, 30.0, 60.0], 3.0),  # days later: run by hand
    ],
)
def test_how_late_follows_how_long_nights_took(hours: list[float], late: float) -> None:
    made = [
        (TODAY - timedelta(days=n), DUE - timedelta(days=n) + timedelta(hours=took))
        for n, took in enumerate(hours)
    ]
    assert freshness.usual_late_hours(NIGHTLY, made) == pytest.approx(late)


def shown(
    night: date, hours: float, now: datetime, hold: str = "", held_hours: float = 0.0
) -> Shown:
    return Shown(
        night,
        now - timedelta(hours=hours),
        hold,
        now - timedelta(hours=held_hours) if hold else None,
    )


NOON = DUE + timedelta(hours=11)


def test_lists_of_five_nights_ago_are_not_fresh_however_lately_they_were_published() -> None:
    due = freshness.due_night(NIGHTLY, NOON, 4)
    old = shown(TODAY - timedelta(days=5), 2, NOON)
    alarm = freshness.missed(due, NIGHTLY, old.as_of, old, NOON, "it never started")
    assert alarm is not None and (alarm.kind, alarm.bound, alarm.value) == ("missed_night", 4, 11)
    assert "the night of 2026-03-10 was due at 2026-03-10 01:00 UTC" in alarm.words
    assert "Readers see the lists of 2026-03-05" in alarm.words
    assert freshness.missed(due, NIGHTLY, TODAY, shown(TODAY, 9, NOON), NOON, "-") is None


def test_who_is_held_is_not_stale_and_is_reminded_once_the_hold_is_old() -> None:
    held = shown(TODAY - timedelta(days=1), 40, NOON, "ann: bad prices", 8)
    assert freshness.stale(held, NOON, 30) is None and freshness.held(held, NOON, 30) is None
    older = shown(TODAY - timedelta(days=2), 64, NOON, "ann: bad prices", 31)
    alarm = freshness.held(older, NOON, 30)
    assert alarm is not None and alarm.kind == "held" and "by ann: bad prices" in alarm.words
    assert freshness.held(shown(TODAY, 64, NOON), NOON, 30) is None


def test_staleness_has_a_bound_and_its_words_are_true() -> None:
    assert freshness.stale(shown(TODAY, 30, NOON), NOON, 30) is None
    alarm = freshness.stale(shown(TODAY - timedelta(days=1), 30.01, NOON), NOON, 30)
    assert (
        alarm is not None
        and alarm.value == pytest.approx(30.01)
        and "the lists of 2026-03-09, current for 30.0 hours" in alarm.words
    )
    nothing = freshness.stale(None, NOON, 30)
    assert (
        nothing is not None
        and "no publication is current" in nothing.words
        and math.isinf(nothing.value)
    )


# --- readers' deadline ----------------------------------------------------------------------------

# 03:00 and 06:00 in Amsterdam are 02:00 and 05:00 UTC in winter; on 2026-03-29, when clocks go
# forward at 02:00, they are 01:00 and 04:00.
PROMISED = Nights("0 3 * * *", "Europe/Amsterdam", time(6))
BEFORE = TODAY - timedelta(days=1)


@pytest.mark.parametrize(
    ("now", "night", "words"),
    [
        (datetime(2026, 3, 10, 3, 20, tzinfo=UTC), BEFORE, "1 h 40 min left"),
        (datetime(2026, 3, 10, 4, 59, 30, tzinfo=UTC), BEFORE, "0 min left"),
        (datetime(2026, 3, 10, 5, 0, tzinfo=UTC), TODAY, "passed 0 min ago"),
        (datetime(2026, 3, 10, 6, 5, tzinfo=UTC), TODAY, "passed 1 h 5 min ago"),
    ],
)
def test_a_night_is_due_at_readers_deadline(now: datetime, night: date, words: str) -> None:
    assert freshness.due_night(PROMISED, now, late_hours=99).night == night
    assert PROMISED.time_left(TODAY, now) == f"readers' deadline 06:00 Europe/Amsterdam, {words}"
    assert NIGHTLY.time_left(TODAY, now) == ""


def test_a_deadline_keeps_its_wall_time_where_clocks_change() -> None:
    night = date(2026, 3, 29)
    assert PROMISED.deadline(PROMISED.start_of(night)) == datetime(2026, 3, 29, 4, tzinfo=UTC)
    due = freshness.due_night(PROMISED, datetime(2026, 3, 29, 4, tzinfo=UTC), 99)
    assert (due.night, due.late_hours) == (night, 3)
    # started at 23:00 of the 9th, expected at 06:00 of the 10th
    evening = Nights("0 23 * * *", "UTC", time(6))
    assert evening.deadline(evening.start_of(BEFORE)) == datetime(2026, 3, 10, 6, tzinfo=UTC)


def test_a_missed_night_is_told_by_the_shops_clocks() -> None:
    now = datetime(2026, 3, 10, 5, 10, tzinfo=UTC)
    due = freshness.due_night(PROMISED, now, 99)
    alarm = freshness.missed(due, PROMISED, BEFORE, None, now, "it never started")
    assert alarm is not None and "was due at 2026-03-10 03:00 Europe/Amsterdam" in alarm.words
    assert alarm.bound == 3 and alarm.value == pytest.approx(3 + 1 / 6)
