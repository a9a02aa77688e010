"""When a night is due, and what is late, stale or held: pure functions on moments."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

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
    alarm = freshness.missed(due, old.as_of, old, NOON, "it never started")
    assert alarm is not None and (alarm.kind, alarm.bound, alarm.value) == ("missed_night", 4, 11)
    assert "the night of 2026-03-10 was due at 2026-03-10 01:00 UTC" in alarm.words
    assert "Readers see the lists of 2026-03-05" in alarm.words
    assert freshness.missed(due, TODAY, shown(TODAY, 9, NOON), NOON, "-") is None


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
